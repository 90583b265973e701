"""Windows the slow way: ask the clock at every quarter hour what it shows, and look for changes."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cityvitals.verify.fold import QUARTER, Ints

_HOUR: Final = 4 * QUARTER
_DAY: Final = 24 * _HOUR
_NEAR: Final = np.arange(-3, 4, dtype=np.int64)
"""Days around each instant that are looked at: the longest window, a date lived twice, has two."""


class Windows(NamedTuple):
    """Stretches [begin, end) that do not overlap, ascending [w], in microseconds."""

    begins: Ints
    ends: Ints


def windows_holding(length: str, clock: str, time_zone: str, instants: Ints) -> Windows:
    """The windows that hold any of the instants.

    Args:
        length: "hour" or "day".
        clock: "utc", "local" or "standard".
        time_zone: the city's IANA zone.
        instants: microseconds since 1970 UTC, in any order.
    """
    if not len(instants):
        return Windows(np.empty(0, np.int64), np.empty(0, np.int64))
    days = np.unique((np.unique(instants // _DAY)[:, None] + _NEAR).ravel())
    quarters = (days[:, None] * _DAY + np.arange(0, _DAY, QUARTER)).ravel()
    shown = _shown(length, clock, time_zone, quarters)
    # A window begins wherever the clock shows another hour or date than a quarter hour before; the
    # stretch before the first such place, and after the last, is cut short and not used.
    starts = np.flatnonzero((shown[1:] != shown[:-1]).any(axis=1)) + 1
    edges = quarters[starts]
    at = np.searchsorted(edges, np.unique(instants), side="right") - 1
    held = np.unique(at)
    return Windows(edges[held], edges[held + 1])


def _shown(length: str, clock: str, time_zone: str, quarters: Ints) -> NDArray[np.int64]:
    """What the clock shows [n, 2]: date, or hour with its offset, since an hour may come twice."""
    offset = np.zeros_like(quarters)
    if clock != "utc":
        # Offsets change on full quarter hours, so one question each is exact.
        offset = np.array([_offset(time_zone, clock, q) for q in quarters.tolist()], np.int64)
    local = quarters + offset
    if length == "day":
        return np.stack([local // _DAY, np.zeros_like(local)], axis=1)
    return np.stack([local // _HOUR, offset], axis=1)


@lru_cache(maxsize=200_000)
def _offset(time_zone: str, clock: str, us: int) -> int:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    local = at.astimezone(ZoneInfo(time_zone))
    ahead = local.utcoffset() or timedelta()
    if clock == "standard":
        ahead -= local.dst() or timedelta()
    return ahead // timedelta(microseconds=1)
