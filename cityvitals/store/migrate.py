"""Schema migrations: numbered files, applied forward only, one at a time under an advisory lock."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from cityvitals.errors import UnfitServer
from cityvitals.settings import StorageSettings
from cityvitals.store.engine import require_engine
from cityvitals.store.failures import translated
from cityvitals.store.hypertables import settle
from cityvitals.store.pool import Connection

_LOCK: Final = 0x43_56_4D_49  # "CVMI"
_BOOKS: Final = """
create table if not exists schema_migration (
    version     integer primary key,
    name        text not null,
    digest      text not null,
    applied_at  timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """What the books remember of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]


def shipped() -> list[Migration]:
    """The migrations of this build, in order."""
    folder = files("cityvitals.store") / "migrations"
    found = [
        Migration(int(entry.name[:4]), entry.name[5:-4], entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found, key=lambda migration: migration.version)


async def applied(connection: Connection) -> dict[int, str]:
    """Versions in the database, with the digest of what was applied."""
    with translated("reading schema versions"):
        await connection.execute(_BOOKS)
        rows = await connection.fetch("select version, digest from schema_migration")
    return {row["version"]: row["digest"] for row in rows}


async def migrate(
    connection: Connection,
    storage: StorageSettings = StorageSettings(),  # noqa: B008 (frozen)
) -> list[Migration]:
    """Bring the schema up to this build, and the engine to its settings; returns what was applied.

    Raises:
        UnfitServer: the database is newer than this build, a file changed after it was applied, or
            the engine that is wanted cannot be had.
        StoreUnavailable: the server is away.
    """
    with translated("migrating the schema"):
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        try:
            done = await applied(connection)
            _check(done)
            todo = [migration for migration in shipped() if migration.version not in done]
            for migration in todo:
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "insert into schema_migration (version, name, digest) values ($1, $2, $3)",
                        migration.version,
                        migration.name,
                        migration.digest,
                    )
            await settle(connection, storage)
        finally:
            await connection.execute("select pg_advisory_unlock($1)", _LOCK)
    return todo


async def require_current(connection: Connection) -> None:
    """Refuse to run on a schema that is not this build's.

    Raises:
        UnfitServer: naming the versions, or what the server lost, and the remedy.
    """
    done = await applied(connection)
    _check(done)
    missing = [migration.version for migration in shipped() if migration.version not in done]
    if missing:
        raise UnfitServer(f"the schema lacks migrations {missing}: run `cityvitals migrate`")
    await require_engine(connection)


def _check(done: dict[int, str]) -> None:
    known = {migration.version: migration for migration in shipped()}
    newer = sorted(set(done) - set(known))
    if newer:
        raise UnfitServer(
            f"the schema has migrations {newer} that this build does not know: upgrade"
        )
    for version, digest in done.items():
        if known[version].digest != digest:
            raise UnfitServer(
                f"migration {version} ({known[version].name}) was changed after it was applied: "
                "restore the file and write a new migration"
            )
