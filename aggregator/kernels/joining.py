"""Rows of bytes from pieces of bytes."""

from typing import Any

from numba import njit


@njit(cache=True, nogil=True)
def join_pieces(blob: Any, begins: Any, ends: Any, out: Any) -> None:
    """Copy pieces one after the other.

    Args:
        blob: uint8 [b], what pieces are pieces of.
        begins, ends: of each piece there [n].
        out: uint8, as long as all of them; written.
    """
    at = 0
    for n in range(begins.shape[0]):
        for i in range(begins[n], ends[n]):
            out[at] = blob[i]
            at += 1
