"""Breakpoint tables: what a standard gives for a number, piece by piece."""

from dataclasses import dataclass
from enum import StrEnum


class Edge(StrEnum):
    """Which edge of its row a number between two rows, or on a common edge, belongs to."""

    FROM = "from"
    """A row begins at its `from`: the last one that begins at or below a number holds it."""
    TO = "to"
    """A row ends with its `to`: the first one that ends at or above a number holds it."""


class Beyond(StrEnum):
    """What a number beyond the last row, or before the first, is given."""

    EXTEND = "extend"
    """The row's line goes on."""
    HOLD = "hold"
    """What the table gives at its end."""
    MISSING = "missing"
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Table:
    """A function of one number that is linear in each of its rows.

    Attributes:
        unit: unit of what is looked up.
        gives: unit of what comes out.
        rows: (from, to, low, high), rising; in a row the result goes from low to high.
        edge: which row holds a number that two rows could.
        below: before the first row.
        above: beyond the last row.
    """

    name: str
    unit: str
    gives: str
    rows: tuple[tuple[float, float, float, float], ...]
    edge: Edge
    below: Beyond
    above: Beyond


def look_up(table: Table, value: float) -> float:
    """What a table gives for a number; nan for nothing."""
    if value != value:  # noqa: PLR0124 (nan)
        return value
    first, last = table.rows[0], table.rows[-1]
    if value < first[0]:
        return _outside(table.below, first, first[2], value)
    if value > last[1]:
        return _outside(table.above, last, last[3], value)
    return line(_row(table, value), value)


def _row(table: Table, value: float) -> tuple[float, float, float, float]:
    found = table.rows[0]
    for row in table.rows[1:]:
        if value < row[0] if table.edge is Edge.FROM else value <= found[1]:
            break
        found = row
    return found


def _outside(
    beyond: Beyond, row: tuple[float, float, float, float], end: float, value: float
) -> float:
    if beyond is Beyond.EXTEND:
        return line(row, value)
    return end if beyond is Beyond.HOLD else float("nan")


def line(row: tuple[float, float, float, float], value: float) -> float:
    """The line of a row at a number."""
    begin, end, low, high = row
    if low == high:
        return low  # a class may reach to infinity
    return (high - low) / (end - begin) * (value - begin) + low
