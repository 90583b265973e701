"""Rows of bytes from pieces of bytes."""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def join_pieces(blob: Any, begins: Any, ends: Any, shifts: Any, out: Any) -> None:
    """Copy pieces one after the other, row by row.

    Args:
        blob: uint8 [b], what pieces are pieces of.
        begins, ends: of each piece of each row there [k, r], less the shift.
        shifts: of each piece of all rows [k].
        out: uint8, as long as all of them; written.
    """
    at = np.uint64(0)  # of numbers without sign nobody asks whether they count from the end
    for r in range(begins.shape[1]):
        for k in range(begins.shape[0]):
            begin = np.uint64(begins[k, r] + shifts[k])
            size = np.uint64(ends[k, r] - begins[k, r])
            for i in range(size):
                out[at + i] = blob[begin + i]
            at += size
