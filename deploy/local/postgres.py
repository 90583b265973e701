"""An embedded PostgreSQL: a supervised child process on the loopback, durable, with passwords."""

import asyncio
import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cityvitals.errors import SettingsError
from deploy.local.child import Child, Program, data_folder
from deploy.local.lodging import Lodging, find_lodging, give, remove_lodging
from deploy.local.ports import LOOPBACK, require_free

ROLE: Final = "cityvitals"
_ADMIN: Final = "postgres"
_START_SECONDS: Final = 60.0
_CONFIGURATION: Final = """
# Written at every start: changes belong in deploy/local/postgres.py.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 128MB
effective_cache_size = 1GB
max_wal_size = 2GB
wal_compression = on
# A commit that we acknowledged stays.
fsync = on
full_page_writes = on
synchronous_commit = on
# Memory on a laptop is shared by many.
huge_pages = off
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d %a '
"""
_ACCESS: Final = "host all all 127.0.0.1/32 scram-sha-256\n"
_ROLE_SQL: Final = """
select format('create role cityvitals login createdb password %L', :'secret')
    where not exists (select from pg_roles where rolname = 'cityvitals') \\gexec
select 'create database cityvitals owner cityvitals'
    where not exists (select from pg_database where datname = 'cityvitals') \\gexec
"""


class EmbeddedPostgres:
    """A PostgreSQL of our own.

    Args:
        data: our data folder; made where it is missing.
        port: TCP port of the loopback.
        setting: what the user changes to take another port, for messages.
    """

    def __init__(self, data: Path, port: int, setting: str = "--database-port") -> None:
        self.data = data
        self.port = port
        self._setting = setting
        self._lodging: Lodging | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, while it runs."""
        return None if self._child is None else self._child.pid

    @property
    def home(self) -> Path:
        """Where cluster and passwords are."""
        return self._placed().home

    @property
    def exists(self) -> bool:
        """Whether there is a cluster already."""
        return (self._placed().cluster / "PG_VERSION").exists()

    def dsn(self, database: str = ROLE) -> str:
        """How to connect as the role `cityvitals`; holds a password, so never log it."""
        return f"postgresql://{ROLE}:{self._secret(ROLE)}@{LOOPBACK}:{self.port}/{database}"

    def admin_dsn(self, database: str = _ADMIN) -> str:
        """How to connect as superuser; holds a password, so never log it."""
        return f"postgresql://{_ADMIN}:{self._secret(_ADMIN)}@{LOOPBACK}:{self.port}/{database}"

    async def start(self) -> None:
        """Start the server, made first where there is none, and wait until it answers.

        Raises:
            SettingsError: the folder, the port or an older cluster stands in the way.
        """
        require_free(self.port, "the embedded PostgreSQL", self._setting)
        lodging = self._placed()
        if not self.exists:
            await self._create(lodging)
        await self._check_version(lodging)
        _write(lodging.cluster / "cityvitals.conf", _CONFIGURATION.format(port=self.port), lodging)
        _write(lodging.cluster / "pg_hba.conf", _ACCESS, lodging)
        self._child = Child(self._program(lodging), self.data)
        await self._child.start()
        try:
            await self._answers(self._child)
            await self._psql(_ROLE_SQL, secret=self._secret(ROLE))
        except BaseException:
            await self.stop()
            raise

    def exit_code(self) -> int | None:
        """How the server ended, or None while it runs."""
        return None if self._child is None else self._child.exit_code()

    async def ended(self) -> int:
        """Wait for the server's end."""
        return 0 if self._child is None else await self._child.ended()

    async def stop(self) -> None:
        """Stop it: clients are disconnected, the rest is written; in a hurry if that takes long."""
        if self._child is not None:
            await self._child.stop()

    def last_words(self) -> str:
        """The end of its log."""
        return "" if self._child is None else self._child.last_words()

    def discard(self) -> None:
        """Remove a stopped server's data for good."""
        remove_lodging(self.data)

    def _placed(self) -> Lodging:
        if self._lodging is None:
            self._lodging = find_lodging(data_folder(self.data).resolve())
        return self._lodging

    def _program(self, lodging: Lodging) -> Program:
        config = f"config_file={lodging.cluster / 'postgresql.conf'}"
        return Program(
            name="postgres",
            argv=[str(lodging.programs / "postgres"), "-D", str(lodging.cluster), "-c", config],
            environment=_environment(),
            # Fast shutdown, then the immediate one, which the next start recovers from.
            stop=((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)),
            orphaned=signal.SIGINT,
            user=lodging.user,
            folder=lodging.home,
        )

    async def _create(self, lodging: Lodging) -> None:
        """Make the cluster; `initdb` itself clears up after a failure."""
        for role in (ROLE, _ADMIN):
            _write(lodging.home / f"{role}.password", secrets.token_urlsafe(24), lodging)
        lodging.cluster.mkdir(mode=0o700, exist_ok=True)
        give(lodging.cluster, lodging.user)
        secret = lodging.home / f"{_ADMIN}.password"
        arguments = ["-D", str(lodging.cluster), "-U", _ADMIN, "-A", "scram-sha-256"]
        arguments += ["--pwfile", str(secret), "-E", "UTF8", "--no-instructions", "-T", "simple"]
        # The builtin provider sorts the same on every machine, unlike the C library's locales.
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        code, output = await _run(lodging, "initdb", arguments, _environment())
        if code:
            raise SettingsError(
                f"making a PostgreSQL cluster in {lodging.cluster} failed: {output.strip()[-400:]}"
            )
        main = lodging.cluster / "postgresql.conf"
        main.write_text(main.read_text() + "\ninclude 'cityvitals.conf'\n")

    async def _check_version(self, lodging: Lodging) -> None:
        has = (lodging.cluster / "PG_VERSION").read_text().strip()
        _, said = await _run(lodging, "postgres", ["--version"], _environment())
        ours = said.rsplit(maxsplit=1)[-1].split(".")[0]
        if has != ours:
            raise SettingsError(
                f"{lodging.cluster} was made by PostgreSQL {has}, and this build has {ours}: "
                f"bring the data over with pg_dump of version {has}, or move the folder away"
            )

    async def _answers(self, child: Child) -> None:
        """Wait until the server takes connections.

        Raises:
            SettingsError: it ended or stayed silent; with the end of its log.
        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                while (await self._ready()) is False:
                    if child.exit_code() is not None:
                        raise SettingsError(
                            f"PostgreSQL ended at its start: {child.last_words()} ({child.log})"
                        )
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise SettingsError(
                f"PostgreSQL did not answer within {_START_SECONDS:.0f} s: "
                f"{child.last_words()} ({child.log})"
            ) from None

    async def _ready(self) -> bool:
        arguments = ["-q", "-h", LOOPBACK, "-p", str(self.port), "-t", "1"]
        code, _ = await _run(self._placed(), "pg_isready", arguments, _environment())
        return code == 0

    async def _psql(self, script: str, **variables: str) -> None:
        """Run a script as superuser; variables go by the environment, not the argument list."""
        arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p", str(self.port)]
        arguments += ["-U", _ADMIN, "-d", _ADMIN, "-f", "-"]
        names = "".join(f"\\getenv {name} CITYVITALS_VARIABLE_{name}\n" for name in variables)
        environment = _environment() | {"PGPASSWORD": self._secret(_ADMIN)}
        environment |= {f"CITYVITALS_VARIABLE_{name}": value for name, value in variables.items()}
        code, output = await _run(self._placed(), "psql", arguments, environment, names + script)
        if code:
            raise SettingsError(f"preparing the embedded PostgreSQL: {output.strip()[-400:]}")

    def _secret(self, role: str) -> str:
        return (self._placed().home / f"{role}.password").read_text().strip()


def _environment() -> dict[str, str]:
    """What PostgreSQL's programs get: nothing of the user's PG* variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _write(path: Path, text: str, lodging: Lodging) -> None:
    """Write a file that only the server's user (and root) reads."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor)
        file.write(text)
    give(path, lodging.user)


async def _run(
    lodging: Lodging,
    program: str,
    arguments: list[str],
    environment: Mapping[str, str],
    text: str = "",
) -> tuple[int, str]:
    """Run one of PostgreSQL's programs as the server's user; returns exit code and output."""
    options = {"user": lodging.user, "extra_groups": []} if lodging.user else {}
    process = await asyncio.create_subprocess_exec(
        str(lodging.programs / program),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        cwd=lodging.home,
        **options,  # type: ignore[arg-type]
    )
    output, _ = await process.communicate(text.encode())
    return process.returncode or 0, output.decode(errors="replace")
