"""A stack machine that evaluates rules' expressions, for many windows and zones at once.

One kernel runs every rule: a rule is a program (`aggregator.compiler`), so that no rule has to be
compiled to machine code of its own when the aggregator starts.
"""

from typing import Any

import numpy as np
from numba import njit

from aggregator.kernels import codes
from aggregator.kernels.numbers import look_up, one, rounded, several, two
from aggregator.kernels.series import fold, reshape

NUMBER = -1
"""The size of a slot that holds a number, not a series."""
CHUNK = 1024
"""So many cells at once, where there are no series: what a processor keeps at hand."""


@njit(cache=True, nogil=True, error_model="numpy")
def run(
    program: Any,
    constants: Any,
    tables: Any,
    rows: Any,
    scalars: Any,
    series: Any,
    lengths: Any,
    depth: int,
    locals_: int,
    out: Any,
) -> None:
    """Run a program for each cell.

    Args:
        program: int64 [p, 3]: a code and its two operands.
        constants: float64 [c].
        tables: int64 [t, 5]: first row, row after the last, edge, below, above.
        rows: float64 [r, 4], those of all tables.
        scalars: float64 [k, cells]. series: float64 [s, cells, n]. lengths: int64 [s, cells].
        depth: how many values the stack holds at most. locals_: how many locals there are.
        out: float64 [o, cells], written.
    """
    # Without series, cells are the places of one: each instruction is told once for many.
    flat = series.shape[0] == 0
    cells = out.shape[1]
    together = CHUNK if flat else 1
    width = max(1, min(cells, CHUNK) if flat else series.shape[2])
    # Locals stand above the stack, and above them there is room for one operation.
    values = np.empty((depth + locals_ + 1, width))
    sizes = np.full(depth + locals_ + 1, NUMBER)
    row = np.empty(max(depth, 3))
    for cell in range(0, cells, together):
        count = min(together, cells - cell)
        top = 0
        for i in range(program.shape[0]):
            code, first, second = program[i, 0], program[i, 1], program[i, 2]
            if code == codes.LOCAL:
                _copy(values, sizes, depth + first, top)
                top += 1
            elif code <= codes.SERIES:
                _push(
                    values[top], sizes, top, code, first, cell, count if flat else NUMBER,
                    constants, scalars, series, lengths,
                )  # fmt: skip
                top += 1
            elif code == codes.STORE:
                top -= 1
                _copy(values, sizes, top, depth + first)
            elif code == codes.OUTPUT and flat:
                top -= 1
                for place in range(count):
                    out[first, cell + place] = values[top, place if sizes[top] != NUMBER else 0]
            elif code == codes.OUTPUT:
                top -= 1
                out[first, cell] = values[top, 0]
            elif code == codes.LOOKUP:
                _look_up(values[top - 1], sizes[top - 1], tables[first], rows)
            else:
                top = _operate(values, sizes, top, code, first, second, constants, row)


@njit(cache=True, nogil=True, error_model="numpy")
def _push(
    value: Any,
    sizes: Any,
    top: int,
    code: int,
    first: int,
    cell: int,
    together: int,
    constants: Any,
    scalars: Any,
    series: Any,
    lengths: Any,
) -> None:
    """Push a constant, a number (of `together` cells, as a series), or a series."""
    if code == codes.SERIES:
        sizes[top] = lengths[first, cell]
        value[: sizes[top]] = series[first, cell, : sizes[top]]
    elif code == codes.SCALAR and together != NUMBER:
        sizes[top] = together
        value[:together] = scalars[first, cell : cell + together]
    else:
        sizes[top] = NUMBER
        value[0] = constants[first] if code == codes.CONSTANT else scalars[first, cell]


@njit(cache=True, nogil=True, error_model="numpy")
def _copy(values: Any, sizes: Any, source: int, target: int) -> None:
    sizes[target] = sizes[source]
    for i in range(max(1, sizes[source])):
        values[target, i] = values[source, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(value: Any, size: int, table: Any, rows: Any) -> None:
    part = rows[table[0] : table[1]]
    for i in range(1 if size == NUMBER else size):
        value[i] = look_up(part, table[2], table[3], table[4], value[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _operate(
    values: Any,
    sizes: Any,
    top: int,
    code: int,
    first: int,
    second: int,
    constants: Any,
    row: Any,
) -> Any:
    """Put one value in the place of an operation's operands; returns the new top.

    Args:
        row: room for the operands of one place; the others as in `run`.
    """
    if code < codes.ADD and code >= codes.NEGATE:
        value, size = values[top - 1], sizes[top - 1]
        for i in range(1 if size == NUMBER else size):
            if code < codes.TRUNCATE:
                value[i] = one(code, value[i])
            else:
                value[i] = rounded(code, value[i], first, constants[second])
        return top
    if code >= codes.AGE:
        size = reshape(code, values[top - 1, : sizes[top - 1]], first, values[-1])
        values[top - 1, :size] = values[-1, :size]
        sizes[top - 1] = size
        return top
    if code >= codes.SUM:
        values[top - 1, 0] = fold(code, values[top - 1, : sizes[top - 1]], constants[first])
        sizes[top - 1] = NUMBER
        return top
    count = first if code >= codes.MIN else (3 if code == codes.CHOOSE else 2)
    _together(values, sizes, top - count, code, row[:count])
    return top - count + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _together(values: Any, sizes: Any, base: int, code: int, row: Any) -> None:
    """Several operands, place by place; numbers stand for every place."""
    count, size = row.shape[0], NUMBER
    for k in range(count):
        size = max(size, sizes[base + k])
    if sizes[base] == NUMBER:
        for i in range(1, size):  # results are written over it
            values[base, i] = values[base, 0]
        sizes[base] = size
    for i in range(1 if size == NUMBER else size):
        for k in range(count):
            row[k] = values[base + k, i if sizes[base + k] != NUMBER else 0]
        if code == codes.CHOOSE:
            found = row[1] if row[0] != 0.0 else row[2]
            values[base, i] = np.nan if np.isnan(row[0]) else found
        elif code < codes.MIN:
            values[base, i] = two(code, row[0], row[1])
        else:
            values[base, i] = several(code, row)
    sizes[base] = size
