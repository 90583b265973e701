"""What a table gives for a decimal, in exact fractions."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

Case: TypeAlias = dict[str, Any]
Edges: TypeAlias = Sequence[str]
"""Decimals as they are printed."""
Row: TypeAlias = tuple[str, str, int, int]
"""From, to, index from, index to."""


def case(
    standard: str,
    quantity: str,
    inputs: dict[str, Any],
    expected: dict[str, Any],
    tolerance: float = 0.0,
) -> Case:
    """A case in the form of reference_cases.json, named by what it says."""
    said = ", ".join(f"{key} {each}" for key, each in inputs.items())
    return {
        "id": f"{standard}: {quantity}: {said}",
        "standard": standard,
        "quantity": quantity,
        "inputs": inputs,
        "expected": expected,
        "tolerance": {
            key: tolerance for key, each in expected.items() if isinstance(each, int | float)
        },
    }


def truncated(value: str, digits: int) -> Fraction:
    """A decimal cut off after so many digits, towards zero."""
    steps = Fraction(value) * 10**digits
    return Fraction(math.trunc(steps), 10**digits)


def half_up(value: Fraction) -> int:
    """The nearest whole number; of two, the higher."""
    return math.floor(value + Fraction(1, 2))


def in_rows(rows: Sequence[Row], value: Fraction) -> Fraction | None:
    """The index of a concentration by closed rows; above the last its line goes on; None below."""
    if value < Fraction(rows[0][0]):
        return None
    chosen = next((row for row in rows if value <= Fraction(row[1])), rows[-1])
    begin, end = Fraction(chosen[0]), Fraction(chosen[1])
    return Fraction(chosen[3] - chosen[2]) / (end - begin) * (value - begin) + chosen[2]


def on_points(points: Sequence[tuple[str, int]], value: Fraction) -> Fraction | None:
    """The index by lines between points; None above the last."""
    if value > Fraction(points[-1][0]):
        return None
    for (x0, y0), (x1, y1) in pairwise(points):
        if value <= Fraction(x1):
            width = Fraction(x1) - Fraction(x0)
            return Fraction(y1 - y0) / width * (value - Fraction(x0)) + y0
    return None


def class_of(edges: Edges, value: Fraction) -> int:
    """1 for up to and including the first edge, and so on; one more above the last."""
    return 1 + sum(1 for edge in edges if value > Fraction(edge))


def around(edges: Edges, steps: Sequence[str]) -> Iterator[str]:
    """Each edge, and so much below and above it; nothing below zero."""
    for edge in edges:
        for step in ("0", *steps, *(f"-{step}" for step in steps)):
            value = Fraction(edge) + Fraction(step)
            if value >= 0:
                yield written(value)


def written(value: Fraction) -> str:
    """A fraction as a decimal; exact, as all here have few digits."""
    whole = value * 10**9
    assert whole.denominator == 1, f"{value} has more than nine digits"
    text = f"{int(whole) / 10**9:.9f}".rstrip("0").rstrip(".")
    assert Fraction(text) == value
    return text
