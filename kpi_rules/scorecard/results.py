"""The values that a data point may have, and which of them counts. Pure.

A city's final value overrides what is calculated (verification manual, p162), unless the
calculation is of a later year. Both stay visible. What is not of a whole year is an estimate, and
counts only where there is nothing else; so is what stands on an assumption, and comes last.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.facts import Quality
from kpi_rules.scorecard.given import Given, Stated, Told
from kpi_rules.scorecard.model import Feed, Figure, Kpi, Point, exact

_WORST: Final = {quality.value: place for place, quality in enumerate(Quality)}
_UNDATED: Final = math.inf


class Basis(StrEnum):
    """What a value rests on."""

    FINAL = "final"
    """The city gave it as its final value."""
    FIGURES = "figures"
    """Numerator and denominator that the city stated."""
    RULE = "rule"
    """Readings, by a rule."""


class Period(StrEnum):
    """Of when a value is."""

    AS_STATED = "as_stated"
    CALENDAR_YEAR = "calendar_year"
    RUNNING_12_MONTHS = "running_12_months"
    YEAR_TO_DATE = "year_to_date"


ESTIMATES: Final = frozenset({Period.RUNNING_12_MONTHS, Period.YEAR_TO_DATE})


@dataclass(frozen=True, slots=True)
class Result:
    """A value of a data point, in the point's unit.

    Attributes:
        year: of the city's calendar that it is of; infinite where a final value has no date.
        begin, end: of a rule's window; of what is stated, since when, and None.
        used: the facts that it is made of.
        quality: the worst class of those facts; "" of rules.
        told: the rule's window.
        assumed: whether that rule stands on an assumption.
    """

    basis: Basis
    period: Period
    value: Fraction
    year: float
    begin: datetime | None
    end: datetime | None
    numerator: Fraction | None = None
    denominator: Fraction | None = None
    used: tuple[Stated, ...] = ()
    quality: str = ""
    told: Told | None = None
    assumed: bool = False

    @property
    def is_estimate(self) -> bool:
        """Whether it is not of a whole year, or stands on an assumption."""
        return self.assumed or self.period in ESTIMATES


@dataclass(slots=True)
class Results:
    """All values of a data point.

    Attributes:
        chosen: the one that counts; None where there is none.
        others: those that do not, the best first.
        missing: why there is no better one, a sentence each.
    """

    chosen: Result | None = None
    others: list[Result] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class Lookup:
    """What is given, by name; figures in force at a moment."""

    def __init__(self, given: Given) -> None:
        self.at = given.at
        self._zone = ZoneInfo(given.time_zone)
        self._stated: dict[str, list[Stated]] = {}
        for one in sorted(given.stated, key=lambda one: (one.since is not None, one.since)):
            if not one.zone:
                self._stated.setdefault(one.name, []).append(one)
        self._told: dict[str, list[Told]] = {}
        for told in given.told:
            self._told.setdefault(told.rule, []).append(told)

    @property
    def this_year(self) -> int:
        """The year that the city's calendar shows."""
        return self.at.astimezone(self._zone).year

    @property
    def years_begin(self) -> datetime:
        """When this year began: figures in force just before are those of the last whole year."""
        return datetime(self.this_year, 1, 1, tzinfo=self._zone)

    def year_of(self, moment: datetime) -> int:
        """The city's calendar year of a moment."""
        return moment.astimezone(self._zone).year

    def stated(self, name: str, at: datetime) -> Stated | None:
        """The figure of the city in force at a moment."""
        found = None
        for one in self._stated.get(name, ()):
            if one.since is None or one.since <= at:
                found = one
        return found

    def ended(self, rule: str) -> Told | None:
        """The newest window of a rule that has ended."""
        past = [one for one in self._told.get(rule, ()) if one.end <= self.at]
        return max(past, key=lambda one: one.end, default=None)

    def running(self, rule: str) -> Told | None:
        """The window of a rule that holds the moment."""
        for one in self._told.get(rule, ()):
            if one.begin <= self.at < one.end:
                return one
        return None


def results_of(kpi: Kpi, point: Point, known: Lookup) -> Results:
    """The values of a data point, and which counts."""
    found = Results()
    whole: list[Result] = []
    estimates: list[Result] = []
    for each in (*_by_rules(point, known, found), *_by_figures(kpi, point, known, found)):
        (estimates if each.is_estimate else whole).append(each)
    whole.sort(key=lambda one: -one.year)  # stable: of one year, what readings say comes first
    estimates.sort(key=lambda one: one.assumed)
    final = _final(point, known)
    if final is not None:
        place = next((i for i, one in enumerate(whole) if one.year <= final.year), len(whole))
        whole.insert(place, final)
    ranked = [*whole, *estimates]
    if ranked:
        found.chosen, found.others = ranked[0], [*ranked[1:], *found.others]
    return found


def _final(point: Point, known: Lookup) -> Result | None:
    stated = known.stated(point.id, known.at)
    if stated is None:
        return None
    year = _UNDATED if stated.since is None else known.year_of(stated.since)
    value = in_unit(stated, point.unit)
    return Result(
        Basis.FINAL,
        Period.AS_STATED,
        value,
        year,
        stated.since,
        None,
        used=(stated,),
        quality=stated.quality,
    )


def _by_rules(point: Point, known: Lookup, found: Results) -> Iterator[Result]:
    """The last calendar year, then estimates that are newer."""
    if point.live is None:
        return
    year = known.ended(point.live.year)
    if year is None:
        found.missing.append(f"no year of rule {point.live.year} has ended")
    else:
        yield from _result(year, point, Period.CALENDAR_YEAR, known, found)
    running = known.ended(point.live.running)
    if running is not None and (year is None or year.value is None or running.end > year.end):
        yield from _result(running, point, Period.RUNNING_12_MONTHS, known, found)
    now = known.running(point.live.year)
    if now is not None:
        for each in _result(now, point, Period.YEAR_TO_DATE, known, found):
            if point.live.total:
                found.missing.append("the year to date only grows, and stands for no year")
                found.others.append(each)
            else:
                yield each


def _result(
    told: Told, point: Point, period: Period, known: Lookup, found: Results
) -> Iterator[Result]:
    if told.value is None:
        said = f"rule {told.rule}, {period.replace('_', ' ')} to {told.end:%Y-%m-%d}"
        found.missing.append(f"{said}: {told.reason}")
        return
    yield Result(
        Basis.RULE,
        period,
        converted(told.value, told.unit, point.unit),
        known.year_of(told.begin),
        told.begin,
        told.end,
        None if told.numerator is None else exact(told.numerator),
        None if told.denominator is None else exact(told.denominator),
        told=told,
        assumed=point.live is not None and point.live.estimate,
    )


def _by_figures(kpi: Kpi, point: Point, known: Lookup, found: Results) -> Iterator[Result]:
    """By the figures in force; what a registry keeps, also by those at the end of last year."""
    if point.numerator is None:
        if point.live is None:
            found.missing.append(f"no {point.id} is stated")
        return
    now = _quotient(point, known, known.at)
    if isinstance(now, str):
        found.missing.append(now)
        return
    if kpi.feed is Feed.REPORTED:
        yield now
        return
    before = known.years_begin - timedelta(microseconds=1)
    then = _quotient(point, known, before)
    if isinstance(then, Result):
        yield _of_period(then, Period.CALENDAR_YEAR)
        if then.used == now.used:
            return
    yield _of_period(now, Period.YEAR_TO_DATE)


def _of_period(one: Result, period: Period) -> Result:
    return Result(
        one.basis,
        period,
        one.value,
        one.year,
        one.begin,
        one.end,
        one.numerator,
        one.denominator,
        one.used,
        one.quality,
    )


def _quotient(point: Point, known: Lookup, at: datetime) -> Result | str:
    """Numerator over denominator, or what is missing."""
    used: dict[str, Stated] = {}
    missing = []
    for role, figure in _roles(point):
        own = known.stated(point.own_denominator, at) if role == "denominator" else None
        stated = own or known.stated(figure.name, at)
        if stated is None:
            missing.append(f"no {figure.name} is stated ({figure.says})")
        else:
            used[role] = stated
    if missing:
        return "; ".join(dict.fromkeys(missing))
    numbers = {role: in_unit(used[role], figure.unit) for role, figure in _roles(point)}
    numerator = numbers["numerator"] - numbers.get("less", Fraction(0))
    denominator = numbers.get("denominator", Fraction(1))
    if not denominator:
        return f"{used['denominator'].name} is 0"
    first = used["numerator"]
    return Result(
        Basis.FIGURES,
        Period.AS_STATED,
        numerator / denominator * point.factor,
        -math.inf if first.since is None else known.year_of(first.since),
        first.since,
        None,
        numerator,
        numbers.get("denominator"),
        tuple({one.id: one for one in used.values()}.values()),
        worst(one.quality for one in used.values()),
    )


def _roles(point: Point) -> Iterator[tuple[str, Figure]]:
    for role in ("numerator", "less", "denominator"):
        figure = getattr(point, role)
        if figure is not None:
            yield role, figure


def worst(qualities: Iterable[str]) -> str:
    """The class that a number made of several figures has."""
    return max(qualities, key=lambda one: _WORST.get(one, len(_WORST)))


def in_unit(stated: Stated, unit: str) -> Fraction:
    """A figure in another unit of its family, exactly."""
    return converted(stated.value, stated.unit, unit)


def converted(value: float, unit: str, wanted: str) -> Fraction:
    """A number in another unit of the same family, exactly.

    Raises:
        ValueError: the units do not fit; stating such a figure is refused.
    """
    number = exact(value)
    if unit == wanted:
        return number
    source, target = load_catalogue().find_unit(unit), load_catalogue().find_unit(wanted)
    if source is None or target is None or source.family != target.family:
        raise ValueError(f"{unit!r} is no {wanted!r}")
    return (number * source.scale + source.offset - target.offset) / target.scale
