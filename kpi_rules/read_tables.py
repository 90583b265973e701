"""Breakpoint tables from their TOML."""

import math
from itertools import pairwise
from typing import Final

from cityvitals.catalogue.entry import Entry
from kpi_rules.parse import WORDS
from kpi_rules.read_parts import NAME, read_unit
from kpi_rules.tables import Beyond, Edge, Table

_EDGES: Final = {each.value: each for each in Edge}
_BEYOND: Final = {each.value: each for each in Beyond}
_FORMS: Final = ("rows", "points", "classes")

Rows = tuple[tuple[float, float, float, float], ...]


def read_table(entry: Entry) -> Table:
    """A table in one of three forms.

    `rows`: (from, to, low, high) each. `points`: (x, y) joined by lines. `classes`: upper edges of
    classes 1, 2, …, which belong to the lower class; one more class lies above unless `above` says
    something else.
    """
    name = entry.text("name", NAME)
    if name in WORDS:
        raise entry.fail("name", f"{name!r} is a word of the language")
    form = [each for each in _FORMS if entry.has(each)]
    if len(form) != 1:
        raise entry.fail(
            form[1] if form else "rows", f"expected exactly one of {', '.join(_FORMS)}"
        )
    (only,) = form
    make = {"rows": _rows, "points": _points, "classes": _classes}[only]
    rows, edge = make(entry)
    found = Table(
        name=name,
        unit=read_unit(entry).token,
        gives=read_unit(entry, "gives", "1").token,
        rows=rows,
        edge=edge,
        below=entry.choice("below", _BEYOND, default=Beyond.MISSING.value),
        above=_above(entry, only),
    )
    if entry.has("source"):
        entry.text("source")
    entry.finish()
    return found


def _above(entry: Entry, form: str) -> Beyond:
    if form == "classes" and not entry.has("above"):
        return Beyond.HOLD
    return entry.choice("above", _BEYOND)


def _rows(entry: Entry) -> tuple[Rows, Edge]:
    rows = [(row[0], row[1], row[2], row[3]) for row in entry.number_rows("rows", 4)]
    _check_rising(entry, "rows", [edge for row in rows for edge in row[:2]], strictly=False)
    for i, row in enumerate(rows):
        if row[0] >= row[1]:
            raise entry.fail(f"rows[{i}]", f"expected to rise, got from {row[0]:g} to {row[1]:g}")
    return tuple(rows), entry.choice("edge", _EDGES, default=Edge.FROM.value)


def _points(entry: Entry) -> tuple[Rows, Edge]:
    points = entry.number_rows("points", 2)
    _check_rising(entry, "points", [point[0] for point in points], strictly=True)
    if len(points) == 1:
        raise entry.fail("points", "expected two or more")
    pairs = pairwise(points)
    return tuple((one[0], other[0], one[1], other[1]) for one, other in pairs), Edge.TO


def _classes(entry: Entry) -> tuple[Rows, Edge]:
    edges = list(entry.numbers("classes"))
    _check_rising(entry, "classes", edges, strictly=True)
    if not entry.has("above"):
        edges.append(math.inf)
    pairs = enumerate(zip([-math.inf, *edges], edges, strict=False), 1)
    return tuple((low, high, float(i), float(i)) for i, (low, high) in pairs), Edge.TO


def _check_rising(entry: Entry, key: str, edges: list[float], *, strictly: bool) -> None:
    if not edges:
        raise entry.fail(key, "expected at least one")
    for one, other in pairwise(edges):
        if other < one or (strictly and other == one):
            raise entry.fail(key, f"expected to rise, got {other:g} after {one:g}")
