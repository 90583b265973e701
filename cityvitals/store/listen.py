"""Listening for NOTIFY on a connection of its own. A notification only wakes; readers re-query."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from cityvitals.settings import DatabaseSettings
from cityvitals.store.failures import translated


class Listener:
    """A connection that listens.

    Attributes:
        lost: set once the connection is gone; nothing is heard from then on.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.lost = asyncio.Event()

    async def ping(self, within_seconds: float) -> None:
        """Make sure that somebody is still at the other end.

        Raises:
            StoreUnavailable: nobody answered in time.
        """
        with translated("pinging the listening connection"):
            await self._connection.execute("select 1", timeout=within_seconds)


@asynccontextmanager
async def listening(
    settings: DatabaseSettings, application: str, channel: str, heard: Callable[[str], None]
) -> AsyncIterator[Listener]:
    """Listen on a channel until the block is left.

    Args:
        settings: where the server is.
        application: shown as `application_name` in `pg_stat_activity`.
        channel: what to listen on.
        heard: called on the event loop with each payload.

    Raises:
        StoreUnavailable: the server cannot be reached.
    """

    def take(_connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        heard(str(payload))

    with translated(f"listening on {channel}"):
        connection = await asyncpg.connect(
            settings.dsn.get_secret_value(),
            timeout=settings.connect_timeout_seconds,
            command_timeout=settings.command_timeout_seconds,
            server_settings={"application_name": application, "timezone": "UTC"},
        )
    try:
        listener = Listener(connection)
        connection.add_termination_listener(lambda _connection: listener.lost.set())
        with translated(f"listening on {channel}"):
            await connection.add_listener(channel, take)
        yield listener
    finally:
        connection.terminate()
