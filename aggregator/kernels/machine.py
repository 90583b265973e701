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
"""The size of a slot that holds a number of each cell, not a series."""
CHUNK = 2048
"""So many places at once: what a processor keeps at hand. An instruction is told once for all."""


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
        program: int64 [p, 3]: a code and its two operands. constants: float64 [c].
        tables: int64 [t, 5]: first row, row after the last, edge, below, above.
        rows: float64 [r, 4], those of all tables.
        scalars: float64 [k, cells]. series: float64 [s, cells, n]. lengths: int64 [s, cells].
        depth: how many values the stack holds at most. locals_: how many locals there are.
        out: float64 [o, cells], written.
    """
    cells, cell = out.shape[1], 0
    places = max(1, series.shape[2]) if series.shape[0] > 0 else 1
    most = max(1, min(cells, CHUNK // places))
    # A slot holds some cells' numbers or series. Above the stack stand locals, then a spare one.
    values = np.empty((depth + locals_ + 1, most * places))
    sizes = np.full(depth + locals_ + 1, NUMBER)
    row = np.empty(max(depth, 3))
    while cell < cells:
        count = _alike(lengths, cell, min(most, cells - cell))
        top = 0
        for i in range(program.shape[0]):
            code, first, second = program[i, 0], program[i, 1], program[i, 2]
            if code == codes.LOCAL:
                _copy(values, sizes, depth + first, top, count)
                top += 1
            elif code == codes.SERIES:
                sizes[top] = lengths[first, cell]
                _put_series(values[top], series[first, cell : cell + count], sizes[top])
                top += 1
            elif code == codes.SCALAR:
                sizes[top] = NUMBER
                values[top, :count] = scalars[first, cell : cell + count]
                top += 1
            elif code == codes.CONSTANT:
                sizes[top] = NUMBER
                values[top, :count] = constants[first]
                top += 1
            elif code == codes.STORE:
                top -= 1
                _copy(values, sizes, top, depth + first, count)
            elif code == codes.OUTPUT:
                top -= 1
                out[first, cell : cell + count] = values[top, :count]  # always numbers
            elif code == codes.LOOKUP:
                _look_up(values[top - 1], count * _each(sizes[top - 1]), tables[first], rows)
            else:
                top = _operate(values, sizes, top, code, first, second, constants, row, count)
        cell += count


@njit(cache=True, nogil=True, error_model="numpy")
def _each(size: int) -> Any:
    """How many places each cell has of a slot."""
    return 1 if size == NUMBER else size


@njit(cache=True, nogil=True, error_model="numpy")
def _alike(lengths: Any, cell: int, most: int) -> Any:
    """How many cells from one on have series as long as its own."""
    for count in range(1, most):
        for s in range(lengths.shape[0]):
            if lengths[s, cell + count] != lengths[s, cell]:
                return count
    return most


@njit(cache=True, nogil=True, error_model="numpy")
def _put_series(value: Any, series: Any, size: int) -> None:
    at = np.uint64(0)
    for c in range(series.shape[0]):
        one_of = series[c]
        for i in range(np.uint64(size)):
            value[at + i] = one_of[i]
        at += np.uint64(size)


@njit(cache=True, nogil=True, error_model="numpy")
def _copy(values: Any, sizes: Any, source: int, target: int, count: int) -> None:
    sizes[target] = sizes[source]
    come, go = values[source], values[target]
    for i in range(np.uint64(count * _each(sizes[source]))):
        go[i] = come[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(value: Any, many: int, table: Any, rows: Any) -> None:
    part = rows[table[0] : table[1]]
    for i in range(many):
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
    count: int,
) -> Any:
    """Put one value in the place of an operation's operands; returns the new top.

    Args:
        row: room for the operands of one place. count: how many cells; the others as in `run`.
    """
    if code < codes.ADD and code >= codes.NEGATE:
        value = values[top - 1]
        for i in range(count * _each(sizes[top - 1])):
            if code < codes.TRUNCATE:
                value[i] = one(code, value[i])
            else:
                value[i] = rounded(code, value[i], first, constants[second])
        return top
    if code >= codes.AGE:
        sizes[top - 1] = _reshape(code, values[top - 1], sizes[top - 1], first, values[-1], count)
        return top
    if code >= codes.SUM:
        value, size = values[top - 1], sizes[top - 1]
        for c in range(count):
            value[c] = fold(code, value[c * size : (c + 1) * size], constants[first])
        sizes[top - 1] = NUMBER
        return top
    operands = first if code >= codes.MIN else (3 if code == codes.CHOOSE else 2)
    _together(values, sizes, top - operands, code, row[:operands], count)
    return top - operands + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _reshape(code: int, value: Any, size: int, places: int, room: Any, count: int) -> Any:
    """Make other series of those of some cells; returns how long they are."""
    made = size
    for c in range(count):
        part = slice(c * size, (c + 1) * size)
        made = reshape(code, value[part], places, room[part])
    for c in range(count):
        for i in range(made):
            value[c * made + i] = room[c * size + i]
    return made


@njit(cache=True, nogil=True, error_model="numpy")
def _together(values: Any, sizes: Any, base: int, code: int, row: Any, count: int) -> None:
    """Several operands, place by place; numbers stand for every place.

    Series that go together are of one length, but for those of stations that are not there.
    """
    operands, size = row.shape[0], NUMBER
    for k in range(operands):
        size = max(size, sizes[base + k])
    for k in range(operands):
        if sizes[base + k] != size:
            _widen(values[base + k], sizes[base + k], size, count)
    sizes[base] = size
    many = count * _each(size)
    if code >= codes.ADD and code < codes.MIN:
        _both(code, values[base], values[base + 1], np.uint64(many))
        return
    for i in range(many):
        for k in range(operands):
            row[k] = values[base + k, i]
        if code == codes.CHOOSE:
            found = row[1] if row[0] != 0.0 else row[2]
            values[base, i] = np.nan if np.isnan(row[0]) else found
        else:
            values[base, i] = several(code, row)


@njit(cache=True, nogil=True, error_model="numpy")
def _widen(value: Any, held: int, size: int, count: int) -> None:
    """Have a number of each cell at each place, or nothing where a series has no place."""
    for c in range(count - 1, -1, -1):  # from behind, so that nothing is lost that is yet to go
        if held == NUMBER:
            number = value[c]
            for i in range(size):
                value[c * size + i] = number
        else:
            for i in range(size - 1, -1, -1):
                value[c * size + i] = value[c * held + i] if i < held else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _both(code: int, left: Any, right: Any, many: Any) -> None:
    """Two operands, place by place, into the left one; what is common is told apart once."""
    if code == codes.ADD:
        for i in range(many):
            left[i] = left[i] + right[i]
    elif code == codes.SUBTRACT:
        for i in range(many):
            left[i] = left[i] - right[i]
    elif code == codes.MULTIPLY:
        for i in range(many):
            left[i] = left[i] * right[i]
    elif code == codes.DIVIDE:
        for i in range(many):
            below = right[i]
            left[i] = left[i] / below if below != 0.0 else np.nan
    else:
        for i in range(many):
            left[i] = two(code, left[i], right[i])
