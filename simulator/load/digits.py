"""Numbers and times as text, whole arrays at once; and numbers drawn by where they stand."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.times import US, iso

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

TIME_WIDTH: Final = len("2026-11-23T10:15:00.000000")
VALUE_WIDTH: Final = len("12.34567")
VALUE_SCALE: Final = 100_000
"""Values are whole numbers of 1 / this: what they are as text is what they are."""
SEQ_WIDTH: Final = len("1000000000")

_MINUTE_US: Final = 60 * US
_DAY_MINUTES: Final = 1440
_DAY_US: Final = _DAY_MINUTES * _MINUTE_US
_FOUR: Final = np.array(
    [[ord(digit) for digit in f"{number:04d}"] for number in range(10_000)], np.uint8
)
_CLOCK: Final = np.array(
    [list(b"%02d:%02d:" % divmod(minute, 60)) for minute in range(_DAY_MINUTES)], np.uint8
)
_POINT: Final = ord(".")


def times(t_us: Ints) -> Bytes:
    """RFC 3339 without the closing `Z` [..., TIME_WIDTH].

    Each day between the earliest and the latest is written once.
    """
    minute, within = np.divmod(t_us, _MINUTE_US)
    day, minute = np.divmod(minute, _DAY_MINUTES)
    first = int(day.min())
    days = [iso(one * _DAY_US)[:11].encode() for one in range(first, int(day.max()) + 1)]
    made = np.empty((*t_us.shape, TIME_WIDTH), np.uint8)
    made[..., :11] = np.frombuffer(b"".join(days), np.uint8).reshape(-1, 11)[day - first]
    made[..., 11:17] = _CLOCK[minute]
    high, low = np.divmod(within, 10_000)
    upper = _FOUR[high]
    made[..., 17:19] = upper[..., :2]
    made[..., 19] = _POINT
    made[..., 20:22] = upper[..., 2:]
    made[..., 22:26] = _FOUR[low]
    return made


def values(scaled: Ints) -> Bytes:
    """Values from 10 to below 100, given times VALUE_SCALE, as text [..., VALUE_WIDTH]."""
    made = np.empty((*scaled.shape, VALUE_WIDTH), np.uint8)
    high, low = np.divmod(scaled, 10_000)
    upper = _FOUR[high]  # 0123: tens, ones, tenth
    made[..., :2] = upper[..., 1:3]
    made[..., 2] = _POINT
    made[..., 3] = upper[..., 3]
    made[..., 4:] = _FOUR[low]
    return made


def seqs(numbers: Ints) -> Bytes:
    """Whole numbers of ten digits as text [..., SEQ_WIDTH]."""
    made = np.empty((*numbers.shape, SEQ_WIDTH), np.uint8)
    rest, low = np.divmod(numbers, 10_000)
    high, middle = np.divmod(rest, 10_000)
    made[..., :2] = _FOUR[high][..., 2:]
    made[..., 2:6] = _FOUR[middle]
    made[..., 6:] = _FOUR[low]
    return made


def drawn(seed: int, places: NDArray[Any]) -> NDArray[np.uint64]:
    """A number of 64 random bits for each place: the same place, the same number.

    splitmix64: what was said about a place can be said again without having been kept.
    """
    mixed = places.astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed += np.uint64((seed * 0xD1342543DE82EF95 + 0x632BE59BD9B4E019) % 2**64)
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def below(bits: NDArray[np.uint64], limit: int) -> Ints:
    """Whole numbers from 0 to below a limit of at most 2**31, from the upper 32 bits."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)
