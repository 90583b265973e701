"""What signals are made of: local times, seeded chance and noise, tables over the day.

Only additions, products and table look-ups, no transcendental functions: the same seed gives the
same bits on every machine and for every length of array, so that history and live join.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.times import BUCKET_US, US, from_us

Times = NDArray[np.int64]
"""Instants, microseconds since 1970 UTC."""
Numbers = NDArray[np.float64]

_HOUR_US: Final = 3600 * US
_DAY_US: Final = 24 * _HOUR_US
_GOLDEN: Final = 0x9E3779B97F4A7C15
_WORD: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """Instants with what a city's clocks and calendar say at them.

    Attributes:
        hours: local time of day, [0, 24).
        weekend: whether it is Saturday or Sunday there.
        months: time of year, [0, 12): 0.5 is the middle of January.
    """

    us: Times
    hours: Numbers
    weekend: NDArray[np.bool_]
    months: Numbers


def local_times(us: Times, zone: ZoneInfo) -> LocalTimes:
    """Instants in a zone's local time."""
    buckets = us // BUCKET_US
    known, where = np.unique(buckets, return_inverse=True)
    offsets = np.array([_offset_us(zone, int(each)) for each in known], np.int64)
    local = us + offsets[where]
    day = local // _DAY_US
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday, 3 counted from Monday
    return LocalTimes(
        us,
        (local % _DAY_US) / _HOUR_US,
        weekday >= 5,  # noqa: PLR2004 - Saturday
        _months(local),
    )


def _months(local: Times) -> Numbers:
    """Time of year in months; of microseconds as the local clock shows them."""
    months = local.astype("datetime64[us]").astype("datetime64[M]")
    begin, end = (edge.astype("datetime64[us]").astype(np.int64) for edge in (months, months + 1))
    share: Numbers = (local - begin) / (end - begin)
    return share + months.astype(np.int64) % 12


@lru_cache(maxsize=65_536)
def _offset_us(zone: ZoneInfo, bucket: int) -> int:
    offset = from_us(bucket * BUCKET_US).astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)


def key_of(seed: int, *words: str) -> int:
    """A 64-bit key for a source of chance, from the seed and the names of what it belongs to."""
    text = "/".join(words).encode()
    return (seed * _GOLDEN + (crc32(text) << 32 | crc32(text[::-1]))) & _WORD


def chance(key: int, index: NDArray[np.int64]) -> Numbers:
    """Uniform numbers in [0, 1), one per index, without memory of their neighbours (splitmix64)."""
    word = index.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drift(key: int, us: Times, scale_us: int) -> Numbers:
    """Noise in [-1, 1) that forgets over `scale_us`: smooth steps between random points.

    Instants must ascend.
    """
    point, part = us // scale_us, (us % scale_us) / scale_us
    # Instants are many and points few: chance is the dear part.
    known = chance(key, np.arange(point[0], point[-1] + 2))
    before, after = known[point - point[0]], known[point - point[0] + 1]
    blend = part * part * (3.0 - 2.0 * part)
    noise: Numbers = 2.0 * (before + (after - before) * blend) - 1.0
    return noise


@lru_cache(maxsize=65_536)
def place(key: int) -> float:
    """Where a sensor stands among its like, in [-1, 1)."""
    return float(2.0 * chance(key, np.array([-1]))[0] - 1.0)


def wrapped(table: Sequence[float], hours: Numbers) -> Numbers:
    """A figure for each hour of a day, straight in between, at hours of [0, 24)."""
    begin = hours.astype(np.int64)
    values = np.array([*table, table[0]])
    factor: Numbers = values[begin] + (values[begin + 1] - values[begin]) * (hours - begin)
    return factor
