"""A changed rule over a city's stored rollups, by the interpreter that `verify` recomputes with.

Nothing is written. Memory is bounded: a portion's rollups of the series that feed the rule, and the
stored windows that begin in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cityvitals.domain.arrays import ROLLUP, Records, empty
from cityvitals.domain.times import BUCKET_US, EARLIEST_US, bucket_of
from cityvitals.store.audit import Audit, AuditCity
from cityvitals.verify.able import unable
from cityvitals.verify.city import (
    WINDOWS_AT_ONCE,
    Model,
    by_series,
    placed_zones,
    read_model,
    stations_of,
)
from cityvitals.verify.edges import Cutting, Windows
from cityvitals.verify.effect import Effect, add_zone
from cityvitals.verify.figures import figures_of
from cityvitals.verify.layers import frames, overlap, reach_back, windows_of
from cityvitals.verify.newest import newest_partials
from cityvitals.verify.stations import feeds, keep
from cityvitals.verify.values import expect
from kpi_rules.built import unbuilt
from kpi_rules.model import Rule

_CELLS: Final = 1_000_000
"""Rollups in memory at once, some 100 bytes each, unless a single window has more."""

Bodies = Mapping[int, Mapping[str, Any]]
"""What the stored rule said, by revision."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which windows are looked at: those that begin in [since, until), microseconds."""

    since_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class _Work:
    """One rule in one city.

    Attributes:
        series: that feed it.
        newest: what no rollup holds yet of them.
    """

    audit: Audit
    model: Model
    rule: Rule
    zones: list[str]
    series: list[int]
    bodies: Bodies
    newest: Mapping[int, Records]


async def effect_of(
    audit: Audit, city: AuditCity, rule: Rule, bodies: Bodies, scope: Scope, tell: Tell
) -> Effect | None:
    """What a changed rule would do to a city's history; None where it has nothing to do with it.

    Args:
        audit: the snapshot.
        city: which.
        rule: the changed one.
        bodies: what is stored of it.
        scope: which windows are looked at.
        tell: takes how far it has come, for a person.

    Raises:
        StoreUnavailable: the server went away.
    """
    effect = Effect(rule.id, rule.revision, city.id)
    model = await read_model(city, audit, await audit.series_alone(city.id))
    series = [
        each.id
        for each in model.series
        if any(feeds(one, each, model.declared.get(each.id, [])) for one in rule.inputs)
    ]
    reach = await audit.reach(city.id, rule.id, series)
    if reach is None:
        return None
    effect.note = unbuilt(rule) or unable(rule)
    if effect.note:
        effect.note = f"nobody can tell: {effect.note}"
        return effect
    zones = sorted({"", *await audit.zones(city.id), *placed_zones(model)})
    seen = replace(model, facts=figures_of(rule, model.facts, zones))
    newest = await newest_partials(audit, model, series)
    work = _Work(audit, seen, rule, zones, series, bodies, newest)
    known = max([reach[1], *(int(rows["bucket"][-1]) for rows in newest.values())]) + BUCKET_US
    low = max(reach[0] - _longest(rule), scope.since_us, city.sealed_us + reach_back(rule))
    low, high = bucket_of(low), min(known, scope.until_us)
    for begin, end in _portions(low, high, _span(rule, len(series))):
        tell(f"{city.id}: {rule.id}: {100 * (begin - low) // max(high - low, 1)} %")
        await _portion(work, begin, end, known, effect)
    return effect


def _span(rule: Rule, series: int) -> int:
    """How long a portion of history is."""
    most = _CELLS // max(series, 1) * BUCKET_US
    return max(most - reach_back(rule) - overlap(rule), _longest(rule))


def _longest(rule: Rule) -> int:
    """No window of a rule is longer, microseconds."""
    return Cutting(rule.window.length, rule.window.clock, "", "").reach


def _portions(low: int, high: int, span: int) -> Iterator[tuple[int, int]]:
    for begin in range(low, high, span):
        yield begin, min(begin + span, high)


async def _portion(work: _Work, begin: int, end: int, known_us: int, effect: Effect) -> None:
    """Compare the windows that begin in [begin, end)."""
    city, rule = work.model.city, work.rule
    stored = await work.audit.newest_between(city.id, rule.id, work.zones, begin, end)
    windows = windows_of(rule, city.time_zone, np.arange(begin, end, BUCKET_US))
    windows = windows.those((windows.begins >= begin) & (windows.begins < end))
    model = await _folded(work, windows)
    stations = stations_of(model, rule)
    at_once = max(WINDOWS_AT_ONCE // max(len(model.series), 1), 1)
    whole = tuple(frames(rule, windows, city.time_zone, at_once))
    city_has = expect(whole, "", stations, model.facts)
    for number, zone in enumerate(work.zones):
        mine = stored[stored["zone"] == number]
        expected = expect(whole, zone, stations, model.facts) if zone else city_has
        open_ones = mine["begin"][~mine["closed"]]
        there = expected["placed"] & city_has["spoken"] & ~np.isin(expected["begin"], open_ones)
        # What is not stored would be new only if it were final by now.
        there &= (expected["end"] <= known_us) | np.isin(expected["begin"], mine["begin"])
        there |= np.isin(expected["begin"], mine["begin"][mine["closed"]])
        add_zone(effect, rule, zone, mine[mine["closed"]], expected[there], work.bodies)


async def _folded(work: _Work, windows: Windows) -> Model:
    """The city with the rollups that these windows reach."""
    found: dict[int, Records] = {}
    if len(windows.begins) and work.series:
        low = int(windows.begins.min()) - reach_back(work.rule)
        high = int(windows.ends.max()) + overlap(work.rule)
        cells = await work.audit.cells(work.series, max(low, EARLIEST_US), high)
        found = by_series(cells)
    nothing = empty(ROLLUP)
    folded = {one: keep(found.get(one, nothing)) for one in work.series}
    for one, rows in work.newest.items():
        folded[one] = np.concatenate([folded[one], rows])
    return replace(work.model, folded=folded)
