"""Changed buckets that windows longer than an hour have not seen yet."""

from typing import Final

import numpy as np

from aggregator.series_table import Ints

_MUCH: Final = 500_000
"""Buckets; so many are not kept for later."""


class Later:
    """Buckets (row, begin) that changed since longer windows had their turn.

    Nothing is lost with it: who begins again from a checkpoint folds them again.
    """

    def __init__(self) -> None:
        self._rows: list[Ints] = []
        self._buckets: list[Ints] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def is_much(self) -> bool:
        """Whether they should have their turn for it."""
        return self._count > _MUCH

    def add(self, rows: Ints, buckets: Ints) -> None:
        """These changed."""
        if len(rows):
            self._rows.append(rows)
            self._buckets.append(buckets)
            self._count += len(rows)

    def take(self) -> tuple[Ints, Ints]:
        """All of them, which are not kept any longer."""
        nothing = np.empty(0, np.int64)
        rows, buckets = [nothing, *self._rows], [nothing, *self._buckets]
        self._rows, self._buckets, self._count = [], [], 0
        return np.concatenate(rows), np.concatenate(buckets)
