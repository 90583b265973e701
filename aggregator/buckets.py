"""Open buckets in memory, the newest closed ones beside them, and the fold that fills both."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.columns import CELL, NO_TAG, fresh_state, no_cells
from aggregator.kernels.fold import fold_stream, order_by_row
from aggregator.kernels.partial import BUCKET, COUNTER, NONE
from aggregator.kernels.refold import snapshot, snapshot_size
from aggregator.kernels.windows import put_cells
from aggregator.series_table import Ints, SeriesTable
from cityvitals.domain.arrays import ROLLUP, Records
from cityvitals.domain.names import EXCLUDING_FLAGS

SLOTS: Final = 132
"""Buckets a series keeps at hand: a local day of 25 hours, and eight hours of delay beside it."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What one batch of readings did.

    Attributes:
        closed: ROLLUP records of buckets that were passed; `series` is the row.
        late_rows, late_t: readings that the stream could not take, to be recomputed.
        touched: rows whose open bucket changed.
    """

    closed: Records
    late_rows: Ints
    late_t: Ints
    touched: Ints


class Buckets:
    """One shard's open buckets (`state`) and ring of recent ones (`cells`).

    Bounded: one state record and SLOTS cells a series; in the ring a newer bucket pushes out the
    one SLOTS before it, which from then on is read from the store.

    Attributes:
        floor: buckets of a series before this are never recomputed: its readings there are gone.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self.floor: Ints = np.empty(0, np.int64)
        self.state: Records = fresh_state(0)
        self.cells: NDArray[Any] = no_cells(0, SLOTS)

    def grow(self) -> None:
        """Make room for series that the table has and the arrays have not."""
        missing = len(self._table) - len(self.state)
        if missing > 0:
            self.state = np.concatenate([self.state, fresh_state(missing)])
            self.cells = np.concatenate([self.cells, no_cells(missing, SLOTS)])
            self.floor = np.concatenate([self.floor, np.full(missing, NONE, np.int64)])

    def fold(self, rows: Ints, t: Ints, v: NDArray[np.float64], flags: NDArray[np.int32]) -> Folded:
        """Fold one batch of new readings, in any order; every row must be known."""
        order = np.empty(len(rows), np.int64)
        if not order_by_row(rows, t, len(self.state), order):
            order = np.lexsort((t, rows))
        rows, t, v = rows[order], t[order], np.ascontiguousarray(v[order])
        bad = (flags[order] & EXCLUDING_FLAGS) != 0
        decl = self._table.declaration(rows, t)
        out = np.empty(self._room(rows, t, decl), ROLLUP)
        late = np.zeros(len(rows), np.bool_)
        count = fold_stream(t, v, rows, bad, decl, self._table.declared, self.state, out, late)
        closed = out[:count]
        put_cells(self.cells, closed)
        return Folded(closed, rows[late], t[late], np.unique(rows))

    def _room(self, rows: Ints, t: Ints, decl: Ints) -> int:
        """The most buckets that these readings, sorted by (series, time), can close."""
        declared = self._table.declared
        reach = np.maximum(declared.periods, declared.holds)[decl]
        counts = declared.codes[decl] == COUNTER
        if counts.any():
            reach = np.where(counts, np.minimum(self._gaps(rows, t), declared.reaches[decl]), reach)
        carried = int(declared.holds.max(initial=0)) // BUCKET + 2
        touched = min(len(decl), len(self.state))
        return int((reach // BUCKET + 2).sum()) + len(decl) + carried * touched

    def _gaps(self, rows: Ints, t: Ints) -> Ints:
        """How long after the one before of its series each reading was observed; 0 if earlier."""
        before = np.concatenate([[NONE], t[:-1]])
        first = np.concatenate([[True], rows[1:] != rows[:-1]])
        before[first] = self.state["last_seen"][rows[first]]
        return np.where(before == NONE, 0, np.maximum(t - before, 0))

    def open_rows(self, rows: Ints) -> Records:
        """Open buckets as they stand now (ROLLUP, `series` is the row), into the ring too."""
        out = np.empty(snapshot_size(self.state, rows), ROLLUP)
        found = out[: snapshot(self.state, rows, out)]
        self.empty_after(rows[self._table.several[rows]])
        put_cells(self.cells, found)
        return found

    def empty_after(self, rows: Ints) -> None:
        """Forget what the newest sample of some series was seen to hold after the open bucket.

        While a series declares the same, the next sample holds longer and is written over it.
        """
        for row in rows[self.state["bucket"][rows] != NONE].tolist():
            tail = self.cells["tag"][row] > self.state["bucket"][row] // BUCKET
            self.cells[row][tail] = np.zeros((), CELL)
            self.cells["tag"][row, tail] = NO_TAG

    def put(self, rollups: Records) -> None:
        """Take recomputed or stored buckets (`series` is the row) into the ring."""
        put_cells(self.cells, rollups)
