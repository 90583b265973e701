"""A bucket's partial: what one reading adds to it, and what readings mean, by code.

The fold in order of observed time of these steps is a bucket; `fold` and `refold` take them in the
same order.
"""

from typing import Any, Final

import numpy as np
from numba import njit

BUCKET: Final = 900_000_000
"""A quarter hour in microseconds."""
NONE: Final = -(2**62)
"""No time at all."""

GAUGE: Final = 0
"""A sample that holds until the next; states are folded so, too."""
MEAN: Final = 1
TOTAL: Final = 2
COUNTER: Final = 3
EVENT: Final = 4
LEVEL: Final = 5
"""A gauge of levels in dB: its integral is that of 10^(level/10)."""
LEVEL_MEAN: Final = 6
"""An interval mean of levels."""
NOTHING: Final = -1
"""No reading yet."""

_END: Final = 1


@njit(cache=True, nogil=True)
def clear(part: Any) -> None:
    """Make a partial the fold of nothing."""
    part.count = 0
    part.flagged = 0
    part.repeated = 0
    part.stepped = 0
    part.sum = 0.0
    part.sumsq = 0.0
    part.min = np.inf
    part.max = -np.inf
    part.first_t = 0
    part.first_v = 0.0
    part.last_t = 0
    part.last_v = 0.0
    part.integral = 0.0
    part.increase = 0.0
    part.covered = 0
    part.estimated = 0


@njit(cache=True, nogil=True)
def anchor(part: Any, t: int, v: float) -> None:
    """Count a reading in the bucket where its span begins."""
    if part.count == 0:
        part.first_t = t
        part.first_v = v
    part.count += 1
    part.sum += v
    part.sumsq += v * v
    part.last_t = t
    part.last_v = v


@njit(cache=True, nogil=True)
def is_interval(code: int) -> bool:
    """Whether a number belongs to a stretch of time of its own."""
    return code in (MEAN, TOTAL, LEVEL_MEAN)


@njit(cache=True, nogil=True)
def is_held(code: int) -> bool:
    """Whether a number holds from its time until the next reading."""
    return code in (GAUGE, LEVEL, EVENT)


@njit(cache=True, nogil=True)
def span_begin(code: int, stamp: int, period: int, t: int) -> int:
    """When the stretch begins that a reading speaks for."""
    if is_interval(code) and stamp == _END:
        return t - period
    return t


@njit(cache=True, nogil=True)
def weight(code: int, v: float) -> float:
    """What is integrated over the time that a value holds.

    Of a level in dB the power, since levels are averaged by it: ISO 1996-1:2016, 3.1.7 defines the
    equivalent level as 10 lg of the time mean of the squared pressure ratio, which is 10^(L/10).
    """
    if code in (LEVEL, LEVEL_MEAN):
        power: float = 10.0 ** (v / 10.0)
        return power
    if code == EVENT:
        return 0.0
    return v


@njit(cache=True, nogil=True)
def cover(part: Any, code: int, v: float, overlap: int, period: int) -> None:
    """Add a reading's value over `overlap` microseconds of a bucket."""
    part.covered += overlap
    if code == TOTAL:
        share = v * (overlap / period)
        part.integral += share
    else:
        part.integral += weight(code, v) * (overlap * 1e-6)
        share = v
    if is_interval(code):
        part.min = min(part.min, share)
        part.max = max(part.max, share)


@njit(cache=True, nogil=True)
def rise_between(before: float, v: float, modulus: float) -> float:
    """How far a counter went on from one reading to the next.

    A lower reading is a roll-over where the counter has a modulus, and else a reset, since which it
    counted from 0 to what it shows.
    """
    if v >= before:
        return v - before
    if modulus > 0.0 and before < modulus:
        return (modulus - before) + v
    return max(v, 0.0)


@njit(cache=True, nogil=True)
def add_rise(part: Any, rise: float, overlap: int, gap: int, hold: int) -> None:
    """Add a counter's rise over a gap, as far as the gap overlaps a bucket, evenly by time."""
    share = rise * (overlap / gap)
    part.integral += share
    part.increase += share
    if gap <= hold:
        part.covered += overlap
    else:
        part.estimated += overlap


@njit(cache=True, nogil=True)
def anchor_more(part: Any, code: int, v: float) -> None:
    """What the bucket of a reading takes in beside `anchor`, by what the reading means."""
    if not is_interval(code):
        part.min = min(part.min, v)
        part.max = max(part.max, v)
    if code == EVENT:
        part.integral += v


@njit(cache=True, nogil=True)
def compare(part: Any, before: float, v: float, step: float) -> None:
    """Count a sample that says what the held one before it said, or something far from it."""
    if v == before:
        part.repeated += 1
    elif abs(v - before) > step:
        part.stepped += 1


@njit(cache=True, nogil=True)
def copy_partial(source: Any, target: Any) -> None:
    """Copy a partial's fields from one record to another."""
    target.count = source.count
    target.flagged = source.flagged
    target.repeated = source.repeated
    target.stepped = source.stepped
    target.sum = source.sum
    target.sumsq = source.sumsq
    target.min = source.min
    target.max = source.max
    target.first_t = source.first_t
    target.first_v = source.first_v
    target.last_t = source.last_t
    target.last_v = source.last_v
    target.integral = source.integral
    target.increase = source.increase
    target.covered = source.covered
    target.estimated = source.estimated


@njit(cache=True, nogil=True)
def are_samples(before: int, code: int) -> bool:
    """Whether two readings, one after the other, are both samples of something continuous."""
    earlier = before in (GAUGE, LEVEL)
    later = code in (GAUGE, LEVEL)
    return earlier and later
