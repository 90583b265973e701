"""Doing a transaction again for as long as the store asks for it: never dropping, never in step."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from cityvitals.errors import StoreConflict, StoreTimeout, StoreUnavailable

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0
_CONFLICT_WAIT_S: Final = 0.01
_MOST_DOUBLINGS: Final = 10
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


async def persist(
    attempt: Callable[[], Awaitable[_T]],
    on_wait: Callable[[str], None],
    on_conflict: Callable[[StoreConflict], None] = lambda _: None,
) -> _T:
    """What `attempt` returns, once it succeeds.

    Args:
        attempt: one whole transaction.
        on_wait: told why the store keeps us waiting, and "" when it no longer does.
        on_conflict: told of each conflict before the next attempt.

    Raises:
        CityVitalsError: anything but a conflict or an absent store.
    """
    failures = 0
    while True:
        try:
            result = await attempt()
        except StoreConflict as conflict:
            failures += 1
            on_conflict(conflict)
            _log.info("store_conflict", cause=str(conflict)[:200], failures=failures)
            await asyncio.sleep(_jittered(_CONFLICT_WAIT_S * min(failures, _MOST_DOUBLINGS)))
        except StoreUnavailable as away:
            failures += 1
            on_wait(str(away))
            name = "store_timeout" if isinstance(away, StoreTimeout) else "store_away"
            _log.warning(name, reason=str(away)[:200], failures=failures)
            await asyncio.sleep(
                _jittered(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures, _MOST_DOUBLINGS)))
            )
        else:
            on_wait("")
            return result


def _jittered(longest_s: float) -> float:
    return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - not a secret
