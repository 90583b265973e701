"""Compiling every kernel before the first reading, or loading it from numba's cache."""

import numpy as np

from aggregator.columns import CELL, Declared, fresh_state
from aggregator.compiler import compile_tree
from aggregator.kernels.comparing import same_records, same_takers
from aggregator.kernels.fold import fold_stream, order_by_row
from aggregator.kernels.joining import join_pieces
from aggregator.kernels.levels import (
    MEAN,
    MEAN_OF,
    fold_level,
    join_counts,
    join_values,
    lowest_values,
    round_all,
    same_as_city,
)
from aggregator.kernels.partial import NONE
from aggregator.kernels.refold import fold_ranges, restore, snapshot, snapshot_size
from aggregator.kernels.windows import any_said, buckets_fed, fold_windows, put_cells
from cityvitals.domain.arrays import ROLLUP
from kpi_rules.parse import parse


def warm_up() -> None:
    """Run each kernel once, on the types that it sees later."""
    one = np.zeros(1, np.int64)
    bad = np.zeros(1, np.bool_)
    v = np.zeros(1)
    small, hold = np.zeros(1, np.int8), one + 60_000_000
    declared = Declared(small, small.copy(), one.copy(), hold, hold.copy(), v.copy(), v.copy())
    state, out = fresh_state(1), np.empty(8, ROLLUP)
    order_by_row(one, one, 1, one.copy())
    fold_stream(one, v, one, bad, one, declared, state, out, bad.copy())
    rows = out[: snapshot(state, one, out)]
    snapshot_size(state, one)
    pending = np.zeros((1, 4))
    span = np.array([0, 1])
    fold_ranges(one, v, bad, one, declared, span, one, one, one + 1, one + NONE, out, pending)
    restore(state[0], out[0], pending[0])
    cells = np.zeros((1, 4), CELL)
    put_cells(cells, rows)
    folded = np.zeros((1, 1, 4))
    fold_windows(cells, one, one, one + 1, one, one + 1, one, folded)
    any_said(folded, bad, bad.copy())
    buckets_fed(bad, one, one, bad.copy())
    values = np.zeros((1, 1))
    here = np.zeros((1, 1), np.bool_)
    lowest_values(folded, one, one, one, one, v, MEAN_OF, values)
    same_as_city(folded, one, one, one, one, v, one, bad.copy())
    fold_level(values, one, one + 1, one, 0.5, 1, MEAN, values.copy())
    round_all(v, 0, 1, 10.0, v.copy())
    join_values(values, one, values, here, span, np.zeros((1, 1, 6)))
    join_counts(values, values, one, here, span, np.zeros((2, 1, 1)))
    compile_tree(parse("x"), frozenset())({"x": v})
    pieces = one.reshape(1, 1)
    join_pieces(np.zeros(1, np.uint8), pieces, pieces, one, np.zeros(1, np.uint8))
    same_records(pieces, pieces, 1, bad.copy())
    same_takers(here, here, span, here.copy())
