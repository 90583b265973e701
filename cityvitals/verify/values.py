"""A rule's value for a zone or the city, by the plain interpreter. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.domain.coverage import least
from cityvitals.store.audit import FigureRow
from cityvitals.verify.dated import dated_values
from cityvitals.verify.fold import Floats
from cityvitals.verify.groups import Joined, by_population, combined, join
from cityvitals.verify.layers import Frame
from cityvitals.verify.levels import Said, total
from cityvitals.verify.stations import Station, Taker
from kpi_rules.evaluate import evaluate_rule, is_division
from kpi_rules.interpret import Value, as_number
from kpi_rules.model import Input, Rule
from kpi_rules.rounding import rounded
from kpi_rules.words import Combine, Order

EXPECTED: Final = np.dtype(
    [
        ("begin", "<i8"),
        ("end", "<i8"),
        ("opens", "<i8"),
        ("value", "<f8"),
        ("numerator", "<f8"),
        ("denominator", "<f8"),
        ("coverage", "<f8"),
        ("observed", "<i8"),
        ("flagged", "<i8"),
        ("series", "<i4"),
        ("series_sum", "<i8"),
        ("stations", "<i4"),
        ("placed", "?"),
        ("spoken", "?"),
    ]
)
"""What an indicator should be; nan for no value. `series`: how many took part, with the
sum of their ids; `stations`: of how many sensors they are. `opens`: where the window's last step
begins.
`placed`: a station stood there, so that there may be an indicator. `spoken`: one of them has a
partial that the inputs' windows and levels reach, so that there must be."""

POPULATION: Final = "population"
"""The fact that zones are weighted by."""

Stations = Mapping[str, Mapping[str, Sequence[Station]]]
"""By input of the rule, then by zone."""


@dataclass(frozen=True, slots=True)
class Group:
    """A zone, or the city (''), in the windows of a frame.

    Attributes:
        joined: its stations, by input.
        figures: facts that the rule names, in force at the end of each window [w]; of those whose
            values it sees, the last that is dated within it.
        dated: values of those, window by window.
        people: who live there, likewise.
        zones: those of a city that folds zones; none otherwise.
    """

    zone: str
    combine: Combine
    joined: Mapping[str, Joined]
    figures: Mapping[str, Floats]
    people: Floats
    dated: Mapping[str, Sequence[Sequence[float]]]
    zones: "tuple[Group, ...]" = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What came out for one window: nan for what is not there."""

    value: float = math.nan
    numerator: float = math.nan
    denominator: float = math.nan
    takers: frozenset[Taker] = frozenset()


def expect(
    frames: Iterable[Frame], zone: str, stations: Stations, facts: Sequence[FigureRow]
) -> Records:
    """What a rule gives for a zone (EXPECTED), window by window.

    Args:
        frames: the rule and its windows, in portions.
        zone: '' is the city.
        stations: of every input, by zone.
        facts: the city's dated figures.
    """
    parts = [_expect(frame, zone, stations, facts) for frame in frames]
    return np.concatenate([np.zeros(0, EXPECTED), *parts])


def _expect(frame: Frame, zone: str, stations: Stations, facts: Sequence[FigureRow]) -> Records:
    return derive(frame, gather(frame, zone, stations, facts))


def derive(frame: Frame, group: Group) -> Records:
    """What a rule gives for a group (EXPECTED) in the windows of a frame."""
    out = np.zeros(len(frame.windows.begins), EXPECTED)
    out["begin"], out["end"], out["opens"] = frame.windows
    _evaluate(frame, group, out)
    _account(frame.rule, group, out)
    minimum = least(frame.rule.space.min_coverage)
    lacking = ~np.isfinite(out["value"]) | (out["coverage"] < minimum)
    if frame.rule.inputs:  # where no station stands any more, nothing is left
        out["coverage"][~out["placed"]] = 0.0
        lacking |= ~out["placed"]
    for field in ("value", "numerator", "denominator"):
        out[field][lacking] = np.nan
    return out


def gather(frame: Frame, zone: str, stations: Stations, facts: Sequence[FigureRow]) -> Group:
    """The stations of a zone, or of the city (''), and the figures in force."""
    rule = frame.rule
    combine = rule.space.zone if zone else rule.space.city
    zones: tuple[Group, ...] = ()
    if combine is Combine.POPULATION_WEIGHTED:
        names = sorted({name for one in stations.values() for name in one if name})
        zones = tuple(gather(frame, name, stations, facts) for name in names)
    dated = dated_values(rule, zone, facts, frame.windows.begins, frame.windows.ends)
    return Group(
        zone=zone,
        combine=combine,
        joined={
            one.name: join(
                rule,
                one,
                frame.cuts[one.name],
                stations[one.name].get(zone, ()),
                one.combine or combine,
            )
            for one in rule.inputs
        },
        figures={
            use.name: _figure(facts, "" if use.of_city else zone, use.name, frame)
            for use in rule.facts
            if not use.values
        }
        | {name: np.array([_latest(one) for one in every]) for name, every in dated.items()},
        dated=dated,
        people=_figure(facts, zone, POPULATION, frame),
        zones=zones,
    )


def _figure(facts: Iterable[FigureRow], zone: str, name: str, frame: Frame) -> Floats:
    """The figure in force in the last instant of each window; nan where there is none."""
    mine = [row for row in facts if row.zone == zone and row.name == name]
    rows = sorted(mine, key=lambda row: row.from_us)
    since = np.array([row.from_us for row in rows], np.int64)
    values = np.array([np.nan, *(row.value for row in rows)])
    found: Floats = values[np.searchsorted(since, frame.windows.ends, side="left")]
    return found


def _latest(values: Sequence[float]) -> float:
    return next((each for each in reversed(values) if not math.isnan(each)), math.nan)


def _account(rule: Rule, group: Group, out: Records) -> None:
    """What an indicator says beside its value."""
    joined = group.joined
    if not joined:  # facts alone: there is nothing to cover, and one of them must be known
        out["coverage"], out["spoken"] = 1.0, True
        out["placed"] = np.any([~np.isnan(each) for each in group.figures.values()], axis=0)
        return
    out["coverage"] = _coverage(rule, joined)
    out["observed"] = sum(one.observed for one in joined.values())
    out["flagged"] = sum(one.flagged for one in joined.values())
    out["placed"] = np.any([one.placed > 0 for one in joined.values()], axis=0)
    out["spoken"] = np.any([one.spoken for one in joined.values()], axis=0)


def _coverage(rule: Rule, joined: Mapping[str, Joined]) -> Floats:
    """Of the input that is covered least; of those that may be absent, where all are, the most."""
    needed = [joined[one.name].coverage for one in rule.inputs if not one.optional]
    every = [one.coverage for one in joined.values()]
    found: Floats = np.min(needed, axis=0) if needed else np.max(every, axis=0)
    return found


def _evaluate(frame: Frame, group: Group, out: Records) -> None:
    """Value, numerator, denominator and stations, window by window."""
    rule = frame.rule
    of_sensors = rule.inputs and rule.space.order is Order.EVALUATE_FIRST
    work = _stations_last if of_sensors else _stations_first
    for w in range(len(out)):
        found = work(frame, group, w)
        out["value"][w], out["numerator"][w] = found.value, found.numerator
        out["denominator"][w] = found.denominator
        out["series"][w] = len(found.takers)
        out["series_sum"][w] = sum(one.series for one in found.takers)
        out["stations"][w] = len({one.sensor for one in found.takers})


def beside_inputs(frame: Frame, group: Group, w: int) -> dict[str, Value]:
    """What an expression can name beside inputs."""
    given: dict[str, Value] = {
        use.name: group.dated[use.name][w] if use.values else float(group.figures[use.name][w])
        for use in frame.rule.facts
    }
    return given | {key: shown[w] for key, shown in frame.clocked.items()}


def _stations_first(frame: Frame, group: Group, w: int) -> Found:
    """Stations are combined input by input, then the expression."""
    rule = frame.rule
    given = beside_inputs(frame, group, w)
    for one in rule.inputs:
        given[one.name] = input_of(frame, group, one, w)
    found = evaluate_rule(rule, given)
    takers = _used(rule, group, w)
    if is_division(rule.tree):
        return Found(found.value, found.numerator, found.denominator, takers)
    if _is_mean_of_stations(rule, group):
        used = float(len(takers))
        return Found(found.value, found.unrounded * used, used, takers)
    return Found(found.value, found.unrounded, takers=takers)


def _is_mean_of_stations(rule: Rule, group: Group) -> bool:
    if len(rule.inputs) != 1 or rule.inputs[0].is_series:
        return False
    return (rule.inputs[0].combine or group.combine) is Combine.MEAN


def input_of(frame: Frame, group: Group, one: Input, w: int) -> Value:
    """One input's number or series for a group."""
    combine = one.combine or group.combine
    if combine is Combine.POPULATION_WEIGHTED:
        zones = {zone.zone: input_of(frame, zone, one, w) for zone in group.zones}
        return by_population(zones, people_of(group, w))
    values = [said.values.at(w) for said in group.joined[one.name].said]
    if not values:
        return _nothing(frame, one, w)
    return combined(values, combine, frame.rule.space.min_stations)


def people_of(group: Group, w: int) -> dict[str, float]:
    """Who lives in each zone of a city that folds zones; nan where nobody knows."""
    return {zone.zone: float(zone.people[w]) for zone in group.zones}


def _nothing(frame: Frame, one: Input, w: int) -> Value:
    """What an input is where nobody says anything: as many places as it would have."""
    return [math.nan] * len(frame.cuts[one.name].places(w)) if one.is_series else math.nan


def _used(rule: Rule, group: Group, w: int) -> frozenset[Taker]:
    """Who takes part, input by input."""
    found: set[Taker] = set()
    for one in rule.inputs:
        weighted = (one.combine or group.combine) is Combine.POPULATION_WEIGHTED
        for part in group.zones if weighted else (group,):
            found |= part.joined[one.name].used(w)
    return frozenset(found)


def _stations_last(frame: Frame, group: Group, w: int) -> Found:
    """The expression for every sensor, then these are combined; what comes out is rounded."""
    found, rounding = of_sensors(frame, group, w), frame.rule.rounding
    if rounding is None:
        return found
    return replace(found, value=rounded(found.value, rounding.mode, rounding.digits))


def of_sensors(frame: Frame, group: Group, w: int) -> Found:
    """The expression for every sensor, then these are combined; not rounded yet."""
    if group.zones:
        zones = {zone.zone: of_sensors(frame, zone, w) for zone in group.zones}
        values = {name: each.value for name, each in zones.items()}
        value = by_population(values, people_of(group, w))
        takers = frozenset().union(*(each.takers for each in zones.values()))
        return Found(as_number(value), as_number(value), takers=takers)
    known = [each for each in _sensors(frame, group, w) if not math.isnan(each.value)]
    numbers = [each.value for each in known]
    value = as_number(combined(numbers, group.combine, frame.rule.space.min_stations))
    takers = frozenset().union(*(each.takers for each in known))
    if group.combine is Combine.MEAN:
        return Found(value, total(numbers), float(len(numbers)), takers)
    return Found(value, value, takers=takers)


def _sensors(frame: Frame, group: Group, w: int) -> Iterator[Found]:
    """What the expression comes to for each sensor of a group, in order of their names."""
    for each in sensors(frame, group, w):
        yield Found(evaluate_rule(frame.rule, each.given).unrounded, takers=each.takers)


@dataclass(frozen=True, slots=True)
class Sensor:
    """What the expression sees of one sensor, and which of its series are valid."""

    name: str
    given: Mapping[str, Value]
    takers: frozenset[Taker]


def sensors(frame: Frame, group: Group, w: int) -> Iterator[Sensor]:
    """The sensors of a group in order of their names, each with what the expression sees of it."""
    by_sensor: dict[str, dict[str, Said]] = {}
    for name, joined in group.joined.items():
        for said in joined.said:
            by_sensor.setdefault(said.station.sensor, {})[name] = said
    common = beside_inputs(frame, group, w)
    for name, saying in sorted(by_sensor.items()):
        given = dict(common)
        for one in frame.rule.inputs:
            mine = saying.get(one.name)
            given[one.name] = mine.values.at(w) if mine else _nothing(frame, one, w)
        takers = frozenset(said.station.taker for said in saying.values() if said.valid[w])
        yield Sensor(name, given, takers)
