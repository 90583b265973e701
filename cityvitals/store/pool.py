"""Connections: opened once per process, in UTC, named after their process, bounded in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from cityvitals.errors import SettingsError, UnfitServer
from cityvitals.settings import DatabaseSettings
from cityvitals.store.failures import translated
from cityvitals.store.forsaken import tell_in_a_line
from cityvitals.store.handshake import explained, require_files

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

_WRONG_DSN = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.exceptions.ClientConfigurationError,
    OverflowError,  # a port above 65535
)
_READ_ONLY = "default_transaction_read_only"
_RENEW_S = 1.0
_LONGEST_NAME: Final = 63
_CLIENT_MARGIN_S: Final = 5.0
"""The server ends a query itself, and says so, before we stop waiting for its answer."""
UNHURRIED_S: Final = 86_400.0
"""How long we wait for an answer that may take as long as it takes."""
_DEAD_PEER = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""The server lets go, within half a minute, of what a machine held that lost its power or network:
its own two hours would keep the next worker waiting for a batch's locks."""
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server may take for us, and we for it; 0 is without end.

    Attributes:
        statement_s: for one statement.
        lock_s: of that, for a lock that another transaction holds.
        idle_s: for us, between two statements of a transaction: who falls asleep there holds locks.
    """

    statement_s: float = 0.0
    lock_s: float = 0.0
    idle_s: float = 60.0

    @property
    def server_settings(self) -> dict[str, str]:
        """What a session is told."""
        return {
            "statement_timeout": f"{round(self.statement_s * 1000)}ms",
            "lock_timeout": f"{round(self.lock_s * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{round(self.idle_s * 1000)}ms",
        }

    @property
    def client_s(self) -> float:
        """When to stop waiting for an answer, in case the server is not even there to say so."""
        return self.statement_s + _CLIENT_MARGIN_S if self.statement_s else UNHURRIED_S


ENDLESS: Final = Patience()
"""Of work that takes as long as it takes, such as a migration."""


def application(process: str, worker: str = "") -> str:
    """What `pg_stat_activity` shows of a process: `cityvitals ingest ingest-0`."""
    return f"cityvitals {process} {worker}".strip()[:_LONGEST_NAME]


async def _prepare(connection: Any) -> None:
    """Teach a new connection JSON."""
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
        schema="pg_catalog",
    )


class _Renewal:
    """Replaces connections of a time when the database was read-only.

    A session keeps the `default_transaction_read_only` that it began with, so it would refuse to
    write for ever. Where it is meant to stay, connecting anew now and then costs little.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self._again_at = 0.0

    async def check(self, connection: Any) -> None:
        """Have all connections replaced when they are next taken, if this one is read-only."""
        is_read_only = getattr(connection.get_settings(), _READ_ONLY, "off") == "on"
        if is_read_only and self.pool is not None and time.monotonic() >= self._again_at:
            self._again_at = time.monotonic() + _RENEW_S
            await self.pool.expire_connections()


@asynccontextmanager
async def open_pool(
    settings: DatabaseSettings, application: str, patience: Patience | None = None
) -> AsyncIterator[Pool]:
    """A pool of connections to the database, closed on leaving.

    Args:
        settings: where the server is, and how many connections at most.
        application: shown as `application_name` in `pg_stat_activity`.
        patience: what the server is told; None leaves its own limits, and ours for an answer.

    Raises:
        SettingsError: user, password, database, TLS or the DSN itself is wrong; names no password.
        StoreUnavailable: the server cannot be reached.
    """
    tell_in_a_line()
    renewal = _Renewal()
    dsn = settings.dsn.get_secret_value()
    require_files(dsn)
    with translated("connecting to the database"):
        try:
            pool = await asyncpg.create_pool(
                dsn,
                # One at once, to tell wrong settings; no floor, since asyncpg would log a traceback
                # each time it fails to restore it while the server is away.
                init_size=1,
                min_size=0,
                max_size=settings.pool_size,
                timeout=settings.connect_timeout_seconds,
                command_timeout=patience.client_s if patience else settings.command_timeout_seconds,
                server_settings={
                    "application_name": application,
                    "timezone": "UTC",
                    "idle_in_transaction_session_timeout": "60s",
                    **(patience.server_settings if patience else {}),
                    # Our statements decompress none but the batches that hold their keys, so how
                    # much that may be is bounded by a batch. Plain PostgreSQL ignores the name.
                    "timescaledb.max_tuples_decompressed_per_dml_transaction": "0",
                    **_DEAD_PEER,
                },
                init=_prepare,
                reset=renewal.check,
            )
        except _WRONG_DSN as error:
            raise SettingsError(f"CITYVITALS_DATABASE__DSN: {error}") from None
        except OSError as error:
            raise explained(dsn, error) or error from None
    renewal.pool = pool
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(settings.connect_timeout_seconds):
                await pool.close()
        except TimeoutError:
            pool.terminate()


@asynccontextmanager
async def acquired(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of the pool, given back on leaving.

    Raises:
        StoreUnavailable: the server is away or starting, whether noticed at once or meanwhile.
    """
    with translated("reaching the database"):
        async with pool.acquire() as connection:
            yield connection


@asynccontextmanager
async def unhurried(connection: Connection) -> AsyncIterator[float]:
    """A transaction whose statements may take as long as they take: recomputing may read much.

    Yields:
        How long we wait for an answer, in seconds: to be passed as the statement's `timeout`.
    """
    async with connection.transaction():
        await connection.execute("set local statement_timeout = 0")
        yield UNHURRIED_S


async def require_durable(connection: Connection) -> None:
    """Refuse a server that may forget a committed transaction.

    Raises:
        UnfitServer: naming each setting that is off, and what to do.
    """
    with translated("asking the database for its durability settings"):
        rows = await connection.fetch(
            "select name, setting from pg_settings where name = any($1::text[])", list(_DURABLE)
        )
    off = sorted(row["name"] for row in rows if row["setting"] == "off")
    if off:
        raise UnfitServer(
            f"the database has {', '.join(off)} off, so it may forget what we acknowledged: "
            "set it to on in postgresql.conf and restart the server"
        )
