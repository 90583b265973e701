"""Settings: `CITYVITALS_…` in the environment over `cityvitals.toml` over these defaults.

Nested keys join with two underscores: `CITYVITALS_DATABASE__DSN`. Built once by each process's
composition root, which hands every part the section it needs.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from cityvitals.errors import SettingsError

_PREFIX: Final = "CITYVITALS_"
_NOT_OURS: Final = {
    "fail_on_skip": "tests",
    "soak_minutes": "tests",
    "soak_seeds": "tests",
    "test_dsn": "tests",
}
"""Names with our prefix that are no settings, and who reads them."""

_NEEDS: Final = {
    "password": "username",
    "password_file": "username",
    "ca_file": "tls",
    "client_cert_file": "tls",
    "client_key_file": "client_cert_file",
    "client_key_password": "client_key_file",
}
"""Of the broker's settings: what has no meaning without which other."""

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that are heard on this machine alone."""

_PORT_STEP: Final = 10
"""Between the health ports of workers: the ones next to the first belong to other processes."""

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Workers(_Section):
    """A process that may be several.

    Attributes:
        health_port: of the first; the others' follow, ten apart.
        workers: how many share the work on this machine.
    """

    health_port: Port
    workers: int = Field(default=1, ge=1, le=64)

    def worker_port(self, number: int) -> int:
        """Health port of a worker; the first has the port that is set."""
        return self.health_port + _PORT_STEP * number


class DatabaseSettings(_Section):
    """How to reach PostgreSQL."""

    dsn: SecretStr = SecretStr("postgresql://cityvitals@127.0.0.1:5432/cityvitals")
    pool_size: int = Field(default=4, ge=1, le=64)
    connect_timeout_seconds: Seconds = 5.0
    command_timeout_seconds: Seconds = 60.0
    lock_timeout_seconds: float = Field(default=10.0, ge=0)


class StorageSettings(_Section):
    """How the database keeps what it is given; `cityvitals migrate` puts it into force.

    Attributes:
        engine: `auto` is TimescaleDB where the server can, and plain PostgreSQL where it cannot.
        readings_per_day: what is expected, of all cities; how long chunks are follows from it.
        compress_after_hours: the age of readings and rollups at which TimescaleDB compresses them.
        compress_indicators_after_days: the same of indicators, which late data corrects for longer.
    """

    engine: Literal["auto", "timescaledb", "postgresql"] = "auto"
    readings_per_day: int = Field(default=10_000_000, ge=1, le=1_000_000_000_000)
    compress_after_hours: float = Field(default=24.0, gt=0, le=876_000)
    compress_indicators_after_days: float = Field(default=90.0, gt=0, le=36_500)


class BrokerSettings(_Section):
    """How to reach the broker; `cityvitals.tls` makes of it what connecting needs."""

    host: str = "127.0.0.1"
    port: Port = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    client_key_password: SecretStr | None = None
    keepalive_seconds: int = Field(default=30, ge=5, le=3600)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """What would be ignored without a word is refused instead, such as a CA without TLS."""
        for name, needed in _NEEDS.items():
            if getattr(self, name) is not None and not getattr(self, needed):
                raise ValueError(f"{name} is set, but {needed} is not: set both, or neither")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file are both set: set one of them")
        return self


class IngestSettings(_Workers):
    """What ingest accepts, and when it commits."""

    lane: str = Field(default="ingest-0", pattern=r"^[a-z0-9-]{1,32}$")
    share: str = Field(default="ingest", pattern=r"^[a-z0-9-]{1,32}$")
    flush_after_seconds: Seconds = 0.02
    batch_readings: int = Field(default=20_000, ge=1, le=1_000_000)
    receive_maximum: int = Field(default=1000, ge=1, le=65535)
    payload_bytes: int = Field(default=65_536, ge=64, le=16_777_216)
    future_seconds: Seconds = 300.0
    skew_seconds: Seconds = 30.0
    register_unknown: bool = True
    new_series_per_hour: int = Field(default=10_000, ge=0)
    new_gateways_per_hour: int = Field(default=1_000, ge=0)
    new_cities_per_hour: int = Field(default=100, ge=0)
    new_declarations_per_hour: int = Field(default=30_000, ge=0)
    gateway_readings_per_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    session_expiry_seconds: int = Field(default=604_800, ge=0)
    keep_dead_letters_days: int = Field(default=90, ge=0, le=36_500)
    health_port: Port = 9101
    orphan_after_seconds: Seconds = 30.0
    statement_timeout_seconds: float = Field(default=30.0, ge=0)


class AggregatorSettings(_Workers):
    """When indicators are derived, and when they are final."""

    health_port: Port = 9102
    lease_seconds: Seconds = 3.0
    poll_seconds: Seconds = 0.25
    cycle_seconds: float = Field(default=0.05, ge=0)
    checkpoint_seconds: Seconds = 5.0
    cycle_readings: int = Field(default=100_000, ge=1)
    lateness_seconds: float = Field(default=2.0, ge=0)
    final_after_seconds: float = Field(default=60.0, ge=0)
    provisional_every_seconds: float = Field(default=60.0, ge=0)
    derive_days_every_seconds: float = Field(default=0.0, ge=0)
    derive_years_every_seconds: float = Field(default=3600.0, ge=0)
    silent_after_seconds: Seconds = 900.0
    keep_changes: int = Field(default=100_000, ge=1000)
    statement_timeout_seconds: float = Field(default=60.0, ge=0)
    rules: Path | None = None
    rules_every_seconds: Seconds = 2.0
    only: tuple[str, ...] = ()


class ApiSettings(_Workers):
    """Where the API and the page are served, and to whom.

    Attributes:
        access: who may read without a token: anybody (`open`), nobody (`closed`), or anybody where
            the API listens on the loopback alone (`auto`). Whoever changes something needs one.
        cors_origins: pages of these origins may use it from a browser.
        requests_per_second: of one client that is not on this machine, for long; 0 for no limit.
        publish: latest indicators stand on retained topics of the broker.
        body_bytes: no more is taken of what a request sends.
        request_seconds: no answer takes longer, live streams apart.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    health_port: Port = 9103
    history_limit: int = Field(default=2000, ge=1, le=100_000)
    stream_queue: int = Field(default=10_000, ge=10)
    statement_timeout_seconds: float = Field(default=10.0, ge=0)
    access: Literal["auto", "open", "closed"] = "auto"
    cors_origins: tuple[str, ...] = ()
    requests_per_second: float = Field(default=50.0, ge=0, allow_inf_nan=False)
    publish: bool = False
    body_bytes: int = Field(default=1_048_576, ge=1024, le=67_108_864)
    request_seconds: Seconds = 30.0

    @property
    def reads_openly(self) -> bool:
        """Whether nobody needs a token to read."""
        return self.access == "open" or (self.access == "auto" and self.host in LOOPBACK)


class RetentionSettings(_Section):
    """How long raw readings of live cities are kept; rollups and indicators stay for ever."""

    days: int | None = Field(default=None, ge=1, le=36_500)
    check_seconds: Seconds = 60.0


class HealthSettings(_Section):
    """Where each process answers `/healthz`, `/readyz` and `/metrics`, on its `health_port`.

    Attributes:
        host: whoever reaches it reads all of that without a token.
    """

    host: str = "127.0.0.1"


class LogSettings(_Section):
    """How logs look."""

    level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    json_lines: bool = True


class Settings(BaseSettings):
    """All settings of all processes."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        toml_file="cityvitals.toml",
        frozen=True,
        extra="forbid",
    )

    data: Path = Path("var")
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    aggregator: AggregatorSettings = AggregatorSettings()
    api: ApiSettings = ApiSettings()
    retention: RetentionSettings = RetentionSettings()
    health: HealthSettings = HealthSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _compresses_only_what_is_complete(self) -> Self:
        """Readings still expected to arrive would each be looked for in compressed batches."""
        expected_s = self.aggregator.lateness_seconds + self.aggregator.final_after_seconds
        if self.storage.compress_after_hours * 3600 <= expected_s:
            raise ValueError(
                f"storage.compress_after_hours is {self.storage.compress_after_hours:g}, but "
                f"readings count as in time for {expected_s:g} s "
                "(aggregator.lateness_seconds + final_after_seconds): compress later than that"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; nothing else."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: naming each bad key, its source form, and why; never a secret's value.
    """
    _refuse_unknown(os.environ)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [
            f"{_named(found['loc'])}{found['msg']}"
            for found in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("settings: " + "; ".join(lines)) from None
    except ValueError as error:  # the TOML file itself does not parse
        raise SettingsError(f"settings: cityvitals.toml: {error}") from None


def _named(path: tuple[int | str, ...]) -> str:
    """A setting as the environment writes it; nothing for a finding about several."""
    return _PREFIX + "__".join(str(part).upper() for part in path) + ": " if path else ""


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """A misspelt section would silently leave its default in force, such as the database."""
    for name in environment:
        section = name.removeprefix(_PREFIX).partition("__")[0].lower()
        if name.startswith(_PREFIX) and section not in Settings.model_fields | _NOT_OURS:
            known = ", ".join(sorted(Settings.model_fields))
            raise SettingsError(f"settings: {name}: there is no {section!r}, but {known}")
