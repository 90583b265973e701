"""What the machine does with numbers: twin of `kpi_rules.interpret`, bit for bit."""

import math
from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload

from aggregator.kernels import codes

_LARGEST_EXPONENT = 709.782712893384
"""Of e: beyond it the result is no finite double."""


@njit(cache=True, nogil=True, error_model="numpy")
def one(code: int, x: float) -> Any:
    """An operation on one number."""
    if code == codes.NEGATE:
        return -x
    if code == codes.KNOWN:
        return 0.0 if np.isnan(x) else 1.0
    if np.isnan(x):
        return np.nan
    if code == codes.NOT:
        return 1.0 if x == 0.0 else 0.0
    if code == codes.ABS:
        return abs(x)
    if code == codes.FLOOR:
        return np.floor(x) + 0.0
    if code == codes.CEIL:
        return np.ceil(x) + 0.0
    if code == codes.EXP:
        if np.isfinite(x) and x > _LARGEST_EXPONENT:
            return np.nan
        return math.exp(x)
    if code == codes.LN:
        return math.log(x) if x > 0.0 else np.nan
    if code == codes.LOG10:
        return math.log10(x) if x > 0.0 else np.nan
    if code == codes.SQRT:
        return math.sqrt(x) if x >= 0.0 else np.nan
    if code == codes.POWER_OF:
        return power(10.0, x / 10.0)
    return 10.0 * math.log10(x) if x > 0.0 else np.nan  # LEVEL_OF


def _raised(base: float, exponent: float) -> float:
    """`math.pow`, but what Python raises an error for is nothing, as it is for `power`."""
    try:
        return math.pow(base, exponent)
    except (OverflowError, ValueError):
        return math.nan


@overload(_raised)
def _raised_compiled(base: Any, exponent: Any) -> Any:
    # Compiled, `math.pow` raises nothing.
    del base, exponent

    def compiled(base: Any, exponent: Any) -> Any:
        return math.pow(base, exponent)

    return compiled


@njit(cache=True, nogil=True, error_model="numpy")
def power(base: float, exponent: float) -> Any:
    """A power; nothing where it has no finite value though its operands do."""
    if np.isnan(base) or np.isnan(exponent):
        return np.nan
    found = _raised(base, exponent)
    if not np.isfinite(found) and np.isfinite(base) and np.isfinite(exponent):
        return np.nan
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def rounded(code: int, x: float, digits: int, ten: float) -> Any:
    """A number rounded to decimal digits; `ten` is 10 to their amount."""
    steps = x * ten if digits >= 0 else x / ten
    if not abs(steps) < 4503599627370496.0:
        return x
    near = min(1e-3, max(1e-6, abs(steps) * 2.0**-23))
    if code == codes.TRUNCATE:
        whole = math.copysign(np.floor(abs(steps) + near), steps)
    elif code == codes.ROUND_HALF_UP:
        whole = np.floor(steps + 0.5 + near)
    elif code == codes.ROUND_UP:
        whole = np.ceil(steps - near)
    elif code == codes.ROUND_DOWN:
        whole = np.floor(steps + near)
    else:
        below = np.floor(steps)
        whole = np.floor(steps + 0.5)
        if abs(steps - below - 0.5) <= near:
            whole = below if below % 2.0 == 0.0 else below + 1.0
    whole += 0.0
    return whole / ten if digits >= 0 else whole * ten


@njit(cache=True, nogil=True, error_model="numpy")
def two(code: int, x: float, y: float) -> Any:
    """An operation on two numbers."""
    if code == codes.ADD:
        return x + y
    if code == codes.SUBTRACT:
        return x - y
    if code == codes.MULTIPLY:
        return x * y
    if code == codes.DIVIDE:
        return x / y if y != 0.0 else np.nan
    if code == codes.POWER:
        return power(x, y)
    if code == codes.AND:
        if x == 0.0 or y == 0.0:
            return 0.0
        return np.nan if np.isnan(x) or np.isnan(y) else 1.0
    if code == codes.OR:
        if (x != 0.0 and not np.isnan(x)) or (y != 0.0 and not np.isnan(y)):
            return 1.0
        return np.nan if np.isnan(x) or np.isnan(y) else 0.0
    return _compare(code, x, y)


@njit(cache=True, nogil=True, error_model="numpy")
def _compare(code: int, x: float, y: float) -> Any:
    if np.isnan(x) or np.isnan(y):
        return np.nan
    if code == codes.LESS:
        holds = x < y
    elif code == codes.AT_MOST:
        holds = x <= y
    elif code == codes.MORE:
        holds = x > y
    elif code == codes.AT_LEAST:
        holds = x >= y
    elif code == codes.EQUAL:
        holds = x == y
    else:
        holds = x != y
    return 1.0 if holds else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def several(code: int, row: Any) -> Any:
    """An operation on several numbers."""
    known = 0
    low = high = first = np.nan
    which = 0
    for i in range(row.shape[0]):
        x = row[i]
        if np.isnan(x):
            continue
        if known == 0:
            low = high = first = x
            which = i
        known += 1
        if x < low:
            low = x
        if x > high:
            high = x
            which = i
    if code == codes.HOW_MANY:
        return float(known)
    if known == 0:
        return np.nan
    if code == codes.FIRST_KNOWN:
        return first
    if code == codes.WHICH_HIGHEST:
        return float(which)
    if known < row.shape[0] and (code == codes.MIN or code == codes.MAX):
        return np.nan
    return low if code == codes.MIN or code == codes.LOWEST else high


@njit(cache=True, nogil=True, error_model="numpy")
def look_up(rows: Any, edge: int, below: int, above: int, x: float) -> Any:
    """What a table gives for a number.

    Args:
        rows: float64 [r, 4]: from, to, low, high. edge, below, above: of `codes`.
        x: the number.
    """
    if np.isnan(x):
        return x
    last = rows.shape[0] - 1
    if x < rows[0, 0]:
        return _outside(rows, 0, below, rows[0, 2], x)
    if x > rows[last, 1]:
        return _outside(rows, last, above, rows[last, 3], x)
    at = 0
    while at < last:
        if x < rows[at + 1, 0] if edge == codes.EDGE_FROM else x <= rows[at, 1]:
            break
        at += 1
    return _line(rows, at, x)


@njit(cache=True, nogil=True, error_model="numpy")
def _outside(rows: Any, at: int, beyond: int, end: float, x: float) -> Any:
    if beyond == codes.BEYOND_EXTEND:
        return _line(rows, at, x)
    return end if beyond == codes.BEYOND_HOLD else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _line(rows: Any, at: int, x: float) -> Any:
    begin, end, low, high = rows[at, 0], rows[at, 1], rows[at, 2], rows[at, 3]
    if low == high:
        return low
    return (high - low) / (end - begin) * (x - begin) + low
