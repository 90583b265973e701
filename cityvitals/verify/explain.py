"""How one indicator came about, as a tree down to quarter hours, ready for JSON. Pure.

It is told of the very objects that `values` derives from, so that what is shown is what was used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cityvitals.domain.times import iso
from cityvitals.store.audit import AuditSeries, FigureRow
from cityvitals.verify.explain_station import Shown, numbers, station
from cityvitals.verify.groups import Joined
from cityvitals.verify.layers import Frame
from cityvitals.verify.levels import Said
from cityvitals.verify.values import (
    POPULATION,
    Group,
    beside_inputs,
    derive,
    input_of,
    of_sensors,
    people_of,
    sensors,
)
from kpi_rules.evaluate import evaluate_rule
from kpi_rules.expression import written
from kpi_rules.filled import with_numbers
from kpi_rules.interpret import Value
from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Order

MOST_VALUES: Final = 20_000
"""Of series, so many values are shown of all stations together; more, of one sensor at a time."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a derivation is told of: one window of a rule.

    Attributes:
        frame: with that window alone.
        figures: the facts that the rule sees, in its units.
        series: of the city, by id.
        facts: as they are shown, by id.
        sensor: whose levels and quarter hours are told, too; "" for nobody's.
    """

    frame: Frame
    figures: tuple[FigureRow, ...]
    series: Mapping[int, AuditSeries]
    facts: Mapping[int, Mapping[str, Any]]
    sensor: str = ""


def explain(telling: Telling, group: Group) -> dict[str, Any]:
    """Value, numerator, denominator and coverage of a group, and where they come from."""
    (found,) = derive(telling.frame, group)
    return {
        **{
            name: numbers(float(found[name]))
            for name in ("value", "numerator", "denominator", "coverage")
        },
        "observed": int(found["observed"]),
        "flagged": int(found["flagged"]),
        "stations": int(found["stations"]),
        "derivation": _derivation(telling, group),
    }


def _derivation(telling: Telling, group: Group) -> dict[str, Any]:
    rule = telling.frame.rule
    last = bool(rule.inputs) and rule.space.order is Order.EVALUATE_FIRST
    return {
        "order": str(Order.EVALUATE_FIRST if last else Order.COMBINE_FIRST),
        "combine": str(group.combine),
        "min_stations": rule.space.min_stations,
        **(_sensors_first(telling, group) if last else _inputs_first(telling, group)),
    }


def _inputs_first(telling: Telling, group: Group) -> dict[str, Any]:
    """Stations are combined input by input, then comes the expression."""
    frame = telling.frame
    given = beside_inputs(frame, group, 0)
    for one in frame.rule.inputs:
        given[one.name] = input_of(frame, group, one, 0)
    return {
        **_evaluated(frame.rule, given),
        **_beside(telling, group),
        "inputs": [_input(telling, group, one, given[one.name]) for one in frame.rule.inputs],
        "sensors": [],
        "zones": [],
    }


def _sensors_first(telling: Telling, group: Group) -> dict[str, Any]:
    """The expression comes for each sensor, then these are combined, or zones are."""
    frame, rule = telling.frame, telling.frame.rule
    zones = people_of(group, 0)
    told = [] if zones else list(sensors(frame, group, 0))
    return {
        **_beside(telling, group),
        "unrounded": numbers(of_sensors(frame, group, 0).value),
        "sensors": [{"sensor": one.name, **_evaluated(rule, one.given)} for one in told],
        "inputs": [] if zones else [_input(telling, group, one, None) for one in rule.inputs],
        "zones": [
            {
                **_weight(telling, zone),
                "value": numbers(of_sensors(frame, zone, 0).value),
                "values": None,
                "derivation": _derivation(telling, zone),
            }
            for zone in group.zones
        ],
    }


def _evaluated(rule: Rule, given: Mapping[str, Value]) -> dict[str, Any]:
    """The expression and its parts, as written, with numbers, and what they come to."""
    found = evaluate_rule(rule, given)
    known = {**given, **found.parts}
    return {
        "expression": written(rule.tree),
        "with_numbers": with_numbers(rule.tree, known),
        "scale": rule.scale,
        "unrounded": numbers(found.unrounded),
        "value": numbers(found.value),
        "dominant": found.dominant or None,
        "given": {name: numbers(value) for name, value in given.items()},
        "parts": [
            {
                "name": part.name,
                "expression": written(part.tree),
                "with_numbers": with_numbers(part.tree, known),
                "value": numbers(found.parts[part.name]),
            }
            for part in rule.parts
        ],
    }


def _beside(telling: Telling, group: Group) -> dict[str, Any]:
    """The facts that the expression uses."""
    uses = telling.frame.rule.facts
    return {
        "facts": [
            {
                "name": use.name,
                "value": numbers(float(group.figures[use.name][0])),
                "unit": use.unit,
                "fact": _fact(telling, "" if use.of_city else group.zone, use.name),
            }
            for use in uses
        ]
    }


def _fact(telling: Telling, zone: str, name: str) -> Mapping[str, Any] | None:
    """The one in force in the last instant of the window."""
    end = int(telling.frame.windows.ends[0])
    rows = [
        row for row in telling.figures if (row.zone, row.name) == (zone, name) and row.from_us < end
    ]
    newest = max(rows, key=lambda row: row.from_us, default=None)
    return None if newest is None else telling.facts[newest.id]


def _input(telling: Telling, group: Group, one: Input, value: Value | None) -> dict[str, Any]:
    """One input of a group; None for the value where it has one for each sensor alone."""
    cut, joined = telling.frame.cuts[one.name], group.joined[one.name]
    combine = one.combine or group.combine
    weighted = combine is Combine.POPULATION_WEIGHTED
    shown = numbers(value) if value is not None else None
    return {
        "name": one.name,
        "quantity": one.quantity,
        "statistic": str(one.statistic),
        "unit": one.seen_in,
        "begin": iso(int(cut.own.begins[0])),
        "end": iso(int(cut.own.ends[0])),
        "min_coverage": one.min_coverage,
        "combine": str(combine),
        "value": None if isinstance(shown, list) else shown,
        "values": shown if isinstance(shown, list) else None,
        "places": [iso(at) for at in cut.places(0).tolist()] if one.is_series else None,
        "coverage": numbers(float(joined.coverage[0])),
        "observed": int(joined.observed[0]),
        "flagged": int(joined.flagged[0]),
        "stations": [] if weighted else _stations(telling, one, joined, combine),
        "zones": [_zone(telling, zone, one) for zone in group.zones] if weighted else [],
    }


def _zone(telling: Telling, zone: Group, one: Input) -> dict[str, Any]:
    value = numbers(input_of(telling.frame, zone, one, 0))
    combine = one.combine or zone.combine
    return {
        **_weight(telling, zone),
        "value": None if isinstance(value, list) else value,
        "values": value if isinstance(value, list) else None,
        "combine": str(combine),
        "stations": _stations(telling, one, zone.joined[one.name], combine),
    }


def _weight(telling: Telling, zone: Group) -> dict[str, Any]:
    return {
        "zone": zone.zone,
        "population": numbers(float(zone.people[0])),
        "fact": _fact(telling, zone.zone, POPULATION),
    }


def _stations(
    telling: Telling, one: Input, joined: Joined, combine: Combine
) -> list[dict[str, Any]]:
    cut = telling.frame.cuts[one.name]
    places = len(cut.places(0)) if one.is_series else 0
    shows_all = places * len(joined.said) <= MOST_VALUES
    found = []
    for said in joined.said:
        if not _is_told(telling, said):
            continue
        mine = said.station.sensor == telling.sensor
        shown = Shown(values=mine or shows_all, layers=mine, takes_all=combine is Combine.SUM)
        found.append(station(one, cut, said, telling.series[said.station.series], shown))
    return found


def _is_told(telling: Telling, said: Said) -> bool:
    """Of a sensor that was asked for, alone; else all that stand there or say something."""
    if telling.sensor:
        return said.station.sensor == telling.sensor
    return bool(said.here[0])
