"""A gateway's running numbers: which have come, and how many are missing between them. Pure.

Numbers that have come are kept as ranges, so that a number that comes late closes its hole, by
whichever worker it comes. A gateway that begins to count anew is known by a new reading under a
number that has come before, or far below all of them; what was missing until then stays lost.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MOST_RANGES: Final = 1000
"""Kept for a gateway; past that the oldest holes are given up as lost."""

REACH: Final = 10_000
"""A number so far below the lowest is no latecomer but the begin of a new count."""

Range = tuple[int, int]
"""Numbers from the first to before the second."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """What is known of a gateway's numbers.

    Attributes:
        ranges: what has come since it began to count, ascending, never touching.
        lost: what was missing before: when it began anew, or of holes given up.
        restarts: how often it began anew.
    """

    ranges: tuple[Range, ...] = ()
    lost: int = 0
    restarts: int = 0

    @property
    def missing(self) -> int:
        """Numbers between the lowest and the highest that have not come, and all lost before."""
        return self.lost + _holes(self.ranges)


def take(before: Numbering, new: Iterable[int], seen: Iterable[int]) -> Numbering:
    """What is known after some more numbers.

    Args:
        before: what was known.
        new: numbers of readings that are new in the store, in order of arrival.
        seen: numbers of other readings that came: revised ones and rejected ones.
    """
    fresh = list(new)
    known = before
    first = next((place for place, one in enumerate(fresh) if _begins_anew(before, one)), None)
    if first is not None:
        known = Numbering((), before.missing, before.restarts + 1)
        # Of a batch that spans the restart only what comes after it belongs to the new count.
        fresh = fresh[first:]
    return _bounded(known, _merged([*known.ranges, *((one, one + 1) for one in (*fresh, *seen))]))


def _bounded(known: Numbering, ranges: Sequence[Range]) -> Numbering:
    surplus = len(ranges) - MOST_RANGES
    if surplus <= 0:
        return Numbering(tuple(ranges), known.lost, known.restarts)
    given_up = ranges[: surplus + 1]
    joined = (given_up[0][0], given_up[-1][1])
    lost = known.lost + _holes(given_up)
    return Numbering((joined, *ranges[surplus + 1 :]), lost, known.restarts)


def _merged(ranges: Iterable[Range]) -> list[Range]:
    found: list[Range] = []
    for begin, end in sorted(ranges):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def _holes(ranges: Sequence[Range]) -> int:
    if not ranges:
        return 0
    return ranges[-1][1] - ranges[0][0] - sum(end - begin for begin, end in ranges)


def _begins_anew(known: Numbering, number: int) -> bool:
    if not known.ranges:
        return False
    if number < known.ranges[0][0] - REACH:
        return True
    place = bisect_right(known.ranges, (number, sys.maxsize)) - 1
    return place >= 0 and number < known.ranges[place][1]
