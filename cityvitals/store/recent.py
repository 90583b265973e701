"""Readings that this process committed lately, to know them again without asking the store."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records

_SLOTS: Final = 1 << 18
_FIELDS: Final = ("t", "series", "rev", "v")
_SPREAD_T: Final = np.uint64(0x9E3779B97F4A7C15)
_SPREAD_SERIES: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT: Final = np.uint64(64 - 18)


class Recent:
    """Whether a reading is one that was committed here before.

    What it says yes to is surely a duplicate: (t, series, rev, value) was committed, and what was
    said stays said. A no says nothing. A table with one place for each hash, where the newest
    displaces what stood there: 7 MB, whatever comes, and one batch that was not put in yet.
    """

    def __init__(self) -> None:
        # A column each: numpy scatters records several times slower.
        self._columns = {name: np.zeros(_SLOTS, READING[name]) for name in _FIELDS}
        self._columns["series"][:] = -1
        self._waiting: Records | None = None

    def knows(self, readings: Records) -> NDArray[np.bool_]:
        """Per READING record whether it was committed here before."""
        self.absorb()
        places = _places(readings)
        known = np.ones(len(readings), np.bool_)
        for name, column in self._columns.items():
            known &= column[places] == readings[name]
        return known

    def add(self, readings: Records) -> None:
        """Take note of committed READING records, whose work may wait until there is time."""
        self.absorb()
        self._waiting = readings

    def absorb(self) -> None:
        """Do what waits: now is a good time."""
        if self._waiting is None:
            return
        readings, self._waiting = self._waiting, None
        places = _places(readings)
        for name, column in self._columns.items():
            # Of those that share a place each column keeps the last.
            column[places] = np.ascontiguousarray(readings[name])


def repeats(ordered: Records) -> NDArray[np.bool_]:
    """Per reading, sorted by key and arrival, whether it says what the one before said."""
    same = np.zeros(len(ordered), np.bool_)
    if len(ordered):
        same[1:] = True
        for name in _FIELDS:
            same[1:] &= ordered[name][1:] == ordered[name][:-1]
    return same


def _places(readings: Records) -> NDArray[np.intp]:
    """The place of each reading's hash."""
    mixed = readings["t"].astype(np.uint64) * _SPREAD_T
    mixed ^= readings["series"].astype(np.uint64) * _SPREAD_SERIES
    return (mixed * _SPREAD_T >> _SHIFT).astype(np.intp)
