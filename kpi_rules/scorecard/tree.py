"""Scores: data points against targets, summed up by category, sub-dimension, dimension. Pure.

An aggregate is the sum of points over the sum of the points that could be had, of the data points
that were scored: no mean of means. "No data" and "no target" are counted apart, and never as 0.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import groupby

from kpi_rules.scorecard.given import Aim, Given
from kpi_rules.scorecard.model import Band, Kpi, Point, Scorecard
from kpi_rules.scorecard.percent import band_of, percent_of_target, target_problem
from kpi_rules.scorecard.results import Lookup, Results, converted, results_of


class State(StrEnum):
    """What became of a data point."""

    SCORED = "scored"
    NO_DATA = "no_data"
    """Nothing is known of it, whether it has a target or not."""
    NO_TARGET = "no_target"
    """It has a value, and the city no target for it."""


@dataclass(frozen=True, slots=True)
class PointScore:
    """A data point against its target.

    Attributes:
        target: the city's in force; None where it has none.
        problem: why the target cannot be scored against; "" where it can.
        percent, band: None where it is not scored.
    """

    kpi: Kpi
    point: Point
    results: Results
    target: Aim | None
    problem: str
    percent: Fraction | None
    band: Band | None

    @property
    def state(self) -> State:
        """Whether it is scored, and what is missing."""
        if self.results.chosen is None:
            return State.NO_DATA
        return State.NO_TARGET if self.band is None else State.SCORED


@dataclass(frozen=True, slots=True)
class Tally:
    """Points of some data points.

    Attributes:
        possible: points that those which were scored could have had.
        percent, band: None where nothing was scored.
        estimates: data points that were scored by an estimate.
    """

    points: int
    possible: int
    percent: Fraction | None
    band: Band | None
    data_points: int
    scored: int
    no_data: int
    no_target: int
    estimates: int


@dataclass(frozen=True, slots=True)
class Node:
    """A dimension, sub-dimension, category or KPI, with what is below it."""

    name: str
    tally: Tally
    scores: tuple[PointScore, ...]
    children: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """A city's scores as of a moment."""

    card: Scorecard
    given: Given
    tally: Tally
    dimensions: tuple[Node, ...]

    @property
    def scores(self) -> Iterator[PointScore]:
        """All data points in the scorecard's order."""
        return (one for node in self.dimensions for one in node.scores)


def score(card: Scorecard, given: Given) -> Scores:
    """Score a city; the same for the same arguments, whenever it is asked."""
    known = Lookup(given)
    aims = _in_force(given)
    found = tuple(
        _scored(card, point, results_of(kpi, point, known), aims.get(point.id), kpi)
        for kpi in card.kpis
        for point in kpi.points
    )
    levels: tuple[Callable[[PointScore], str], ...] = (
        lambda one: one.kpi.dimension,
        lambda one: one.kpi.sub_dimension,
        lambda one: one.kpi.category,
        lambda one: one.kpi.code,
    )
    return Scores(card, given, tally_of(card.bands, found), _nodes(card.bands, found, levels))


def _in_force(given: Given) -> dict[str, Aim]:
    found: dict[str, Aim] = {}
    for aim in sorted(given.aims, key=lambda one: (one.since is not None, one.since)):
        if aim.since is None or aim.since <= given.at:
            found[aim.point] = aim
    return found


def _scored(
    card: Scorecard, point: Point, results: Results, aim: Aim | None, kpi: Kpi
) -> PointScore:
    if aim is None:
        return PointScore(kpi, point, results, None, "", None, None)
    target = converted(aim.value, aim.unit, point.unit)
    start = None if aim.start is None else converted(aim.start, aim.unit, point.unit)
    problem = target_problem(point, target, start)
    if results.chosen is None or problem:
        return PointScore(kpi, point, results, aim, problem, None, None)
    percent = percent_of_target(point, results.chosen.value, target, start)
    return PointScore(kpi, point, results, aim, "", percent, band_of(card.bands, percent))


def _nodes(
    bands: tuple[Band, ...],
    scores: Iterable[PointScore],
    levels: tuple[Callable[[PointScore], str], ...],
) -> tuple[Node, ...]:
    """What the first of the levels makes of data points that stand in the scorecard's order."""
    if not levels:
        return ()
    order = list(dict.fromkeys(levels[0](one) for one in scores))
    by_name = {
        name: tuple(group)
        for name, group in groupby(
            sorted(scores, key=lambda one: order.index(levels[0](one))), key=levels[0]
        )
    }
    return tuple(
        Node(name, tally_of(bands, group), group, _nodes(bands, group, levels[1:]))
        for name, group in by_name.items()
    )


def tally_of(bands: tuple[Band, ...], scores: Iterable[PointScore]) -> Tally:
    """The sum of points over the sum of those that could be had."""
    every = tuple(scores)
    most = max(band.points for band in bands)
    scored = [one for one in every if one.band is not None]
    points = sum(one.band.points for one in scored if one.band is not None)
    possible = most * len(scored)
    percent = Fraction(100 * points, possible) if possible else None
    states = [one.state for one in every]
    return Tally(
        points=points,
        possible=possible,
        percent=percent,
        band=None if percent is None else band_of(bands, percent),
        data_points=len(every),
        scored=len(scored),
        no_data=states.count(State.NO_DATA),
        no_target=states.count(State.NO_TARGET),
        estimates=sum(1 for one in scored if one.results.chosen and one.results.chosen.is_estimate),
    )
