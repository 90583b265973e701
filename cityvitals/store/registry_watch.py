"""Hearing that the registry changed: what a process remembers of it is out of date then."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from cityvitals.errors import StoreUnavailable
from cityvitals.store.failures import translated
from cityvitals.store.pool import Pool
from cityvitals.store.registry import CHANGED_CHANNEL

_RETRY_S: Final = 1.0
_CHECK_S: Final = 5.0
_log = structlog.get_logger(__name__)


async def watch_registry(pool: Pool, changed: Callable[[str], None]) -> None:
    """Call `changed` with the lane that changed the registry, until cancelled.

    While the store cannot be heard, changes may pass unnoticed: so it is called, with "", each time
    the store is heard again.
    """
    while True:
        try:
            await _listen(pool, changed)
        except StoreUnavailable as away:
            _log.info("registry_unwatched", reason=str(away)[:200])
        await asyncio.sleep(_RETRY_S)


async def _listen(pool: Pool, changed: Callable[[str], None]) -> None:
    lost = asyncio.Event()

    def heard(_connection: Any, _pid: int, _channel: str, lane: object) -> None:
        changed(str(lane))

    def ended(_connection: Any) -> None:
        lost.set()

    with translated("watching the registry"):
        async with pool.acquire() as connection:
            connection.add_termination_listener(ended)
            await connection.add_listener(CHANGED_CHANNEL, heard)
            try:
                changed("")
                while not await _is_set(lost):
                    await connection.execute("select 1")
            finally:
                # A lost connection is no longer ours to talk to; trying would hide why we leave.
                if not lost.is_set():
                    connection.remove_termination_listener(ended)
                    await connection.remove_listener(CHANGED_CHANNEL, heard)


async def _is_set(event: asyncio.Event) -> bool:
    """Whether an event came before it is time to see if the connection still stands."""
    try:
        async with asyncio.timeout(_CHECK_S):
            return await event.wait()
    except TimeoutError:
        return False
