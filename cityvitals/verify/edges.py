"""Windows the slow way: ask the clock at every quarter hour what it shows, and look for changes."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cityvitals.verify.fold import QUARTER, Ints

HOUR: Final = 4 * QUARTER
DAY: Final = 24 * HOUR
_MARGIN: Final = {"quarter_hour": 1, "hour": 1, "day": 3, "month": 33, "year": 368}
"""Days around a stretch that are looked at: more than the longest window (a date lived twice)."""
RUNNING_HOURS: Final = {f"running_{hours}h": hours for hours in (3, 8, 12, 24)}
RUNNING_DATES: Final = {
    "running_7_days": ("day", 7),
    "running_12_months": ("month", 12),
    "running_3_years": ("year", 3),
    "running_5_years": ("year", 5),
}
_CALENDAR: Final = {"day": "D", "month": "M", "year": "Y"}
_EPOCH: Final = date(1970, 1, 1)


class Windows(NamedTuple):
    """Stretches [begin, end) of time, ascending [w], in microseconds; running ones overlap.

    Attributes:
        opens: where the last step of each begins: the step with which a running one ends, all of
            another.
    """

    begins: Ints
    ends: Ints
    opens: Ints

    def those(self, which: NDArray[np.bool_]) -> "Windows":
        """Some of them."""
        return Windows(self.begins[which], self.ends[which], self.opens[which])


class Cutting(NamedTuple):
    """How time is cut.

    Attributes:
        length: a word of `kpi_rules.words.Length`.
        clock: "utc", "local" or "standard".
        time_zone: the city's IANA zone.
        step: with what running hours end; "" for hours.
    """

    length: str
    clock: str
    time_zone: str
    step: str = ""

    @property
    def reach(self) -> int:
        """No window is longer, microseconds."""
        if self.length in RUNNING_HOURS:
            return RUNNING_HOURS[self.length] * HOUR
        unit, count = RUNNING_DATES.get(self.length, (self.length, 1))
        return _MARGIN[unit] * count * DAY


def windows_holding(cutting: Cutting, instants: Ints) -> Windows:
    """The windows that hold any of the instants (microseconds since 1970 UTC, in any order)."""
    return windows_over(cutting, instants, instants)


def windows_over(cutting: Cutting, lows: Ints, highs: Ints) -> Windows:
    """The windows that hold any instant of any stretch [low, high]; stretches in any order."""
    if not len(lows):
        return Windows(*np.zeros((3, 0), np.int64))
    lows, highs = _merged(lows, highs)
    # What lies near to each other is cut together, what lies far apart is not: one reading of
    # another century does not make us look at all between.
    far = np.flatnonzero(lows[1:] - highs[:-1] > 4 * cutting.reach) + 1
    parts = [
        _touching(cutting, int(low[0]), int(high[-1]))
        for low, high in zip(np.split(lows, far), np.split(highs, far), strict=True)
    ]
    found = Windows(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    nearest = np.minimum(np.searchsorted(highs, found.begins), len(highs) - 1)
    return found.those((highs[nearest] >= found.begins) & (lows[nearest] < found.ends))


def _merged(lows: Ints, highs: Ints) -> tuple[Ints, Ints]:
    """The same instants as stretches that are apart, ascending."""
    order = np.argsort(lows, kind="stable")
    lows, highs = lows[order], np.maximum.accumulate(highs[order])
    apart = np.flatnonzero(lows[1:] > highs[:-1])
    return lows[np.append(0, apart + 1)], highs[np.append(apart, len(highs) - 1)]


def _touching(cutting: Cutting, low: int, high: int) -> Windows:
    """Windows from the one that holds `low` to the one that holds `high`, and some beside them."""
    length, clock, time_zone, step = cutting
    if length in RUNNING_HOURS:
        reach = RUNNING_HOURS[length] * HOUR
        edges = edges_around(step or "hour", clock, time_zone, low, high + reach)
        return Windows(edges[1:] - reach, edges[1:], edges[:-1])
    if length in RUNNING_DATES:
        unit, count = RUNNING_DATES[length]
        edges = edges_around(unit, clock, time_zone, low - cutting.reach, high + cutting.reach)
        return Windows(edges[:-count], edges[count:], edges[count - 1 : -1])
    edges = edges_around(length, clock, time_zone, low, high)
    return Windows(edges[:-1], edges[1:], edges[:-1])


def edges_around(unit: str, clock: str, time_zone: str, low: int, high: int) -> Ints:
    """Where quarter hours, hours, days, months or years begin.

    Returns:
        All begins from the last at or before `low` to the first after `high`, and some more on
        either side.
    """
    margin = _MARGIN[unit] * DAY
    quarters, ahead = _clock(clock, time_zone, low - margin, high + margin)
    shown = _shown(unit, quarters, ahead)
    # One begins wherever the clock shows another than a quarter hour before.
    found: Ints = quarters[1:][(shown[1:] != shown[:-1]).any(axis=1)]
    return found


def _clock(clock: str, time_zone: str, low: int, high: int) -> tuple[Ints, Ints]:
    """Every quarter hour of the UTC days around, and how far the clock is ahead of UTC there."""
    days = np.arange(low // DAY, high // DAY + 1, dtype=np.int64)
    quarters = (days[:, None] * DAY + np.arange(0, DAY, QUARTER)).ravel()
    if clock == "utc":
        return quarters, np.zeros_like(quarters)
    return quarters, np.concatenate([_offsets(time_zone, clock, day) for day in days.tolist()])


def _shown(unit: str, quarters: Ints, ahead: Ints) -> Ints:
    """What the clock shows [n, 2]: a date, or an hour with its offset, since one may come twice."""
    local = quarters + ahead
    if unit == "quarter_hour":
        return np.stack([quarters, ahead], axis=1)
    if unit == "hour":
        return np.stack([local // HOUR, ahead], axis=1)
    # A date that comes back, after the clock went back over midnight, never ended.
    dates = np.maximum.accumulate(local // DAY).astype("datetime64[D]")
    of = dates.astype(f"datetime64[{_CALENDAR[unit]}]")
    return np.stack([of.astype(np.int64), np.zeros_like(local)], axis=1)


@lru_cache(maxsize=20_000)
def _offsets(time_zone: str, clock: str, day: int) -> Ints:
    """How far a clock is ahead at the quarter hours of a UTC day: offsets change on full ones."""
    begin = day * DAY
    asked = range(begin, begin + DAY, QUARTER)
    return np.array([offset(time_zone, clock, us) for us in asked], np.int64)


def offset(time_zone: str, clock: str, us: int) -> int:
    """Microseconds that a clock is ahead of UTC at an instant."""
    if clock == "utc":
        return 0
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    local = at.astimezone(ZoneInfo(time_zone))
    ahead = local.utcoffset() or timedelta()
    if clock == "standard":
        ahead -= local.dst() or timedelta()
    return ahead // timedelta(microseconds=1)


def date_begins(day: date, clock: str, time_zone: str) -> int:
    """The first instant at which a clock shows a date, or a later one if it skipped that date."""
    number = (day - _EPOCH).days
    quarters, ahead = _clock(clock, time_zone, (number - 2) * DAY, (number + 2) * DAY)
    return int(quarters[(quarters + ahead) // DAY >= number][0])
