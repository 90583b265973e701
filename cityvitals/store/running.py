"""A gateway's running numbers: which have arrived, and how many are missing. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

MOST_RANGES: Final = 1000
LARGEST: Final = 2**53
"""Larger numbers count nothing: no gateway sends so many, and a bad one must not fill the books."""
_MOST_LOST: Final = 2**60
Range = tuple[int, int]
"""From the first number up to, but without, the second."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What has arrived of one gateway.

    Attributes:
        ranges: ascending and apart; at most `MOST_RANGES`, past which the lowest hole is given up.
        floor: numbers below are settled, and no longer looked at.
        lost: what was missing of counts that ended, and of holes given up.
        resets: how often the gateway began to count anew.
    """

    ranges: tuple[Range, ...] = ()
    floor: int = 0
    lost: int = 0
    resets: int = 0

    @property
    def missing(self) -> int:
        """The numbers that have not arrived between the lowest and the highest."""
        return sum(
            after - before
            for (_, before), (after, _) in zip(self.ranges, self.ranges[1:], strict=False)
        )

    def has(self, number: int) -> bool:
        """Whether a number has arrived."""
        if not self.ranges or number >= self.ranges[-1][1]:
            return False  # nearly always: gateways count upwards
        place = bisect_right(self.ranges, number, key=itemgetter(0)) - 1
        return place >= 0 and number < self.ranges[place][1]


def arrived(known: Numbers, came: Iterable[tuple[int, bool]]) -> Numbers:
    """Take note of numbers in order of arrival.

    A reading that is new to the store under a number that had arrived before tells of a gateway
    that counts anew; it and what follows it belong to the new count.

    Args:
        known: so far.
        came: number, and whether its reading is new to the store.
    """
    old: set[int] = set()
    new: set[int] = set()
    anew = False
    for number, is_new in came:
        if not known.floor <= number <= LARGEST:
            continue
        anew = anew or (is_new and known.has(number))
        (new if anew else old).add(number)
    grown = _grown(known, old)
    if not anew:
        return grown
    lost = min(grown.lost + grown.missing, _MOST_LOST)
    ended = Numbers(lost=lost, resets=grown.resets + 1)
    return _grown(ended, new)


def _grown(known: Numbers, numbers: set[int]) -> Numbers:
    merged: list[Range] = []
    for low, high in sorted([*known.ranges, *((one, one + 1) for one in numbers)]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return _bounded(replace(known, ranges=tuple(merged)))


def _bounded(numbers: Numbers) -> Numbers:
    """Give up the lowest holes where there are too many ranges."""
    surplus = len(numbers.ranges) - MOST_RANGES
    if surplus <= 0:
        return numbers
    kept = numbers.ranges[surplus:]
    given_up = replace(numbers, ranges=numbers.ranges[: surplus + 1]).missing
    lost = min(numbers.lost + given_up, _MOST_LOST)
    return replace(numbers, ranges=kept, floor=kept[0][0], lost=lost)
