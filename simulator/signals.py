"""Composable seeded signals: values are pure functions of seed, sensor and time.

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
    """

    us: Times
    hours: Numbers
    weekend: NDArray[np.bool_]


def local_times(us: Times, zone: ZoneInfo) -> LocalTimes:
    """Instants in a zone's local time."""
    buckets = us // BUCKET_US
    known, where = np.unique(buckets, return_inverse=True)
    offsets = np.array([_offset_us(zone, int(each)) for each in known], np.int64)
    local = us + offsets[where]
    day = local // _DAY_US
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday, 3 counted from Monday
    return LocalTimes(us, (local % _DAY_US) / _HOUR_US, weekday >= 5)  # noqa: PLR2004 - Saturday


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
def _place(key: int) -> float:
    """Where a sensor stands among its like, in [-1, 1)."""
    return float(2.0 * chance(key, np.array([-1]))[0] - 1.0)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a level moves over the day: a factor for each local hour, straight in between."""

    workday: Sequence[float]
    weekend: Sequence[float]

    def at(self, times: LocalTimes) -> Numbers:
        """The factor at each instant."""
        return np.where(
            times.weekend, _wrapped(self.weekend, times.hours), _wrapped(self.workday, times.hours)
        )


def _wrapped(table: Sequence[float], hours: Numbers) -> Numbers:
    begin = hours.astype(np.int64)
    values = np.array([*table, table[0]])
    factor: Numbers = values[begin] + (values[begin + 1] - values[begin]) * (hours - begin)
    return factor


@dataclass(frozen=True, slots=True)
class Signal:
    """What a sensor sees: level * profile * (1 + slow + quick drift), plus grain, clipped.

    Attributes:
        level: typical value, in the quantity's unit.
        shared: weight of the drift over 6 h that all sensors of the city see.
        own: weight of the sensor's own drift over 20 min.
        spread: sensors' levels differ by up to this share.
        grain: measuring noise, in the quantity's unit.
        low: values below are cut off there.
        digits: decimals that the instrument shows.
    """

    level: float
    profile: Profile
    shared: float
    own: float
    spread: float
    grain: float
    low: float
    digits: int

    def values(self, seed: int, quantity: str, sensor: str, times: LocalTimes) -> Numbers:
        """The values at instants, in the quantity's unit."""
        city, own = key_of(seed, quantity), key_of(seed, quantity, sensor)
        moving = (
            1.0
            + self.shared * drift(city, times.us, 6 * _HOUR_US)
            + self.own * drift(own, times.us, _HOUR_US // 3)
        )
        level = self.level * (1.0 + self.spread * _place(own)) * self.profile.at(times) * moving
        noise = self.grain * (2.0 * chance(own, times.us) - 1.0)
        clipped: Numbers = np.maximum(level + noise, self.low)
        return clipped.round(self.digits)


@dataclass(frozen=True, slots=True)
class Register:
    """What a meter shows: level * profile added up since 1970, beginning anew at a modulus.

    Its day is that of UTC, so that it goes on evenly where clocks change.

    Attributes:
        level: typical increase in an hour, in the quantity's unit.
        profile: a factor for each hour of the day, straight in between.
        spread: meters' levels differ by up to this share.
        modulus: the number of which it shows 0 again.
        steps: how many steps a unit has; what lies between is not shown yet.
    """

    level: float
    profile: Sequence[float]
    spread: float
    modulus: float
    steps: int

    def values(self, seed: int, quantity: str, sensor: str, times: LocalTimes) -> Numbers:
        """What it shows at instants, in the quantity's unit."""
        place = _place(key_of(seed, quantity, sensor))
        level = self.level * (1.0 + self.spread * place)
        shown = np.floor((level * self._hours(times.us)) * self.steps)
        found: Numbers = shown % (self.modulus * self.steps) / self.steps
        return found

    def _hours(self, us: Times) -> Numbers:
        """The profile's integral since 1970, in hours."""
        table = np.array([*self.profile, self.profile[0]])
        upto = np.concatenate([[0.0], np.cumsum((table[1:] + table[:-1]) * 0.5)])
        hour, part = us % _DAY_US // _HOUR_US, us % _HOUR_US / _HOUR_US
        within = table[hour] * part + (table[hour + 1] - table[hour]) * part * part * 0.5
        found: Numbers = us // _DAY_US * upto[-1] + upto[hour] + within
        return found
