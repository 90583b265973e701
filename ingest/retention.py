"""Dead letters do not stay for ever: each hour the old ones go."""

import asyncio
from typing import Final

import structlog

from cityvitals.errors import StoreConflict, StoreUnavailable
from cityvitals.store.dead_letters import purge_older
from cityvitals.store.pool import Pool

_FIRST_S: Final = 60.0
"""A start has other things to do."""
_EVERY_S: Final = 3600.0
_log = structlog.get_logger(__name__)


async def purge_hourly(
    pool: Pool, days: float, first_s: float = _FIRST_S, every_s: float = _EVERY_S
) -> None:
    """Remove dead letters that last came so many days ago, for ever; with 0 days never.

    Args:
        pool: connections; one is used at a time.
        days: how long they are kept.
        first_s: seconds until the first time.
        every_s: seconds until the next.
    """
    if not days:
        return
    await asyncio.sleep(first_s)
    while True:
        await _purge(pool, days)
        await asyncio.sleep(every_s)


async def _purge(pool: Pool, days: float) -> None:
    try:
        gone = await purge_older(pool, days)
    except (StoreUnavailable, StoreConflict) as error:
        _log.info("dead_letters_not_purged", reason=str(error)[:200])
        return
    if gone:
        _log.info("dead_letters_purged", letters=gone, older_than_days=days)
