"""What a verifier would ask about a city's answers: the checks of checks.toml, evaluated. Pure.

A finding changes no value. What is missing is not judged, but counted as not reported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import pairwise
from typing import Final

from kpi_rules.scorecard.given import Stated
from kpi_rules.scorecard.model import Check, CheckKind
from kpi_rules.scorecard.results import Basis, Lookup, Result, in_unit
from kpi_rules.scorecard.tree import PointScore, Scores


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that is not met.

    Attributes:
        points: ids of the data points concerned.
        found: what was found, with its numbers.
    """

    check: Check
    points: tuple[str, ...]
    found: str


_Found = Iterator[tuple[tuple[str, ...], str]]


def findings_of(scores: Scores) -> tuple[Finding, ...]:
    """All checks that are not met, in the order of the checks."""
    return tuple(
        Finding(check, points, found)
        for check in scores.card.checks
        for points, found in _KINDS[check.kind](check, scores)
    )


def _matching(check: Check, scores: Scores) -> list[PointScore]:
    """The data points that a check names, in its order."""
    return [
        one
        for pattern in check.points
        for one in scores.scores
        if fnmatchcase(one.point.id, pattern) and check.unit in {"", one.point.unit}
    ]


def _known(scores: Sequence[PointScore]) -> list[tuple[PointScore, Fraction]]:
    return [(one, one.results.chosen.value) for one in scores if one.results.chosen is not None]


def _sum(check: Check, scores: Scores) -> _Found:
    """Shares of one whole; judged where all are there."""
    wanted = _matching(check, scores)
    known = _known(wanted)
    if check.to is None or len(known) < len(wanted):
        return
    total = sum((value for _, value in known), Fraction(0))
    if abs(total - check.to) > check.within:
        said = f"they add to {_shown(total)}, {_shown(check.to)} ± {_shown(check.within)} expected"
        yield tuple(one.point.id for one, _ in known), said


def _descending(check: Check, scores: Scores) -> _Found:
    """None is greater than the one before it, of those that are there."""
    for (first, more), (second, less) in pairwise(_known(_matching(check, scores))):
        if more < less:
            points = (first.point.id, second.point.id)
            yield points, f"{points[0]} is {_shown(more)}, {points[1]} is {_shown(less)}"


def _range(check: Check, scores: Scores) -> _Found:
    for one, value in _known(_matching(check, scores)):
        if check.low is not None and value < check.low:
            yield (one.point.id,), f"it is {_shown(value)}, below {_shown(check.low)}"
        if check.high is not None and value > check.high:
            yield (one.point.id,), f"it is {_shown(value)}, above {_shown(check.high)}"


def _truth(check: Check, scores: Scores) -> _Found:  # noqa: ARG001 - all kinds take both
    for one, value in _known(list(scores.scores)):
        if one.point.truth and value not in {0, 1}:
            yield (one.point.id,), f"it is {_shown(value)}"


def _agree(check: Check, scores: Scores) -> _Found:
    """Figures of the same thing: the city's, its zones' sum, and what data points were made with.

    The difference is taken of the smallest.
    """
    figures = _figures(check.figure, scores)
    if not figures:
        return
    least = min(figures, key=lambda name: figures[name])
    most = max(figures, key=lambda name: figures[name])
    if figures[most] - figures[least] > figures[least] * check.within / 100:
        points = tuple(name for name in (least, most) if _is_point(name, scores))
        both = (f"{_shown(figures[name])} of {name}" for name in (least, most))
        yield points, f"{check.figure} is {', '.join(both)}"


def _figures(name: str, scores: Scores) -> dict[str, Fraction]:
    """Every number that stands for a figure, by who has it."""
    found: dict[str, Fraction] = {}
    known = Lookup(scores.given)
    unit = next(
        figure.unit
        for point in scores.card.points
        for figure in point.figures
        if figure.name == name
    )
    city = known.stated(name, scores.given.at)
    if city is not None:
        found["the city"] = in_unit(city, unit)
    zones = _of_zones(name, scores)
    if zones:
        found["its zones together"] = sum((in_unit(one, unit) for one in zones), Fraction(0))
    for one in scores.scores:
        below = one.point.denominator
        if one.results.chosen is None or below is None or below.name != name:
            continue
        if one.results.chosen.basis is Basis.FIGURES and one.results.chosen.denominator:
            found[one.point.id] = one.results.chosen.denominator
    return found


def _of_zones(name: str, scores: Scores) -> list[Stated]:
    """The figure in force of each zone."""
    found: dict[str, Stated] = {}
    for one in sorted(scores.given.stated, key=lambda one: (one.since is not None, one.since)):
        if one.zone and one.name == name and (one.since is None or one.since <= scores.given.at):
            found[one.zone] = one
    return list(found.values())


def _is_point(name: str, scores: Scores) -> bool:
    return any(point.id == name for point in scores.card.points)


def _reported(check: Check, scores: Scores) -> _Found:
    """A KPI is reported where each of its data points has a value."""
    lacking: dict[str, list[str]] = {}
    for one in scores.scores:
        if one.results.chosen is None:
            lacking.setdefault(one.kpi.code, []).append(one.point.id)
    whole = len(scores.card.kpis)
    share = Fraction(100 * len(lacking), whole)
    if share > check.within:
        points = tuple(point for points in lacking.values() for point in points)
        yield points, f"{len(lacking)} of {whole} KPIs ({_shown(share)} %) are not, or not wholly"


def _overridden(check: Check, scores: Scores) -> _Found:
    """A final value beside a calculation of the same year or before."""
    for one, chosen, others in _chosen(scores):
        beside = next((each for each in others if not each.is_estimate), None)
        if chosen.basis is not Basis.FINAL or beside is None:
            continue
        if abs(chosen.value - beside.value) > abs(beside.value) * check.within / 100:
            said = f"the final value is {_shown(chosen.value)}, calculated {_shown(beside.value)}"
            yield (one.point.id,), said


def _superseded(check: Check, scores: Scores) -> _Found:  # noqa: ARG001
    for one, chosen, others in _chosen(scores):
        for each in others:
            if each.basis is Basis.FINAL and each.year < chosen.year:
                said = f"the final value {_shown(each.value)} is of {each.year:.0f}"
                yield (one.point.id,), f"{said}, what is calculated of {chosen.year:.0f}"


def _stale(check: Check, scores: Scores) -> _Found:
    """What is of a year before the last whole ones; what has no date is not judged."""
    oldest = Lookup(scores.given).this_year - check.within
    for one, chosen, _ in _chosen(scores):
        if chosen.begin is not None and chosen.year < oldest:
            yield (one.point.id,), f"it is of {chosen.year:.0f}"


def _chosen(scores: Scores) -> Iterator[tuple[PointScore, Result, list[Result]]]:
    for one in scores.scores:
        if one.results.chosen is not None:
            yield one, one.results.chosen, one.results.others


def _shown(number: Fraction) -> str:
    return f"{float(number):.6g}"


_KINDS: Final[Mapping[CheckKind, Callable[[Check, Scores], _Found]]] = {
    CheckKind.SUM: _sum,
    CheckKind.DESCENDING: _descending,
    CheckKind.RANGE: _range,
    CheckKind.AGREE: _agree,
    CheckKind.REPORTED: _reported,
    CheckKind.TRUTH: _truth,
    CheckKind.OVERRIDDEN: _overridden,
    CheckKind.SUPERSEDED: _superseded,
    CheckKind.STALE: _stale,
}
