"""Dead letters are kept for so long as is set, and no longer."""

import asyncio
from typing import Final

import structlog

from cityvitals.errors import CityVitalsError
from cityvitals.store.letter_box import purge_older
from cityvitals.store.pool import Pool

_FIRST_S: Final = 60.0
_EVERY_S: Final = 3600.0
_log = structlog.get_logger(__name__)


async def keep_letters(pool: Pool, days: int, first_s: float = _FIRST_S) -> None:
    """Purge old dead letters every hour, until cancelled; with 0 days they are kept for ever."""
    wait_s = first_s
    while days:
        await asyncio.sleep(wait_s)
        wait_s = _EVERY_S
        try:
            purged = await purge_older(pool, days)
        except CityVitalsError as error:  # the store is away: an hour later is soon enough
            _log.info("dead_letters_not_purged", reason=str(error)[:200])
        else:
            if purged.letters:
                _log.info("dead_letters_purged", letters=purged.letters, older_than_days=days)
