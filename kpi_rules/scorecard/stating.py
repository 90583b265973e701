"""What may be stated: figures for data points, and targets to score them against. Pure."""

from collections.abc import Callable, Iterator, Mapping
from math import isnan
from typing import Final, Protocol

from kpi_rules.facts import in_unit
from kpi_rules.scorecard.model import Figure, Scorecard
from kpi_rules.scorecard.percent import target_problem
from kpi_rules.scorecard.results import Lookup, converted
from kpi_rules.scorecard.tree import Scores

_SHOWN: Final = 3


class Aimed(Protocol):
    """A target as it is stated; without a value it is withdrawn."""

    @property
    def point(self) -> str:
        """Full name of a data point."""

    @property
    def value(self) -> float | None:
        """In `unit`."""

    @property
    def start(self) -> float | None:
        """What counts as 0 %."""

    @property
    def unit(self) -> str:
        """A token of the catalogue."""


def merged(
    *several: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, str]]:
    """Which units are wanted, by rules and by data points together."""
    found: dict[str, dict[str, str]] = {}
    for wanted in several:
        for name, units in wanted.items():
            for unit, who in units.items():
                found.setdefault(name, {}).setdefault(unit, who)
    return found


def judge_of(card: Scorecard) -> Callable[[Aimed], tuple[str, str] | None]:
    """What says which key of a target is wrong, and how; None where it is in order."""
    points = {point.id: point for point in card.points}

    def judge(target: Aimed) -> tuple[str, str] | None:
        point = points.get(target.point)
        if point is None:
            some = ", ".join(_near(target.point, points))
            return "point", f"expected a data point such as {some}, got {target.point!r}"
        if target.value is None:
            return None
        if isnan(in_unit(target.value, target.unit, point.unit)):
            return (
                "unit",
                f"{target.unit!r} does not fit {target.point}, which is in {point.unit!r}",
            )
        start = None if target.start is None else converted(target.start, target.unit, point.unit)
        wrong = target_problem(point, converted(target.value, target.unit, point.unit), start)
        return ("start" if "a start" in wrong else "value", wrong) if wrong else None

    return judge


def _near(name: str, points: Mapping[str, object]) -> list[str]:
    """Known names that begin most like one that is not known."""

    def shared(other: str) -> int:
        return next(
            (i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), len(name)
        )

    return sorted(points, key=lambda each: (-shared(each), each))[:_SHOWN]


def missing_figures(scores: Scores) -> Iterator[tuple[str, str, str]]:
    """What to state so that each data point has a value: name, unit, and what it counts, once each.

    Where nothing but rules feeds a data point, its final value.
    """
    known = Lookup(scores.given)
    seen: set[str] = set()
    for one in scores.scores:
        if one.results.chosen is not None:
            continue
        final = Figure(one.point.id, one.point.unit, one.kpi.title)
        wanted = one.point.figures or (final,)
        for figure in wanted:
            if figure.name not in seen and known.stated(figure.name, scores.given.at) is None:
                seen.add(figure.name)
                yield figure.name, figure.unit, figure.says
