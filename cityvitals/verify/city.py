"""One city: read, fold, derive, compare."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np

from cityvitals.domain.arrays import ROLLUP, Records, empty
from cityvitals.domain.times import EARLIEST_US
from cityvitals.domain.window import DAY_US, longest_us
from cityvitals.store.audit import (
    Audit,
    AuditCity,
    AuditSeries,
    DeclaredRow,
    FigureRow,
    LogRow,
)
from cityvitals.verify import books, indicators, rollups
from cityvitals.verify.able import unable
from cityvitals.verify.alerts import verify_alerts
from cityvitals.verify.books import Busy
from cityvitals.verify.edges import Windows
from cityvitals.verify.figures import figures_of, verify_warrants
from cityvitals.verify.fold import fold, open_from, span
from cityvitals.verify.layers import EVER, frame, frames, overlap, reach_back, windows_of
from cityvitals.verify.report import Findings
from cityvitals.verify.scales import scale_of
from cityvitals.verify.stations import Station, feeds, keep, stretches_by_zone, zones_of
from cityvitals.verify.values import Stations, expect
from kpi_rules.model import Input, Rule

_AT_ONCE: Final = 1_000_000
"""Readings in memory at once, unless one series has more; each time the table is scanned once.
Rollups, of which an interval gives several, come in smaller steps: they have an index."""
WINDOWS_AT_ONCE: Final = 4_000_000
"""Windows of stations in memory at once: some 50 bytes each, more where levels lie in them."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Model:
    """What a city's recomputing needs beside readings.

    Bounded: 32 bytes for each bucket of the city, in `folded` (KEPT).
    """

    city: AuditCity
    series: tuple[AuditSeries, ...]
    declared: dict[int, list[DeclaredRow]]
    placed: dict[int, dict[str, tuple[tuple[int, int], ...]]]
    facts: tuple[FigureRow, ...]
    folded: dict[int, Records] = field(default_factory=dict)


async def verify_city(
    audit: Audit,
    city: AuditCity,
    rules: Sequence[Rule],
    log: Sequence[LogRow],
    out: Findings,
    *,
    settled: bool,
) -> None:
    """Recompute all that is derived for a city, and compare.

    Args:
        audit: the snapshot.
        city: which.
        rules: all definitions.
        log: how far the aggregator has come.
        out: takes the findings.
        settled: whether windows behind the watermark must be closed.

    Raises:
        StoreUnavailable: the server went away.
    """
    model = await read_model(city, audit, await audit.series(city.id))
    await _verify_books(audit, model, out)
    await _verify_rollups(audit, model, out)
    zones = sorted({"", *await audit.zones(city.id), *placed_zones(model)})
    busy = Busy() if settled else books.busy(log, city.shard)
    for rule in rules:
        if reason := unable(rule):
            out.notes.append(f"{city.id}: {rule.id} cannot be recomputed, not checked: {reason}")
            continue
        _progress(f"{city.id}: {rule.id}")
        seen = replace(model, facts=figures_of(rule, model.facts, zones))
        await _verify_rule(audit, seen, rule, zones, out, settled=settled, busy=busy)
        await verify_warrants(audit, city, rule, model.facts, out)
    await verify_alerts(audit, city, rules, out)
    gone = sorted(set(await audit.rules(city.id)) - {rule.id for rule in rules})
    if gone:
        out.notes.append(f"{city.id}: no such rules any more, not checked: {', '.join(gone)}")
    if entries := books.waiting(log, city.shard):
        out.notes.append(
            f"{city.id}: {entries} log entries are not taken yet: differences may be work to come"
        )
    if windows := sum(books.busy(log, city.shard)):
        out.notes.append(
            f"{city.id}: {windows} windows are not derived yet: differences may be work to come"
        )


async def read_model(city: AuditCity, audit: Audit, series: Sequence[AuditSeries]) -> Model:
    """What is known of a city, with nothing folded yet.

    Raises:
        StoreUnavailable: the server went away.
    """
    placements = _by(await audit.placements(city.id), lambda row: row.sensor)
    return Model(
        city=city,
        series=tuple(series),
        declared=_by(await audit.declarations(city.id), lambda row: row.series),
        placed={sensor: stretches_by_zone(rows) for sensor, rows in placements.items()},
        facts=tuple(await audit.facts(city.id)),
    )


def _by(rows: Iterable[Row], key: Callable[[Row], int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def placed_zones(model: Model) -> set[str]:
    """Where sensors stand or once stood."""
    return {zone for places in model.placed.values() for zone in places}


async def _verify_books(audit: Audit, model: Model, out: Findings) -> None:
    city = model.city
    readings = sum(series.readings for series in model.series)
    ledger, beside = await audit.ledger(city.id), await audit.revision_count(city.id)
    books.check_ledger(city, ledger, readings, beside, out)
    numbers, doubled = await audit.changes(city.id), await audit.double_numbers(city.id)
    books.check_changes(city, numbers, doubled, out)


async def _verify_rollups(audit: Audit, model: Model, out: Findings) -> None:
    done, total = 0, sum(series.readings for series in model.series)
    for group in _groups(model.series, _AT_ONCE):
        ids = [series.id for series in group]
        readings = by_series(await audit.readings(ids, model.city.dropped_us))
        for part in _groups(group, _AT_ONCE // 16):
            stored = by_series(await audit.rollups([series.id for series in part]))
            for series in part:
                rows = stored.get(series.id, empty(ROLLUP))
                _verify_series(model, series, readings.pop(series.id, None), rows, out)
        done += sum(series.readings for series in group)
        _progress(f"{model.city.id}: {done} of {total} readings folded")


def _groups(series: Iterable[AuditSeries], most: int) -> Iterator[list[AuditSeries]]:
    """Whole series, together at most so many readings where that can be."""
    group: list[AuditSeries] = []
    held = 0
    for one in sorted(series, key=lambda each: each.id):
        if group and held + one.readings > most:
            yield group
            group, held = [], 0
        group.append(one)
        held += one.readings
    if group:
        yield group


def by_series(records: Records) -> dict[int, Records]:
    """Records in order of their series, apart."""
    field_name = "series"
    ids, starts = np.unique(records[field_name], return_index=True)
    parts = np.split(records, starts[1:])
    return dict(zip(ids.tolist(), parts, strict=False))


def _verify_series(
    model: Model, series: AuditSeries, readings: Records | None, stored: Records, out: Findings
) -> None:
    name = f"{series.city}/{series.sensor}/{series.quantity}/{series.channel}".rstrip("/")
    folded, open_us = empty(ROLLUP), EVER
    if readings is not None:
        declared = model.declared.get(series.id)
        if not declared:
            out.check("series", name, "declaration", "none", "one")
            return
        _check_keys(name, readings, out)
        spans = span(readings, declared, series.quantity)
        folded, open_us = fold(spans, series.id), open_from(spans)
    model.folded[series.id] = keep(folded)
    rollups.compare(name, stored, folded, model.city.sealed_us, open_us, out)


def _check_keys(name: str, readings: Records, out: Findings) -> None:
    """(series, observed_at) is the natural key."""
    twice = int((readings["t"][1:] == readings["t"][:-1]).sum())
    out.check("reading", name, "several at one time", twice, 0)


async def _verify_rule(
    audit: Audit,
    model: Model,
    rule: Rule,
    zones: Sequence[str],
    out: Findings,
    *,
    settled: bool,
    busy: Busy,
) -> None:
    stored = await audit.indicators(model.city.id, rule.id, zones)
    latest = await audit.latest(model.city.id, rule.id, zones)
    stations = stations_of(model, rule)
    held = np.unique(
        np.concatenate([stored["begin"], latest["begin"], *_buckets(stations)]).astype(np.int64)
    )
    if not len(held):
        return
    time_zone, sealed = model.city.time_zone, model.city.sealed_us + reach_back(rule)
    at_once = max(WINDOWS_AT_ONCE // max(len(model.series), 1), 1)
    windows = windows_of(rule, time_zone, held)
    if not rule.inputs:  # of facts alone: others that overlap these may lie before all readings
        windows = windows.those(np.isin(windows.begins, held))
    whole = tuple(frames(rule, windows, time_zone, at_once))
    city_has = expect(whole, "", stations, model.facts)
    city_mark = _watermark(stored[stored["zone"] == zones.index("")], int(held[-1]))
    for number, zone in enumerate(zones):
        place = indicators.Place(model.city.id, rule.id, rule.revision, zone, sealed)
        mine, newest = stored[stored["zone"] == number], latest[latest["zone"] == number]
        expected = expect(whole, zone, stations, model.facts) if zone else city_has
        # A later revision may say that facts were withdrawn, or that no station stands there.
        revised = mine["begin"][mine["revision"] > 1]
        expected["placed"] |= np.isin(expected["begin"], revised)
        # The city waits for all gateways, so no zone is behind it.
        mark = max(city_mark, _watermark(np.concatenate([mine, newest]), city_mark))
        work = _Zone(place, rule, windows, stations, model.facts, time_zone, mark, busy)
        work.verify(mine, newest, expected, city_has, mark, out)
        if settled:
            heard = mine[np.isin(mine["begin"], city_has["begin"][city_has["spoken"]])]
            behind = mark - overlap(rule)
            indicators.check_closed(place, indicators.newest(heard), behind, out)


def stations_of(model: Model, rule: Rule) -> Stations:
    """The stations of each input, by zone."""
    return {one.name: _feeding(model, one) for one in rule.inputs}


def _feeding(model: Model, one: Input) -> dict[str, list[Station]]:
    def declared(series: AuditSeries) -> list[DeclaredRow]:
        return model.declared.get(series.id, [])

    return zones_of(
        [
            each
            for each in model.series
            if each.id in model.folded and feeds(one, each, declared(each))
        ],
        model.placed,
        model.folded,
        lambda series: scale_of(one, declared(series)),
    )


def _buckets(stations: Stations) -> list[Any]:
    return [one.folded["bucket"] for zones in stations.values() for one in zones.get("", ())]


def _watermark(rows: Records, otherwise: int) -> int:
    """Up to where windows must have been derived, by what the rows themselves say."""
    if not len(rows):
        return otherwise
    marks = rows["watermark"]
    return EVER if (marks == EARLIEST_US).any() else int(marks.max())


@dataclass(frozen=True, slots=True)
class _Zone:
    """One rule in one zone."""

    place: indicators.Place
    rule: Rule
    windows: Windows
    stations: Stations
    facts: tuple[FigureRow, ...]
    time_zone: str
    due_us: int
    busy: Busy

    def verify(
        self,
        stored: Records,
        latest: Records,
        expected: Records,
        city_has: Records,
        watermark_us: int,
        out: Findings,
    ) -> None:
        """Compare all rows (INDICATOR) with what they should be (EXPECTED, of whole windows)."""
        newest = indicators.newest(stored)
        heard = city_has["spoken"]
        indicators.compare_newest(self.place, newest, latest, expected, heard, out)
        have = np.concatenate([newest["begin"], latest["begin"]])
        needed = expected[expected["placed"] & city_has["spoken"]]
        if self._lags or self.busy.waiting:
            due = (needed["end"] <= self.due_us) & (not any(self.busy))
            behind = ~np.isin(needed["begin"], have) & ~due
            out.tally(indicators.NEWEST).open += int(behind.sum())
            needed = needed[~behind]
        indicators.compare_windows(self.place, have, needed, watermark_us, out)
        indicators.check_history(self.place, stored, out)
        indicators.check_latest(self.place, newest, latest, out)
        if len(latest) and latest["begin"][0] >= self.place.sealed_us:
            if (self._lags or self.busy.waiting) and not latest["closed"][0]:
                out.tally(indicators.LATEST).open += 1
                return
            right = expected if latest["closed"][0] else self._so_far(latest)
            right["placed"] |= np.isin(right["begin"], latest["begin"][latest["revision"] > 1])
            indicators.compare(indicators.LATEST, self.place, latest, right, out)

    @property
    def _lags(self) -> bool:
        """Whether its open windows are derived now and then only (ADR 31)."""
        return longest_us(str(self.rule.window.length)) > 2 * DAY_US

    def _so_far(self, latest: Records) -> Records:
        """What an open window should be at the watermark that its row carries."""
        window = self.windows.those(self.windows.begins == latest["begin"][0])
        mark = int(latest["watermark"][0])
        upto = EVER if mark == EARLIEST_US else mark
        so_far = frame(self.rule, window, self.time_zone, upto)
        return expect([so_far], self.place.zone, self.stations, self.facts)


def _progress(text: str) -> None:
    """Tell a person that it goes on."""
    sys.stderr.write(f"verify: {text}\n")
    sys.stderr.flush()
