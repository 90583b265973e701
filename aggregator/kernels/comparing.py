"""What was said before against what would be said now."""

import math
from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def same_records(one: Any, other: Any, numbers: int, out: Any) -> None:
    """Where records of eight bytes a field are the same; nan is as nan, and 0 as -0.

    Args:
        one, other: their bits, as int64 [r, f].
        numbers: so many fields, the first ones, are float64.
        out: bool [r]; written.
    """
    left, right = one.view(np.float64), other.view(np.float64)
    for r in range(one.shape[0]):
        same = True
        for f in range(numbers):
            a, b = left[r, f], right[r, f]
            same = same and (a == b or (math.isnan(a) and math.isnan(b)))
        for f in range(numbers, one.shape[1]):
            same = same and one[r, f] == other[r, f]
        out[r] = same


@njit(cache=True, nogil=True)
def same_takers(before: Any, now: Any, offsets: Any, same: Any) -> None:
    """Unset `same` [w, g] where a group's series, [w, u] by `offsets` [g + 1], are not the same."""
    for w in range(before.shape[0]):
        for g in range(offsets.shape[0] - 1):
            for u in range(offsets[g], offsets[g + 1]):
                if before[w, u] != now[w, u]:
                    same[w, g] = False
                    break
