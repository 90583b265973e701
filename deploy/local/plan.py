"""What `up` will start, and with which ports and environment: decided before anything starts."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cityvitals.settings import Settings
from deploy.local.note import Note

DATABASE_PORT: Final = 25432
BROKER_PORT: Final = 21883
"""Neither is the usual one, which a server of the machine may have, nor one lent to clients."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asks `up` for.

    Attributes:
        simulator: play the seeded city.
        history_hours: how much of its past a first start sends.
        database_port: of the embedded PostgreSQL.
    """

    simulator: bool = True
    history_hours: float = 48.0
    database_port: int = DATABASE_PORT


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port that must be free, what for, and what chooses another."""

    port: int
    purpose: str
    setting: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run.

    Attributes:
        data: data folder.
        own_database: start a PostgreSQL; false where the user's settings name one.
        own_broker: start a broker; false where the user's settings name one.
        broker_port: of the broker, own or not.
    """

    settings: Settings
    options: Options
    data: Path
    own_database: bool
    own_broker: bool
    broker_port: int

    @property
    def page(self) -> str:
        """Address of the page."""
        return f"http://{self.settings.api.host}:{self.settings.api.port}/"

    @property
    def health_ports(self) -> dict[str, int]:
        """Where each process answers `/readyz` and `/metrics`."""
        settings = self.settings
        return {
            "ingest": settings.ingest.health_port,
            "aggregate": settings.aggregator.health_port,
            "api": settings.api.health_port,
        }

    def ports(self) -> list[PortUse]:
        """Ports that our processes take; servers check theirs themselves."""
        uses = [PortUse(self.settings.api.port, "the page and the API", "--port")]
        sections = {"ingest": "INGEST", "aggregate": "AGGREGATOR", "api": "API"}
        for name, port in self.health_ports.items():
            setting = f"CITYVITALS_{sections[name]}__HEALTH_PORT"
            uses.append(PortUse(port, f"the health of {name}", setting))
        settings = self.settings
        shared = {"ingest": settings.ingest, "aggregate": settings.aggregator, "api": settings.api}
        for name, section in shared.items():
            for number in range(1, section.workers):
                purpose = f"the health of {name}'s worker {number}"
                setting = f"CITYVITALS_{sections[name]}__HEALTH_PORT"
                uses.append(PortUse(section.worker_port(number), purpose, setting))
        return uses

    def environment(self, dsn: str) -> dict[str, str]:
        """Settings that say where everything is.

        Args:
            dsn: of the database; holds a password, so it travels by environment alone.
        """
        broker = self.settings.broker
        return {
            "CITYVITALS_DATA": str(self.data),
            "CITYVITALS_DATABASE__DSN": dsn,
            "CITYVITALS_BROKER__HOST": broker.host,
            "CITYVITALS_BROKER__PORT": str(self.broker_port),
            "CITYVITALS_API__PORT": str(self.settings.api.port),
        }


def make_plan(settings: Settings, options: Options, note: Note | None = None) -> Plan:
    """Decide what to start: a server that the settings name is used, not started.

    Args:
        settings: of the environment and the file.
        options: of the command line.
        note: what an earlier run wrote of its own servers: who names those means ours.
    """
    note = note or Note()
    named = settings.broker.model_fields_set if "broker" in settings.model_fields_set else set()
    database = settings.database.model_fields_set if "database" in settings.model_fields_set else ()
    dsn = settings.database.dsn.get_secret_value()
    return Plan(
        settings=settings,
        options=options,
        data=settings.data.absolute(),
        own_database="dsn" not in database or dsn == note.dsn,
        own_broker="host" not in named
        or (settings.broker.host, settings.broker.port) == note.broker,
        broker_port=settings.broker.port if {"host", "port"} & named else BROKER_PORT,
    )


def command(*words: str) -> list[str]:
    """The command line of one of our processes, run by this very interpreter."""
    return [sys.executable, "-m", "cityvitals", *words]
