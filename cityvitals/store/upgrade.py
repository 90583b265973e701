"""Migrating with connections of its own: one to work, one to see who is in its way."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from cityvitals.settings import DatabaseSettings, StorageSettings
from cityvitals.store.migrate import Migration, Patience, Status, migrate, status
from cityvitals.store.pool import Connection, acquired, open_pool

_AS_LONG_AS_IT_TAKES_S: Final = 7 * 86_400.0
"""For one statement: an index over years of readings is no failure."""


async def upgrade(
    database: DatabaseSettings,
    application: str,
    wait_s: float,
    on_wait: Callable[[str], None],
    storage: StorageSettings = StorageSettings(),  # noqa: B008 (frozen)
) -> tuple[list[Migration], Status]:
    """Bring the schema up to this build; returns what was applied, and how it is now.

    Args:
        database: as the schema's owner.
        application: shown as `application_name` in `pg_stat_activity`.
        wait_s: how long to try again while others hold what is needed.
        on_wait: told who that is, each time.
        storage: the engine that is wanted, and how it keeps what it is given.

    Raises:
        UnfitServer: the database is newer than this build, a file changed after it was applied, or
            the engine that is wanted cannot be had.
        StoreConflict: somebody stayed in the way; names who, and the remedy.
        StoreUnavailable: the server is away.
    """
    async with _connections(database, application) as (one, observer):
        patience = Patience(total_s=wait_s)
        applied = await migrate(
            one, observer=observer, patience=patience, on_wait=on_wait, storage=storage
        )
        return applied, await status(one)


async def look(database: DatabaseSettings, application: str) -> Status:
    """How the schema is; touches nothing.

    Raises:
        UnfitServer: the database is newer than this build, or a file changed after it was applied.
        StoreUnavailable: the server is away.
    """
    async with _connections(database, application) as (one, _):
        return await status(one)


@asynccontextmanager
async def _connections(
    database: DatabaseSettings, application: str
) -> AsyncIterator[tuple[Connection, Connection]]:
    patient = {"pool_size": 2, "command_timeout_seconds": _AS_LONG_AS_IT_TAKES_S}
    async with (
        open_pool(database.model_copy(update=patient), application) as pool,
        acquired(pool) as one,
        acquired(pool) as observer,
    ):
        yield one, observer
