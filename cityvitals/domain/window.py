"""Where windows begin, from quarter hours to years: on UTC, a city's clock, or its standard time.

Windows are [edge, next edge). Edges are whole quarter hours, since buckets are.

A day begins at the first instant of its date: at local midnight, or where the clocks jump over
midnight at the jump. So days have 23 to 25 hours where the clocks change, a date that a zone
skipped has no window, and one that it lived twice has a window of 48 hours.

An hour is a real hour, cut where the city's clock shows a full hour: 23 or 25 of them on days when
clocks change by an hour. Where they change by half an hour (Lord Howe Island) a window of half an
hour lies beside the change; the alternative is one of an hour and a half, which would count more
than others in means over hours.

A month begins with its first date, a year with its first month. Running windows overlap, and end
where their step does (`spans`): hours for those of some hours, which are real hours whatever the
clock shows, and days, months or years for those of dates.

Standard time is what the tz database calls so: in Ireland and Morocco that is the summer's clock.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.times import BUCKET_US, US, from_us, to_us

Instants = NDArray[np.int64]

HOUR_US: Final = 3600 * US
DAY_US: Final = 24 * HOUR_US
_STEP: Final = {"quarter_hour": BUCKET_US, "hour": HOUR_US, "day": DAY_US}
_LONGEST: Final = {"month": 32 * DAY_US, "year": 367 * DAY_US}
_RUNNING: Final = {f"running_{hours}h": hours * HOUR_US for hours in (3, 8, 12, 24)}
_RUNNING_DATES: Final = {
    "running_7_days": ("day", 7, 10 * DAY_US),
    "running_12_months": ("month", 12, 367 * DAY_US),
    "running_3_years": ("year", 3, 3 * 367 * DAY_US),
    "running_5_years": ("year", 5, 5 * 367 * DAY_US),
}
"""Of what, of how many of them, and at most how long."""
LENGTHS: Final = frozenset({*_STEP, *_LONGEST, *_RUNNING, *_RUNNING_DATES})
"""Lengths of windows."""
_PROBE: Final = timedelta(hours=6)
"""Offsets are looked up this often to find where they change; no zone changes twice in it."""
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2199
"""Beyond these years the nearest known offset holds."""
_FOREVER: Final = 2**62


@lru_cache(maxsize=64)
def edges(length: str, clock: str, time_zone: str, lo_us: int, hi_us: int) -> Instants:
    """Begins of the windows that cover [lo, hi], then the end of the last one; read-only.

    Args:
        length: "quarter_hour", "hour", "day", "month" or "year".
        clock: "utc", "local", or "standard" (local time without summer time).
        time_zone: IANA name of the city's zone; not looked at for "utc".
        lo_us: first instant to cover, in microseconds since 1970 UTC.
        hi_us: last instant to cover, not before `lo_us`.

    Returns:
        At least two ascending instants; the first is at or before `lo_us`, the last after `hi_us`,
        and no window lies wholly outside.

    Raises:
        ValueError: if length, clock or order is unknown or wrong.
        ZoneInfoNotFoundError: if nobody knows the time zone.
    """
    known = length in _STEP or length in _LONGEST
    if not known or clock not in {"utc", "local", "standard"} or hi_us < lo_us:
        raise ValueError(f"no windows of {length!r} on {clock!r} from {lo_us} to {hi_us}")
    if length in _LONGEST:
        return _long(length, clock, time_zone, lo_us, hi_us)
    step = _STEP[length]
    if clock == "utc" or length == "quarter_hour":  # every offset in use is of quarter hours
        return _grid(step, 0, lo_us - step, hi_us + 2 * step, lo_us, hi_us)
    # The longest window is the date lived twice; a margin of three days holds one on either side.
    begins, offsets = offset_changes(time_zone, clock, lo_us - 3 * DAY_US, hi_us + 3 * DAY_US)
    if length == "day":
        found = _days(begins, offsets, lo_us - 3 * DAY_US, hi_us + 3 * DAY_US)
    else:
        found = _hours(begins, offsets, lo_us - 3 * HOUR_US, hi_us + 3 * HOUR_US)
    return _covering(found, lo_us, hi_us)


@lru_cache(maxsize=64)
def spans(
    length: str, clock: str, time_zone: str, lo_us: int, hi_us: int, step: str = ""
) -> tuple[Instants, Instants]:
    """Begins and ends of the windows that hold any instant of [lo, hi], ascending; read-only.

    Args:
        length: one of `LENGTHS`; running windows overlap.
        clock: as in `edges`.
        time_zone: as in `edges`.
        lo_us: as in `edges`.
        hi_us: as in `edges`.
        step: with what running hours end, "hour" unless said: "quarter_hour", "hour" or "day".

    Raises:
        ValueError: if length, clock, step or order is unknown or wrong.
        ZoneInfoNotFoundError: if nobody knows the time zone.
    """
    if step and length not in _RUNNING and step != _RUNNING_DATES.get(length, (length,))[0]:
        raise ValueError(f"no windows of {length!r} with each {step!r}")
    if length in _RUNNING:
        ends = edges(step or "hour", clock, time_zone, lo_us, hi_us + _RUNNING[length])
        begins = ends - _RUNNING[length]
    elif length in _RUNNING_DATES:
        step, count, most_us = _RUNNING_DATES[length]
        found = edges(step, clock, time_zone, lo_us - most_us, hi_us + most_us)
        begins, ends = found[:-count], found[count:]
    else:
        found = edges(length, clock, time_zone, lo_us, hi_us)
        return found[:-1], found[1:]
    held = (begins <= hi_us) & (ends > lo_us)
    begins, ends = begins[held], ends[held]
    begins.flags.writeable = ends.flags.writeable = False
    return begins, ends


def day_begin(day: date, clock: str, time_zone: str) -> int:
    """When a date begins on a clock, microseconds since 1970 UTC; the next one, if it skipped it.

    Raises:
        ZoneInfoNotFoundError: if nobody knows the time zone.
    """
    midnight = to_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    low, high = midnight - 2 * DAY_US, midnight + 2 * DAY_US
    found = edges("day", clock, time_zone, low, high)
    shown = found
    if clock != "utc":
        begins, offsets = offset_changes(time_zone, clock, low - 3 * DAY_US, high + 3 * DAY_US)
        shown = found + offsets[np.searchsorted(begins, found, side="right") - 1]
    return int(found[shown // DAY_US >= midnight // DAY_US][0])


def longest_us(length: str) -> int:
    """No window of a length is longer, microseconds.

    Raises:
        ValueError: if the length is unknown.
    """
    if length not in LENGTHS:
        raise ValueError(f"no windows of {length!r}")
    if length in _RUNNING_DATES:
        return _RUNNING_DATES[length][2]
    # A date that was lived twice is a window of 48 hours.
    return (_STEP | _LONGEST | _RUNNING | {"day": 2 * DAY_US})[length]


def overlap_us(length: str, step: str = "") -> int:
    """How far a window of a length reaches into the next one at most: 0 but for running ones.

    Raises:
        ValueError: if length or step is unknown.
    """
    if length in _RUNNING:
        return _RUNNING[length] - _STEP[step or "hour"]
    if length in _RUNNING_DATES:
        shortest = {"day": DAY_US, "month": 28 * DAY_US, "year": 365 * DAY_US}
        return longest_us(length) - shortest[_RUNNING_DATES[length][0]]
    return 0


def _long(length: str, clock: str, time_zone: str, lo_us: int, hi_us: int) -> Instants:
    """Edges of months or years: the first instants of dates whose month is another than before."""
    start, stop = lo_us - 2 * _LONGEST[length], hi_us + 2 * _LONGEST[length]
    begins, offsets = np.array([-_FOREVER]), np.array([0])
    if clock != "utc":
        begins, offsets = offset_changes(time_zone, clock, start, stop)
    days = np.unique(_days(begins, offsets, start, stop))
    at = np.searchsorted(begins, days, side="right") - 1
    dates = ((days + offsets[at]) // DAY_US).astype("datetime64[D]")
    of = dates.astype("datetime64[M]" if length == "month" else "datetime64[Y]").astype(np.int64)
    return _covering(days[1:][of[1:] > of[:-1]], lo_us, hi_us)


def _grid(step: int, offset: int, start: int, stop: int, lo_us: int, hi_us: int) -> Instants:
    return _covering(_multiples(step, offset, start, stop), lo_us, hi_us)


def _multiples(step: int, offset: int, start: int, stop: int) -> Instants:
    """Instants in [start, stop) at which a clock `offset` ahead of UTC shows a multiple of step."""
    first = -(-(start + offset) // step) * step - offset
    return np.arange(first, stop, step, dtype=np.int64)


def _covering(found: Instants, lo_us: int, hi_us: int) -> Instants:
    """The edges from the last at or before `lo_us` to the first after `hi_us`, once each."""
    whole = np.unique(found - found % BUCKET_US)
    first = int(np.searchsorted(whole, lo_us, side="right")) - 1
    last = int(np.searchsorted(whole, hi_us, side="right"))
    covering = whole[first : last + 1]
    covering.flags.writeable = False  # callers share it
    return covering


def _hours(begins: Instants, offsets: Instants, start: int, stop: int) -> Instants:
    parts = [
        _multiples(HOUR_US, int(offset), max(start, int(begin)), min(stop, int(end)))
        for begin, end, offset in zip(begins, [*begins[1:], _FOREVER], offsets, strict=True)
    ]
    # A change at a full hour of the clock before it ends that hour, whatever the clock shows after.
    full = begins[1:][(begins[1:] + offsets[:-1]) % HOUR_US == 0]
    return np.concatenate([*parts, full[(full >= start) & (full < stop)]])


def _days(begins: Instants, offsets: Instants, start: int, stop: int) -> Instants:
    """The first instant of each local date that begins in [start, stop)."""
    parts = [
        _multiples(DAY_US, int(offset), max(start, int(begin)), min(stop, int(end)))
        for begin, end, offset in zip(begins, [*begins[1:], _FOREVER], offsets, strict=True)
    ]
    inside = (begins >= start) & (begins < stop)
    instants = np.concatenate([*parts, begins[inside]])
    shown = [part + int(offset) for part, offset in zip(parts, offsets, strict=True)]
    dates = np.concatenate([*shown, (begins + offsets)[inside]]) // DAY_US
    in_time = np.argsort(instants, kind="stable")
    dates, instants = dates[in_time], instants[in_time]
    # A change in the middle of a date begins none, nor does a date that comes back: only dates
    # later than all before them do. The date that runs at `start` is not known to begin there.
    before = np.maximum.accumulate(np.concatenate([[_date_at(begins, offsets, start - 1)], dates]))
    first: Instants = instants[dates > before[:-1]]
    return first


def _date_at(begins: Instants, offsets: Instants, at_us: int) -> int:
    """The date that the clock shows at an instant, in days since 1970."""
    index = max(int(np.searchsorted(begins, at_us, side="right")) - 1, 0)
    return (at_us + int(offsets[index])) // DAY_US


def offset_changes(time_zone: str, clock: str, lo_us: int, hi_us: int) -> tuple[Instants, Instants]:
    """The stretches of constant offset that cover [lo, hi]: their begins, and offsets, in µs.

    The first stretch begins before all time. Stretches next to each other differ.
    """
    first, last = (min(max(_year(us), _FIRST_YEAR), _LAST_YEAR) for us in (lo_us, hi_us))
    found: list[tuple[int, int]] = []
    for year in range(first, last + 1):
        for begin, offset in _of_year(time_zone, clock, year):
            if not found or found[-1][1] != offset:
                found.append((begin, offset))
    begins = np.array([begin for begin, _ in found], np.int64)
    begins[0] = -_FOREVER
    return begins, np.array([offset for _, offset in found], np.int64)


def _year(us: int) -> int:
    return int(us // (365.2425 * DAY_US)) + 1970


@lru_cache(maxsize=4096)
def _of_year(time_zone: str, clock: str, year: int) -> tuple[tuple[int, int], ...]:
    """(begin, offset) at the year's begin in UTC and wherever the offset changes in it."""
    zone = ZoneInfo(time_zone)
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    changes = [(to_us(at), _offset(zone, clock, at))]
    while at < end:
        after = min(at + _PROBE, end)
        offset = _offset(zone, clock, after)
        if offset != changes[-1][1]:
            changes.append((_change(zone, clock, at, after), offset))
        at = after
    return tuple(changes)


def _offset(zone: ZoneInfo, clock: str, at: datetime) -> int:
    """Microseconds that the clock is ahead of UTC at an instant."""
    local = at.astimezone(zone)
    ahead = local.utcoffset() or timedelta()
    if clock == "standard":
        ahead -= local.dst() or timedelta()
    return ahead // timedelta(microseconds=1)


def _change(zone: ZoneInfo, clock: str, before: datetime, after: datetime) -> int:
    """The first instant, to the second, at which the offset is the one `after`."""
    low, high = to_us(before) // US, to_us(after) // US
    new = _offset(zone, clock, after)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, clock, from_us(middle * US)) == new:
            high = middle
        else:
            low = middle
    return high * US
