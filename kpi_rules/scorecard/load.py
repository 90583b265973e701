"""The scorecard from its TOML files, checked; read once per process."""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Final

from cityvitals.catalogue.entry import Entry, parse_toml
from cityvitals.catalogue.load import UnitToken, load_catalogue
from cityvitals.catalogue.positions import Lines, steps
from cityvitals.errors import BadRule
from kpi_rules.read_parts import NAME, read_unit
from kpi_rules.scorecard.model import (
    Band,
    Better,
    Check,
    CheckKind,
    Document,
    Evidence,
    Feed,
    Figure,
    Kpi,
    Level,
    Live,
    Point,
    Scorecard,
    exact,
)
from kpi_rules.units import PLAIN, measure_of, times

U4SSC: Final = "u4ssc"

_CODE: Final = re.compile(r"[A-Z]+: [A-Z]+: [A-Z]+: \d+[CA]")
_POINT: Final = re.compile(r"[a-z0-9][a-z0-9_]*")
_FIRST: Final = {each.value: each for each in Better}
_LEVELS: Final = {each.value: each for each in Level}
_FEEDS: Final = {each.value: each for each in Feed}
_EVIDENCE: Final = {each.value: each for each in Evidence}
_CHECKS: Final = {each.value: each for each in CheckKind}


@cache
def load_scorecard() -> Scorecard:
    """U4SSC as shipped.

    Raises:
        BadRule: naming file, line, KPI, key, and what was expected.
    """
    folder = files("kpi_rules").joinpath(U4SSC)

    def text(name: str) -> str:
        return folder.joinpath(f"{name}.toml").read_text("utf-8")

    top = _Page(text("standard"), "standard.toml").top
    names = top.texts("files")
    kpis = tuple(kpi for name in names for kpi in read_kpis(text(name), f"{name}.toml"))
    card = Scorecard(
        top.text("id"),
        top.text("title"),
        top.text("body"),
        top.text("edition"),
        tuple(_document(each) for each in top.tables("document")),
        tuple(_band(each) for each in top.tables("band")),
        kpis,
        tuple(read_checks(text("checks"), "checks.toml")),
    )
    top.finish()
    _refuse_twice(card)
    return card


class _Page:
    """One file being read: entries that name file, line and KPI."""

    def __init__(self, text: str, name: str) -> None:
        self._table = parse_toml(text, name, BadRule)
        self._lines = Lines(text)
        self._name = name

    @property
    def top(self) -> Entry:
        return Entry(self._table, self._where, BadRule)

    def _where(self, path: str) -> str:
        return f"{self._name}{self._lines.of(steps(path))}"


def _document(entry: Entry) -> Document:
    found = Document(*(entry.text(key) for key in ("short", "title", "edition", "address")))
    entry.finish()
    return found


def _band(entry: Entry) -> Band:
    found = Band(entry.text("name"), exact(entry.number("from", 0)), entry.whole("points", 1, 9))
    entry.finish()
    return found


def read_kpis(text: str, name: str) -> tuple[Kpi, ...]:
    """The KPIs of one sub-dimension's file.

    Raises:
        BadRule: naming file, line, key, and what was expected.
    """
    top = _Page(text, name).top
    dimension_, sub = top.text("dimension"), top.text("sub_dimension")
    found = tuple(_kpi(each, dimension_, sub) for each in top.tables("kpi"))
    top.finish()
    return found


def _kpi(entry: Entry, dimension_: str, sub_dimension: str) -> Kpi:
    code = entry.text("code", _CODE)
    shared: dict[str, Any] = {
        "unit": read_unit(entry).token if entry.has("unit") else "",
        "better": entry.choice("better", _FIRST),
        "truth": entry.truth("truth", default=False),
        **{key: _figure(entry, key) for key in ("numerator", "less", "denominator")},
        "live": _live(entry),
    }
    base = f"{U4SSC}.{code.replace(': ', '.').lower()}"
    points = tuple(_point(each, base, shared) for each in entry.tables("point"))
    kpi = Kpi(
        code=code,
        title=entry.text("title"),
        dimension=dimension_,
        sub_dimension=sub_dimension,
        category=entry.text("category"),
        level=entry.choice("level", _LEVELS),
        kind=entry.text("kind", default=""),
        feed=entry.choice("feed", _FEEDS),
        formula=entry.text("formula"),
        sdg=entry.texts("sdg"),
        sdg_unverified=entry.texts("sdg_unverified"),
        iso=entry.texts("iso"),
        source=entry.text("source"),
        evidence=entry.choice("evidence", _EVIDENCE),
        note=entry.text("note", default=""),
        points=points or (_made(entry, base, "", shared),),
    )
    entry.finish()
    return kpi


def _point(entry: Entry, base: str, shared: dict[str, Any]) -> Point:
    """A data point: what it does not say itself, its KPI says."""
    own = dict(shared)
    if entry.has("unit"):
        own["unit"] = read_unit(entry).token
    if entry.has("better"):
        own["better"] = entry.choice("better", _FIRST)
    for key in ("numerator", "denominator"):
        if entry.has(key):
            own[key] = _figure(entry, key)
    if entry.has("live"):
        own["live"] = _live(entry)
    name = f"{base}.{entry.text('id', _POINT)}"
    point = _made(entry, name, entry.text("title"), own)
    entry.finish()
    return point


def _made(entry: Entry, name: str, title: str, said: dict[str, Any]) -> Point:
    if not said["unit"]:
        raise entry.fail("unit", "missing")
    if said["numerator"] is None and (said["less"] or (said["denominator"] and not said["live"])):
        raise entry.fail("numerator", "missing")
    return Point(id=name, title=title, factor=_factor(entry, said), **said)


def _figure(entry: Entry, key: str) -> Figure | None:
    inner = entry.optional_table(key)
    if inner is None:
        return None
    found = Figure(inner.text("name", NAME), read_unit(inner).token, inner.text("says"))
    inner.finish()
    return found


def _live(entry: Entry) -> Live | None:
    inner = entry.optional_table("live")
    if inner is None:
        return None
    found = Live(
        inner.text("year"),
        inner.text("running"),
        total=inner.truth("total", default=False),
        estimate=inner.truth("estimate", default=False),
    )
    inner.finish()
    return found


def _factor(entry: Entry, said: dict[str, Any]) -> Fraction:
    """From numbers in the figures' units to numbers in the data point's."""
    if said["numerator"] is None:
        return Fraction(1)
    scale = Fraction(1)
    for key, power in (("numerator", 1), ("denominator", -1)):
        if said[key] is not None:
            scale *= _unit(said[key].unit).scale ** power
    if said["less"] is not None and said["less"].unit != said["numerator"].unit:
        raise entry.fail("less", f"expected the numerator's unit {said['numerator'].unit!r}")
    return scale / _unit(said["unit"]).scale


def _unit(token: str) -> UnitToken:
    return load_catalogue().units[token]


def unfit_units(card: Scorecard) -> Iterator[str]:
    """Data points whose unit is not that of their quotient."""
    for point in card.points:
        if point.numerator is None:
            continue
        found = measure_of(_unit(point.numerator.unit))
        below = point.denominator
        found = times(found, measure_of(_unit(below.unit)) if below else PLAIN, -1)
        if found.dimension != _unit(point.unit).dimension:
            yield f"{point.id}: {found.text} is no {point.unit}"


def read_checks(text: str, name: str) -> Iterator[Check]:
    """The checks of a file.

    Raises:
        BadRule: naming file, line, key, and what was expected.
    """
    top = _Page(text, name).top
    for entry in top.tables("check"):
        yield Check(
            id=entry.text("id", NAME),
            kind=entry.choice("kind", _CHECKS),
            points=entry.texts("points"),
            figure=entry.text("figure", NAME, default=""),
            unit=entry.text("unit", default=""),
            low=_number(entry, "low"),
            high=_number(entry, "high"),
            to=_number(entry, "to"),
            within=_number(entry, "within") or Fraction(0),
            says=entry.text("says"),
            source=entry.text("source"),
        )
        entry.finish()
    top.finish()


def _number(entry: Entry, key: str) -> Fraction | None:
    found = entry.optional_number(key)
    return None if found is None else exact(found)


def _refuse_twice(card: Scorecard) -> None:
    known: set[str] = set()
    for point in card.points:
        if point.id in known:
            raise BadRule(f"{card.id}: data point {point.id} stands twice")
        known.add(point.id)
