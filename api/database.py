"""The database as the API sees it: here, or away for a reason; it comes back by itself."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from cityvitals.errors import CityVitalsError, StoreTimeout, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from cityvitals.store.failures import translated
from cityvitals.store.migrate import require_current
from cityvitals.store.pool import Connection, Patience, Pool, application, open_pool
from cityvitals.store.views import probe
from cityvitals.telemetry import Health

APPLICATION: Final = application("api", str(os.getpid()))
_ACQUIRE_SECONDS: Final = 5.0
_log = structlog.get_logger()


class Database:
    """Connections while the database is here; a reason at once while it is away.

    Args:
        settings: where it is.
        health: told under the name `database`.
        statement_timeout_s: how long one query may take; 0 is without end.
        retry_seconds: how long to wait between attempts to reach it.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        health: Health,
        statement_timeout_s: float = 0.0,
        retry_seconds: float = 0.5,
    ) -> None:
        self._settings = settings
        self._patience = Patience(statement_timeout_s, settings.lock_timeout_seconds)
        self._health = health
        self._retry_seconds = retry_seconds
        self._pool: Pool | None = None
        self._suspected = asyncio.Event()
        self.away: str | None = "the database has not been reached yet"
        health.set_ready("database", ok=False, reason=self.away)

    async def keep(self) -> None:
        """Reach the database, watch over it, and reach it again; runs until cancelled."""
        while True:
            try:
                await self._open()
            except CityVitalsError as error:
                self._note_away(str(error))
            except Exception as error:  # noqa: BLE001 - the outermost loop: say it, go on
                _log.exception("watching the database failed")
                self._note_away(f"{type(error).__name__}: {error}")
            await asyncio.sleep(self._retry_seconds)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection from the pool.

        Raises:
            StoreTimeout: a query took longer than may be.
            StoreUnavailable: the database is away, and why.
        """
        if self._pool is None or self.away is not None:
            raise StoreUnavailable(self.away or "the database is being reached")
        try:
            with translated("reaching the database"):
                async with self._pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                    yield connection
        except StoreTimeout:
            raise  # the database is here, and answers: that this took too long
        except StoreUnavailable:
            self._suspected.set()
            raise

    async def _open(self) -> None:
        async with open_pool(self._settings, APPLICATION, self._patience) as pool:
            with translated("asking the database for its schema"):
                async with pool.acquire() as connection:
                    for note in await require_current(connection):
                        _log.warning("schema_drift", what=str(note))
            self._pool = pool
            try:
                await self._watch(pool)
            finally:
                self._pool = None

    async def _watch(self, pool: Pool) -> None:
        while True:
            self._note_back()
            await self._suspected.wait()
            self._suspected.clear()
            await self._outlast(pool)

    async def _outlast(self, pool: Pool) -> None:
        """Return when the database answers."""
        while True:
            try:
                return await probe(pool)
            except StoreUnavailable as error:
                self._note_away(str(error))
            await asyncio.sleep(self._retry_seconds)

    def _note_away(self, reason: str) -> None:
        if self.away is None:
            _log.warning("database away", reason=reason)
        self.away = reason
        self._health.set_ready("database", ok=False, reason=reason)

    def _note_back(self) -> None:
        if self.away is not None:
            _log.info("database reached")
        self.away = None
        self._health.set_ready("database", ok=True)
