"""What it takes to explain one stored indicator: read in one snapshot, told afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cityvitals.domain.arrays import ROLLUP, Records, empty
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from cityvitals.errors import CannotExplain
from cityvitals.store.audit import Audit, AuditCity
from cityvitals.verify.able import unable
from cityvitals.verify.city import Model, by_series, placed_zones, read_model, stations_of
from cityvitals.verify.edges import Windows
from cityvitals.verify.explain import Telling, explain
from cityvitals.verify.figures import figures_of
from cityvitals.verify.fold import fold, span
from cityvitals.verify.layers import EVER, frame, overlap, reach_back, windows_of
from cityvitals.verify.newest import reach
from cityvitals.verify.stations import feeds, keep
from cityvitals.verify.values import gather
from kpi_rules.built import unbuilt
from kpi_rules.facts import weights_by_population
from kpi_rules.model import Rule

MOST_CELLS: Final = 4_000_000
"""Quarter hours of stations in memory at once, some 100 bytes each."""
_HOLDS: Final = 2
"""A reading covers at most so many of its reporting intervals or periods, and no more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which window of a rule is explained, in microseconds.

    Attributes:
        zone: '' is the city.
        mark_us: the watermark that an open window was derived at; None for a closed one.
        sensor: whose levels and quarter hours are told, too; "" for nobody's.
    """

    zone: str
    begin_us: int
    end_us: int
    mark_us: int | None
    sensor: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """All that an explanation takes, read: `told` does no more I/O."""

    rule: Rule
    asked: Asked
    model: Model
    window: Windows

    def told(self, facts: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
        """The explanation; `facts` are those in force, as they are shown, by id."""
        rule, model, asked = self.rule, self.model, self.asked
        mark = EVER if asked.mark_us is None else asked.mark_us
        cut = frame(rule, self.window, model.city.time_zone, mark)
        group = gather(cut, asked.zone, stations_of(model, rule), model.facts)
        series = {one.id: one for one in model.series}
        return explain(Telling(cut, model.facts, series, facts, asked.sensor), group)

    def fact_ids(self) -> set[int]:
        """The facts that may be named."""
        return {row.id for row in self.model.facts}


async def read_material(audit: Audit, city: AuditCity, rule: Rule, asked: Asked) -> Material:
    """Read what an explanation takes.

    Raises:
        CannotExplain: by name, why not.
        StoreUnavailable: the server went away.
    """
    if reason := unbuilt(rule) or unable(rule):
        raise CannotExplain(f"rule {rule.id} cannot be recomputed: {reason}")
    window = _window(rule, city, asked)
    model = await read_model(city, audit, await audit.series_alone(city.id))
    series = _feeding(rule, model, asked)
    low, high = asked.begin_us - reach_back(rule), asked.end_us + overlap(rule)
    cells = len(series) * (high - low) // BUCKET_US
    if cells > MOST_CELLS:
        raise CannotExplain(
            f"this window takes {cells} quarter hours of {len(series)} series, and no more than "
            f"{MOST_CELLS} are read at once: ask for a zone of its own"
        )
    folded = await _folded(audit, model, series, max(low, EARLIEST_US), high)
    zones = {"", asked.zone, *placed_zones(model)}
    facts = figures_of(rule, model.facts, zones)
    return Material(rule, asked, replace(model, folded=folded, facts=facts), window)


def _window(rule: Rule, city: AuditCity, asked: Asked) -> Windows:
    found = windows_of(rule, city.time_zone, np.array([asked.begin_us], np.int64))
    found = found.those((found.begins == asked.begin_us) & (found.ends == asked.end_us))
    if not len(found.begins):
        raise CannotExplain(f"rule {rule.id} revision {rule.revision} has no such window any more")
    return found


def _feeding(rule: Rule, model: Model, asked: Asked) -> list[int]:
    """The series that matter: those that feed the rule and ever stood in the zone."""
    everywhere = not asked.zone or weights_by_population(rule)
    return [
        each.id
        for each in model.series
        if (everywhere or asked.zone in model.placed.get(each.sensor_id, {}))
        and any(feeds(one, each, model.declared.get(each.id, [])) for one in rule.inputs)
    ]


async def _folded(
    audit: Audit, model: Model, series: Sequence[int], low: int, high: int
) -> dict[int, Records]:
    """Partials (KEPT) of series in [low, high): rollups, and what none holds yet from readings."""
    found = by_series(await audit.cells(series, low, high))
    nothing = empty(ROLLUP)
    folded = {one: keep(found.get(one, nothing)) for one in series}
    newest = await _newest(audit, model, series, low, high)
    for one, rows in newest.items():
        folded[one] = np.concatenate([folded[one], rows])
    return folded


async def _newest(
    audit: Audit, model: Model, series: Sequence[int], low: int, high: int
) -> dict[int, Records]:
    """Partials (KEPT) in [low, high) behind the last rollup of each series, from readings."""
    last = await audit.last_buckets(series)
    since = {
        one: max(at + BUCKET_US, low) - reach(model.declared.get(one, []))
        for one, at in last.items()
        if at + BUCKET_US < high
    }
    quantities = {one.id: one.quantity for one in model.series}
    found = {}
    for one, rows in by_series(await audit.readings_since(since)).items():
        folded = fold(span(rows, model.declared[one], quantities[one]), one)
        bucket = folded["bucket"]
        found[one] = keep(folded[(bucket > last[one]) & (bucket >= low) & (bucket < high)])
    return found
