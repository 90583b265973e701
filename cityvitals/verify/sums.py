"""One station's partials, added up over windows in order of time. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.verify.edges import Windows
from cityvitals.verify.fold import Floats, Ints


@dataclass(frozen=True, slots=True)
class Sums:
    """Partials (KEPT) of windows, added up [w].

    Attributes:
        count: readings anchored there; `flagged`: those that a flag left out.
        any: whether there is a partial.
    """

    integral: Floats
    covered: Ints
    count: Ints
    flagged: Ints
    any: NDArray[np.bool_]


def add_up(folded: Records, windows: Windows) -> Sums:
    """Add up partials (KEPT, in order of time) over windows, which may overlap."""
    first = np.searchsorted(folded["bucket"], windows.begins)
    last = np.searchsorted(folded["bucket"], windows.ends)
    return Sums(
        integral=in_order(folded["integral"], first, last),
        covered=_whole(folded["covered"], first, last),
        count=_whole(folded["count"], first, last),
        flagged=_whole(folded["flagged"], first, last),
        any=last > first,
    )


def _whole(numbers: Ints, first: Ints, last: Ints) -> Ints:
    """Sums of whole numbers, which are exact in any order."""
    upto = np.append(0, np.cumsum(numbers.astype(np.int64)))
    found: Ints = upto[last] - upto[first]
    return found


def in_order(numbers: Floats, first: Ints, last: Ints) -> Floats:
    """The sum of numbers[first:last] of each window, from 0, one after the other.

    `np.sum` adds in pairs, which may come to another last bit.
    """
    found = np.zeros(len(first))
    longest = int((last - first).max(initial=0))
    if longest > len(first):
        for w, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
            for number in numbers[begin:end].tolist():
                found[w] += number
        return found
    for nth in range(longest):  # the first of every window, then the second …
        there = first + nth < last
        found[there] += numbers[first[there] + nth]
    return found
