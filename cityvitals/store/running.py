"""A gateway's running numbers: which have arrived, and how many are missing. Pure."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MOST_RANGES: Final = 1000
LARGEST: Final = 2**53
"""Larger numbers count nothing: no gateway sends so many, and a bad one must not fill the books."""
_MOST_LOST: Final = 2**60
REACH: Final = 1000
"""A known number nearer to the top is one that is sent again, say of a reading rejected first."""

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

    @property
    def top(self) -> int:
        """The number after the highest."""
        return self.ranges[-1][1] if self.ranges else 0

    def has(self, numbers: Ints) -> NDArray[np.bool_]:
        """Whether numbers have arrived."""
        if not self.ranges or (len(numbers) and numbers.min() >= self.ranges[-1][1]):
            return np.zeros(len(numbers), np.bool_)  # nearly always: gateways count upwards
        edges = np.array(self.ranges, np.int64).reshape(-1)
        # Begins and ends alternate, so within a range an odd number of edges lies at or below.
        within: NDArray[np.bool_] = np.searchsorted(edges, numbers, side="right") % 2 == 1
        return within


def arrived(known: Numbers, numbers: Ints, is_new: NDArray[np.bool_]) -> Numbers:
    """Take note of numbers in order of arrival.

    A reading that is new to the store under a number that had arrived before, far below the
    highest, tells of a gateway that counts anew; it and what follows it belong to the new count.

    Args:
        known: so far.
        numbers: int64, in order of arrival.
        is_new: whether the reading of each is new to the store.
    """
    fit = (numbers >= known.floor) & (numbers <= LARGEST)
    numbers, is_new = numbers[fit], is_new[fit]
    far_below = numbers < known.top - REACH
    again = np.flatnonzero(is_new & far_below & known.has(numbers))
    if not len(again):
        return _grown(known, numbers)
    grown = _grown(known, numbers[: again[0]])
    lost = min(grown.lost + grown.missing, _MOST_LOST)
    ended = Numbers(lost=lost, resets=grown.resets + 1)
    return _grown(ended, numbers[again[0] :])


def _grown(known: Numbers, numbers: Ints) -> Numbers:
    merged: list[Range] = []
    for low, high in sorted([*known.ranges, *_runs(numbers)]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return _bounded(replace(known, ranges=tuple(merged)))


def _runs(numbers: Ints) -> list[Range]:
    """Numbers as ranges, ascending and apart."""
    ordered = np.unique(numbers)
    if not len(ordered):
        return []
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    begins = ordered[np.concatenate([[0], breaks + 1])]
    ends = ordered[np.concatenate([breaks, [len(ordered) - 1]])] + 1
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _bounded(numbers: Numbers) -> Numbers:
    """Give up the lowest holes where there are too many ranges."""
    surplus = len(numbers.ranges) - MOST_RANGES
    if surplus <= 0:
        return numbers
    kept = numbers.ranges[surplus:]
    given_up = replace(numbers, ranges=numbers.ranges[: surplus + 1]).missing
    lost = min(numbers.lost + given_up, _MOST_LOST)
    return replace(numbers, ranges=kept, floor=kept[0][0], lost=lost)
