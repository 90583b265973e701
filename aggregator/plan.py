"""Rules over a shard's cities, as arrays: which series of which zone feed which indicator."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.compiler import Compiled, compile_rule
from aggregator.program import Floats
from aggregator.reach import Reach, reach_of
from aggregator.series_table import Ints, SeriesTable
from cityvitals.catalogue.gases import conversion_at, needs_reference
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Kind
from cityvitals.domain.times import BUCKET_US, ceil_bucket
from cityvitals.store.model import CityRow, SeriesRow, ShardModel
from kpi_rules.expression import Calendar, Clocked, walk
from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Statistic

EVERY_DOMAIN: Final = ""
_SHARE: Final = "ppb"
_FOR_EVER: Final = 2**40
"""A bucket number after all others."""

_KINDS: Final = {
    Statistic.MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN, Kind.STATE},
    Statistic.INTEGRAL: {Kind.GAUGE, Kind.INTERVAL_MEAN, Kind.STATE},
    Statistic.ENERGY_MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN},
    Statistic.TOTAL: {Kind.INTERVAL_TOTAL, Kind.COUNTER, Kind.EVENT},
    Statistic.INCREASE: {Kind.COUNTER},
    Statistic.COUNT: {Kind.EVENT},
}


@dataclass(frozen=True, slots=True)
class Members:
    """The stations that feed one input of a rule, group by group, each in natural-key order.

    Attributes:
        rows: row of the series [m].
        since, until: numbers of the buckets in which it is placed there [m].
        offsets: where each group begins [g + 1].
        group: of each [m].
    """

    rows: Ints
    since: Ints
    until: Ints
    offsets: Ints
    group: Ints


@dataclass(frozen=True, slots=True)
class Stations:
    """The sensors of each group, for rules that evaluate at each of them.

    Attributes:
        at: per input of the rule, which member stands for each station [s]; -1 for none.
        group: of each [s].
        offsets: where each group begins [g + 1].
    """

    at: tuple[Ints, ...]
    group: Ints
    offsets: Ints


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule in one city.

    Attributes:
        groups: '' for the city itself, then its zones in order.
        body: the rule as it is shown with values.
        members: per input of the rule.
        scales: per input, what each member's canonical numbers are multiplied by [m]; nan where a
            member lacks the reference state that takes.
        stations: sensor by sensor.
        reach: how far the windows' buckets lie beside them.
        clocked: inputs whose places' hour, weekday or month the expression asks for.
        watched: whose gateways' progress counts: a domain, or `EVERY_DOMAIN`.
        feeds: per row of the shard, whether its buckets matter to the rule [n]; to one of facts
            alone, those of the whole city, since their time is the city's.
    """

    rule: Rule
    compiled: Compiled
    body: dict[str, Any]
    city: CityRow
    groups: tuple[str, ...]
    members: tuple[Members, ...]
    scales: tuple[Floats, ...]
    stations: Stations
    reach: Reach
    clocked: tuple[tuple[str, Calendar], ...]
    watched: str
    feeds: NDArray[np.bool_]


def combines(rule: Rule, one: Input | None, groups: int) -> tuple[Combine, ...]:
    """How the stations of each group are put together, for an input or the rule's own values."""
    own = None if one is None else one.combine
    return (own or rule.space.city, *[own or rule.space.zone] * (groups - 1))


@dataclass(frozen=True, slots=True)
class Plan:
    """All rules in all cities of a shard.

    Attributes:
        watchers: gateway ids by (city, zone, domain), '' being the city: whose progress counts.
        patience: seconds of silence by gateway id: three times its slowest series' reporting.
    """

    rules: tuple[RulePlan, ...]
    watchers: dict[tuple[str, str, str], tuple[int, ...]]
    patience: dict[int, float]


Placed = tuple[str, int, int]
"""A zone, and the numbers of the buckets [since, until) in which a series stands there."""


def placed(series: SeriesRow) -> list[Placed]:
    """Where a series stands when; a placement counts from the next quarter-hour edge on."""
    found: list[Placed] = []
    edges = [ceil_bucket(from_us) // BUCKET_US for from_us, _ in series.placements]
    for i, (_, zone) in enumerate(series.placements):
        until = edges[i + 1] if i + 1 < len(edges) else _FOR_EVER
        if zone is not None and until > edges[i]:
            found.append((zone, edges[i], until))
    return found


def make_plan(model: ShardModel, table: SeriesTable, rules: Sequence[Rule]) -> Plan:
    """Lay the rules over the cities."""
    compiled = {rule.id: compile_rule(rule) for rule in rules}
    by_key = sorted(range(len(table)), key=lambda row: table.series[row].key)
    plans = []
    for city in model.cities:
        rows = [row for row in by_key if table.series[row].key.city == city.id]
        for rule in rules:
            feeding = [_eligible(rows, table, one) for one in rule.inputs]
            if any(feeding) or not rule.inputs:
                zones = [zone for of, zone in model.zones if of == city.id]
                made = _rule_plan(rule, compiled[rule.id], city, feeding, table, zones)
                if not rule.inputs:
                    made.feeds[rows] = True
                plans.append(made)
    return Plan(tuple(plans), _watchers(table, rules), _patience(table))


def _eligible(rows: Sequence[int], table: SeriesTable, one: Input) -> list[int]:
    """Rows of the quantity an input names whose kind has the statistic it asks for."""
    kinds = _KINDS[one.levels[0].statistic if one.levels else one.statistic]
    return [
        row
        for row in rows
        if table.series[row].key.quantity == one.quantity
        and table.series[row].declarations[-1].kind in kinds
    ]


def _rule_plan(
    rule: Rule,
    compiled: Compiled,
    city: CityRow,
    feeding: list[list[int]],
    table: SeriesTable,
    zones: Sequence[str],
) -> RulePlan:
    by_group: list[dict[str, list[tuple[int, int, int]]]] = []
    feeds = np.zeros(len(table), np.bool_)
    for rows in feeding:
        found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for row in rows:
            feeds[row] = True
            found[""].append((row, -_FOR_EVER, _FOR_EVER))
            for zone, since, until in placed(table.series[row]):
                found[zone].append((row, since, until))
        by_group.append(found)
    said = {zone for found in by_group for zone in found}
    groups = tuple(sorted(said if rule.inputs else {"", *zones}))
    members = tuple(_members([found.get(group, []) for group in groups]) for found in by_group)
    return RulePlan(
        rule=rule,
        compiled=compiled,
        body=rule.body(),
        city=city,
        groups=groups,
        members=members,
        scales=tuple(
            np.array([_scale(one, table.series[row]) for row in found.rows.tolist()], np.float64)
            for one, found in zip(rule.inputs, members, strict=True)
        ),
        stations=_stations(members, table, len(groups)),
        reach=reach_of(rule),
        clocked=_clocked(rule),
        watched=str(rule.domain) if rule.inputs else EVERY_DOMAIN,
        feeds=feeds,
    )


def _scale(one: Input, series: SeriesRow) -> float:
    """From canonical numbers of a series to the unit that an input sees them in."""
    if one.scale is not None:
        return one.scale
    catalogue, state = load_catalogue(), series.declarations[-1].reference_state
    if needs_reference(catalogue, one.quantity, one.seen_in):
        found = conversion_at(catalogue, one.quantity, one.seen_in, state)
        return math.nan if found is None else 1.0 / found[0]
    plain = catalogue.conversion(one.quantity, one.seen_in)
    came = conversion_at(catalogue, one.quantity, _SHARE, state)
    wanted = conversion_at(catalogue, one.quantity, _SHARE, one.reference_state)
    if plain is None or came is None or wanted is None:
        return math.nan
    return wanted[0] / came[0] / plain[0]


def _clocked(rule: Rule) -> tuple[tuple[str, Calendar], ...]:
    trees = [rule.tree, *(part.tree for part in rule.parts)]
    found = {
        (each.name, each.calendar)
        for tree in trees
        for each in walk(tree)
        if isinstance(each, Clocked)
    }
    return tuple(sorted(found))


def _stations(members: Sequence[Members], table: SeriesTable, groups: int) -> Stations:
    """Sensors of each group in natural-key order; of several series the first stands for one."""
    found: list[tuple[int, str]] = sorted(
        {
            (int(group), table.series[row].key.sensor)
            for one in members
            for row, group in zip(one.rows.tolist(), one.group.tolist(), strict=True)
        }
    )
    place = {key: at for at, key in enumerate(found)}
    at = []
    for one in members:
        mine = np.full(len(found), -1, np.int64)
        for member, (row, group) in enumerate(
            zip(one.rows.tolist(), one.group.tolist(), strict=True)
        ):
            station = place[group, table.series[row].key.sensor]
            if mine[station] < 0:
                mine[station] = member
        at.append(mine)
    group = np.array([one for one, _ in found], np.int64)
    return Stations(
        tuple(at), group, np.searchsorted(group, np.arange(groups + 1)).astype(np.int64)
    )


def _members(groups: list[list[tuple[int, int, int]]]) -> Members:
    flat = np.array([one for group in groups for one in group], np.int64).reshape(-1, 3)
    return Members(
        rows=np.ascontiguousarray(flat[:, 0]),
        since=np.ascontiguousarray(flat[:, 1]),
        until=np.ascontiguousarray(flat[:, 2]),
        offsets=np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64),
        group=np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
    )


def _watchers(
    table: SeriesTable, rules: Sequence[Rule]
) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """Gateways by city, zone and domain: their sensors' own, and that of rules they feed."""
    used: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for one in rule.inputs:
            used[one.quantity].add(rule.domain)
    found: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for series in table.series:
        zone = series.placements[-1][1] if series.placements else None
        for domain in {series.domain, *used[series.key.quantity], EVERY_DOMAIN}:
            for place in {"", zone or ""}:
                found[series.key.city, place, domain].add(series.gateway)
    return {key: tuple(sorted(gateways)) for key, gateways in found.items()}


def _patience(table: SeriesTable) -> dict[int, float]:
    found: dict[int, float] = defaultdict(float)
    for series in table.series:
        newest = series.declarations[-1]
        slowest = max(newest.reporting_s, newest.period_s)
        found[series.gateway] = max(found[series.gateway], 3 * slowest)
    return dict(found)
