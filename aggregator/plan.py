"""Rules over a shard's cities, as arrays: which series of which zone feed which indicator."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.compiler import Compiled, compile_rule
from aggregator.members import (
    FOR_EVER,
    Contributing,
    Members,
    Stations,
    contributing_of,
    members_of,
    placed,
    stations_of,
)
from aggregator.program import Floats
from aggregator.reach import Reach, reach_of
from aggregator.series_table import SeriesTable
from cityvitals.catalogue.gases import conversion_at, needs_reference
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Kind
from cityvitals.store.model import CityRow, SeriesRow, ShardModel
from kpi_rules.expression import Calendar, Clocked, walk
from kpi_rules.facts import uses_of
from kpi_rules.model import FactUse, Input, Rule
from kpi_rules.words import Combine, Statistic

EVERY_DOMAIN: Final = ""
NOBODY: Final = -1
"""The id of no gateway."""
_SHARE: Final = "ppb"
_NOTHING_TOLD: Final[Mapping[tuple[str, str], AbstractSet[str]]] = MappingProxyType({})

_KINDS: Final = {
    Statistic.MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN, Kind.STATE},
    Statistic.INTEGRAL: {Kind.GAUGE, Kind.INTERVAL_MEAN, Kind.STATE},
    Statistic.ENERGY_MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN},
    Statistic.TOTAL: {Kind.INTERVAL_TOTAL, Kind.COUNTER, Kind.EVENT},
    Statistic.INCREASE: {Kind.COUNTER},
    Statistic.COUNT: {Kind.EVENT},
}


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
        contributing: who may have contributed.
        uses: facts that it takes, for weights too.
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
    contributing: Contributing
    uses: tuple[FactUse, ...]
    reach: Reach
    clocked: tuple[tuple[str, Calendar], ...]
    watched: str
    feeds: NDArray[np.bool_]


class How(NamedTuple):
    """How stations are put together: those of the city, and those of each zone."""

    city: Combine
    zones: Combine

    def are(self, how: Combine, groups: int) -> NDArray[np.bool_]:
        """Which of a plan's groups, of which the city is the first, are put together so [g]."""
        found = np.full(groups, self.zones is how)
        found[:1] = self.city is how
        return found


def combines(rule: Rule, one: Input | None) -> How:
    """How the stations of each group are put together, for an input or the rule's own values."""
    own = None if one is None else one.combine
    return How(own or rule.space.city, own or rule.space.zone)


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
    _crowds: dict[tuple[str, str, tuple[str, ...]], "Crowds"] = field(
        default_factory=dict, compare=False, repr=False
    )

    def crowds(self, rule: RulePlan) -> "Crowds":
        """The gateways whose progress counts for each group of a rule; kept for all cycles."""
        key = (rule.city.id, rule.watched, rule.groups)
        if key not in self._crowds:
            found = [
                self.watchers.get((rule.city.id, one, rule.watched), ()) for one in rule.groups
            ]
            self._crowds[key] = Crowds.of(found)
        return self._crowds[key]


@dataclass(frozen=True, slots=True)
class Crowds:
    """The gateways of some groups.

    Attributes:
        each: ids, group by group.
        ids: all of them; each group's end with `NOBODY`.
        begins: where each group's begin there [g].
    """

    each: tuple[tuple[int, ...], ...]
    ids: list[int]
    begins: NDArray[np.int64]

    @classmethod
    def of(cls, each: Sequence[tuple[int, ...]]) -> "Crowds":
        """From the ids of each group."""
        ends = np.cumsum([len(one) + 1 for one in each], dtype=np.int64)
        ids = [one for crowd in each for one in (*crowd, NOBODY)]
        return cls(tuple(each), ids, np.append(0, ends)[:-1])


def make_plan(
    model: ShardModel,
    table: SeriesTable,
    rules: Sequence[Rule],
    told: Mapping[tuple[str, str], AbstractSet[str]] = _NOTHING_TOLD,
) -> Plan:
    """Lay the rules over the cities.

    Args:
        model: the cities.
        table: their series.
        rules: what is in force.
        told: by city and rule, the zones of which something was said before: where no station
            stands any more, that is taken back.
    """
    by_key = sorted(range(len(table)), key=lambda row: table.series[row].key)
    by_city: dict[str, list[int]] = defaultdict(list)
    for row in by_key:
        by_city[table.series[row].key.city].append(row)
    plans = []
    for city in model.cities:
        zones = [zone for of, zone in model.zones if of == city.id]
        layout = _Layout(city, by_city[city.id], zones, table)
        plans += [
            layout.plan(rule, before)
            for rule in rules
            for before in [told.get((city.id, rule.id), frozenset())]
            if not rule.inputs or before or any(layout.feeds(one) for one in rule.inputs)
        ]
    return Plan(tuple(plans), _watchers(table, rules), _patience(table))


class _Prepared(NamedTuple):
    """What of a rule's plan is the same in all cities, whatever series they have."""

    compiled: Compiled
    body: dict[str, Any]
    uses: tuple[FactUse, ...]
    reach: Reach
    clocked: tuple[tuple[str, Calendar], ...]


@lru_cache(maxsize=1024)
def _prepared(rule: Rule) -> _Prepared:
    return _Prepared(compile_rule(rule), rule.body(), uses_of(rule), reach_of(rule), _clocked(rule))


class _Layout:
    """One city's series as rules ask for them; what several ask for is the same object.

    Args:
        city: the city.
        rows: of its series, in natural-key order.
        zones: its zones.
        table: the shard's series.
    """

    def __init__(
        self, city: CityRow, rows: list[int], zones: Sequence[str], table: SeriesTable
    ) -> None:
        self._city, self._rows, self._zones, self._table = city, rows, zones, table
        self._eligible: dict[object, list[int]] = {}
        self._feeds: dict[object, NDArray[np.bool_]] = {}
        self._places: dict[object, dict[str, list[tuple[int, int, int]]]] = {}
        self._members: dict[object, Members] = {}
        self._joint: dict[object, tuple[Stations, Contributing]] = {}

    def feeds(self, one: Input) -> list[int]:
        """Rows of the quantity an input names whose kind has the statistic it asks for."""
        key = _asks_for(one)
        if key not in self._eligible:
            quantity, kinds = key
            self._eligible[key] = [
                row
                for row in self._rows
                if self._table.series[row].key.quantity == quantity
                and self._table.series[row].declarations[-1].kind in kinds
            ]
        return self._eligible[key]

    def plan(self, rule: Rule, before: AbstractSet[str]) -> RulePlan:
        """A rule in the city, and in the zones of which it said something before."""
        own = _prepared(rule)
        asked = [_asks_for(one) for one in rule.inputs]
        placed_in = [self._placed(one) for one in rule.inputs]
        said = {zone for found in placed_in for zone in found} if rule.inputs else self._zones
        groups = tuple(sorted({"", *said, *before}))
        members = tuple(
            self._members_of(key, groups, found)
            for key, found in zip(asked, placed_in, strict=True)
        )
        stations, contributing = self._joint_of((*asked, groups), members, len(groups))
        return RulePlan(
            rule=rule,
            compiled=own.compiled,
            body=own.body,
            city=self._city,
            groups=groups,
            members=members,
            scales=tuple(
                _scales(one, found, self._table)
                for one, found in zip(rule.inputs, members, strict=True)
            ),
            stations=stations,
            contributing=contributing,
            uses=own.uses,
            reach=own.reach,
            clocked=own.clocked,
            watched=str(rule.domain) if rule.inputs else EVERY_DOMAIN,
            feeds=self._feeding(rule),
        )

    def _feeding(self, rule: Rule) -> NDArray[np.bool_]:
        key = tuple(_asks_for(one) for one in rule.inputs)
        if key not in self._feeds:
            feeds = np.zeros(len(self._table), np.bool_)
            for one in rule.inputs:
                feeds[self.feeds(one)] = True
            if not rule.inputs:
                feeds[self._rows] = True
            self._feeds[key] = feeds
        return self._feeds[key]

    def _placed(self, one: Input) -> dict[str, list[tuple[int, int, int]]]:
        """Rows and times by zone, '' being the city."""
        key = _asks_for(one)
        if key not in self._places:
            found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
            for row in self.feeds(one):
                found[""].append((row, -FOR_EVER, FOR_EVER))
                for zone, since, until in placed(self._table.series[row]):
                    found[zone].append((row, since, until))
            self._places[key] = found
        return self._places[key]

    def _members_of(
        self,
        key: object,
        groups: tuple[str, ...],
        found: Mapping[str, list[tuple[int, int, int]]],
    ) -> Members:
        if (key, groups) not in self._members:
            made = members_of([found.get(group, []) for group in groups])
            self._members[key, groups] = made
        return self._members[key, groups]

    def _joint_of(
        self, key: object, members: Sequence[Members], groups: int
    ) -> tuple[Stations, Contributing]:
        if key not in self._joint:
            self._joint[key] = (
                stations_of(members, self._table, groups),
                contributing_of(members, self._table, groups),
            )
        return self._joint[key]


def _asks_for(one: Input) -> tuple[str, frozenset[Kind]]:
    """A quantity, and the kinds whose readings have the statistic that an input asks for."""
    statistic = one.levels[0].statistic if one.levels else one.statistic
    return one.quantity, frozenset(_KINDS[statistic])


def _scales(one: Input, found: Members, table: SeriesTable) -> Floats:
    if one.scale is not None:
        return np.full(len(found.rows), one.scale)
    return np.array([_scale(one, table.series[row]) for row in found.rows.tolist()], np.float64)


def _scale(one: Input, series: SeriesRow) -> float:
    """From canonical numbers of a series to the unit that an input sees them in."""
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


def _watchers(
    table: SeriesTable, rules: Sequence[Rule]
) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """Gateways by city, zone and domain: their sensors' own, and that of rules they feed."""
    used: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for one in rule.inputs:
            used[one.quantity].add(rule.domain)
    found: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    domains: dict[tuple[str, str], set[str]] = {}
    for series in table.series:
        zone = series.placements[-1][1] if series.placements else None
        kind = series.domain, series.key.quantity
        if kind not in domains:
            domains[kind] = {series.domain, *used[series.key.quantity], EVERY_DOMAIN}
        for domain in domains[kind]:
            found[series.key.city, "", domain].add(series.gateway)
            if zone:
                found[series.key.city, zone, domain].add(series.gateway)
    return {key: tuple(sorted(gateways)) for key, gateways in found.items()}


def _patience(table: SeriesTable) -> dict[int, float]:
    found: dict[int, float] = defaultdict(float)
    for series in table.series:
        newest = series.declarations[-1]
        slowest = max(newest.reporting_s, newest.period_s)
        found[series.gateway] = max(found[series.gateway], 3 * slowest)
    return dict(found)
