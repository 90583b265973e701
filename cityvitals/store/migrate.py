"""Schema migrations: numbered files, applied forward only, one at a time under an advisory lock.

A file is one transaction with its line in the books, so a crash at any of its statements leaves
nothing of it. A file that begins with `-- outside a transaction: <why>` runs statement by
statement (`create index concurrently` must), and so every one of these can be run again.

A migration never waits long for a table: those who come after it would wait behind it. It gives up
soon, lets them through, and tries again, until its patience ends and it says who is in its way.
Nobody waits behind an index that is built concurrently, so that waits in one go.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import asyncpg

from cityvitals.errors import StoreConflict, UnfitServer
from cityvitals.settings import StorageSettings
from cityvitals.store.blockers import watched
from cityvitals.store.drift import Drift, find_drift
from cityvitals.store.engine import require_engine
from cityvitals.store.failures import translated
from cityvitals.store.grants import grant_all
from cityvitals.store.hypertables import settle
from cityvitals.store.pool import Connection
from cityvitals.store.statements import split, without_comments

OUTSIDE: Final = "-- outside a transaction:"
_LOCK: Final = 0x43_56_4D_49  # "CVMI"
_BOOKS: Final = """
create table if not exists schema_migration (
    version     integer primary key,
    name        text not null,
    digest      text not null,
    applied_at  timestamptz not null default now()
)
"""
_ENTRY: Final = "insert into schema_migration (version, name, digest) values ($1, $2, $3)"
_IN_THE_WAY: Final = (StoreConflict, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
_UNFIT: Final = (
    asyncpg.SyntaxOrAccessError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
)
"""What a database says that does not look as the migration takes for granted."""


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

    @property
    def is_whole(self) -> bool:
        """Whether it is one transaction."""
        return not self.sql.startswith(OUTSIDE)

    def __str__(self) -> str:
        return f"{self.version:04d} {self.name}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a migration waits for others.

    Attributes:
        lock_s: for one lock; whoever comes after it waits as long.
        pause_s: between attempts, in which those are let through.
        total_s: from the first attempt of a step to the begin of the last.
    """

    lock_s: float = 2.0
    pause_s: float = 1.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Status:
    """What a database has of this build's schema.

    Attributes:
        done: what was applied. pending: what was not, in order.
        drift: where the catalogue is not what the migrations make; empty while some are pending.
    """

    done: tuple[Migration, ...]
    pending: tuple[Migration, ...]
    drift: tuple[Drift, ...]

    @property
    def is_fit(self) -> bool:
        """Whether the processes would start on it."""
        return not self.pending and not any(found.breaks for found in self.drift)


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
    """Versions in the database, with the digest of what was applied.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading schema versions"):
        if await connection.fetchval("select to_regclass('schema_migration')") is None:
            return {}
        rows = await connection.fetch("select version, digest from schema_migration")
    return {row["version"]: row["digest"] for row in rows}


async def status(connection: Connection) -> Status:
    """Look, and touch nothing.

    Raises:
        UnfitServer: the database is newer than this build, a file changed after it was applied, or
            the engine that is wanted cannot be had.
        StoreUnavailable: the server is away.
    """
    known = await applied(connection)
    _check(known)
    done = tuple(one for one in shipped() if one.version in known)
    pending = tuple(one for one in shipped() if one.version not in known)
    return Status(done, pending, () if pending else tuple(await find_drift(connection)))


async def require_current(connection: Connection) -> tuple[Drift, ...]:
    """Refuse to run on a schema that is not what this build's migrations make.

    Returns:
        what differs without harm.

    Raises:
        UnfitServer: naming the versions or the differences, and the remedy.
        StoreUnavailable: the server is away.
    """
    drift = await require_migrated(connection)
    broken = [str(found) for found in drift if found.breaks]
    if broken:
        raise UnfitServer("the schema is not what the migrations make: " + "; ".join(broken))
    return drift


async def require_migrated(connection: Connection) -> tuple[Drift, ...]:
    """Refuse a schema of another version only: for who looks at what is there, whatever that is.

    Returns:
        what differs from what the migrations make.

    Raises:
        UnfitServer: naming the versions, or what the server lost, and the remedy.
        StoreUnavailable: the server is away.
    """
    found = await status(connection)
    if found.pending:
        missing = [migration.version for migration in found.pending]
        raise UnfitServer(f"the schema lacks migrations {missing}: run `cityvitals migrate`")
    await require_engine(connection)
    return found.drift


async def migrate(
    connection: Connection,
    *,
    observer: Connection | None = None,
    patience: Patience = Patience(),
    on_wait: Callable[[str], None] = lambda _: None,
    migrations: Sequence[Migration] | None = None,
    storage: StorageSettings = StorageSettings(),  # noqa: B008 (frozen)
) -> list[Migration]:
    """Bring schema and engine up to this build and its settings, and give the roles what is theirs.

    Args:
        connection: of the schema's owner.
        observer: a second one, to name who is in the way.
        patience: with those who are.
        on_wait: told who that is, each time.
        migrations: another sequence than this build's, of which roles and engine know nothing.
        storage: the engine that is wanted, and how it keeps what it is given.

    Returns:
        what was applied.

    Raises:
        UnfitServer: the database is newer than this build, a file changed after it was applied, or
            the engine that is wanted cannot be had.
        StoreConflict: somebody stayed in the way; names who, and the remedy.
        StoreUnavailable: the server is away.
    """
    every = shipped() if migrations is None else list(migrations)
    work = _Work(connection, observer, patience, on_wait)
    with translated("migrating the schema"):
        async with _alone(work):
            await require_engine(connection)
            await connection.execute(_BOOKS)
            done = await applied(connection)
            _check(done, every)
            todo = [migration for migration in every if migration.version not in done]
            for migration in todo:
                await _apply(work, migration)
            if migrations is None:
                await work.again("hypertables", lambda: settle(connection, storage))
                await grant_all(connection)
    return todo


@dataclass(frozen=True, slots=True)
class _Work:
    """What every step needs."""

    connection: Connection
    observer: Connection | None
    patience: Patience
    on_wait: Callable[[str], None]

    async def run(self, step: str, *statements: tuple[object, ...], whole: bool = True) -> None:
        """Run statements with their arguments, again for as long as somebody is in the way."""
        await self.again(step, lambda: self._once(statements, whole=whole))

    async def again(self, step: str, attempt: Callable[[], Awaitable[object]]) -> None:
        """Do what can be begun anew, again for as long as somebody is in the way."""
        begun = time.monotonic()
        while True:
            async with watched(self.observer, self.connection.get_server_pid()) as seen:
                try:
                    await attempt()
                except _IN_THE_WAY:
                    pass
                else:
                    return
            waited = time.monotonic() - begun
            if waited >= self.patience.total_s:
                raise StoreConflict(
                    f"{step}: not done, since {seen} holds what it needs, and did so for "
                    f"{waited:.0f} s: wait for its end, or end it with "
                    "`select pg_terminate_backend(<process>)`; then run `cityvitals migrate` again"
                )
            self.on_wait(f"{step}: waiting for {seen}")
            await asyncio.sleep(self.patience.pause_s)

    async def be_patient(self, seconds: float) -> None:
        """Have the session wait so long for a lock, and for anything else as long as it takes."""
        await self.connection.execute(
            f"set lock_timeout = {round(seconds * 1000)}; set statement_timeout = 0"
        )

    async def _once(self, statements: Sequence[tuple[object, ...]], *, whole: bool) -> None:
        if not whole:
            for text, *arguments in statements:
                await self.connection.execute(str(text), *arguments)
            return
        async with self.connection.transaction():
            for text, *arguments in statements:
                await self.connection.execute(str(text), *arguments)


@asynccontextmanager
async def _alone(work: _Work) -> AsyncIterator[None]:
    """Be the only one who migrates, with a session that gives up soon on locks, on nothing else."""
    connection = work.connection
    await work.be_patient(work.patience.lock_s)
    await work.run("taking turns", ("select pg_advisory_lock($1)", _LOCK), whole=False)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("select pg_advisory_unlock($1)", _LOCK)
            await connection.execute("reset lock_timeout; reset statement_timeout")


async def _apply(work: _Work, migration: Migration) -> None:
    entry = (_ENTRY, migration.version, migration.name, migration.digest)
    try:
        if migration.is_whole:
            await work.run(f"migration {migration}", (migration.sql,), entry)
        else:
            await _step_by_step(work, migration)
            await work.run(f"migration {migration}", entry)
    except asyncpg.InsufficientPrivilegeError:
        raise
    except _UNFIT as error:
        raise UnfitServer(
            f"migration {migration} cannot be applied: {error}: was the schema changed by hand? "
            "Undo that, and run `cityvitals migrate` again"
        ) from error


async def _step_by_step(work: _Work, migration: Migration) -> None:
    short = work.patience.lock_s
    for number, statement in enumerate(split(migration.sql), start=1):
        holds_nobody_up = " concurrently " in without_comments(statement)
        await work.be_patient(max(short, work.patience.total_s) if holds_nobody_up else short)
        await work.run(f"migration {migration}, statement {number}", (statement,), whole=False)
    await work.be_patient(short)


def _check(done: dict[int, str], every: Sequence[Migration] | None = None) -> None:
    known = {migration.version: migration for migration in every or shipped()}
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
