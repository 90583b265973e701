"""A shard's dated figures, as each rule sees them. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aggregator.plan import RulePlan
from cityvitals.domain.facts import POPULATION
from cityvitals.domain.times import EARLIEST_US, from_us
from cityvitals.store.model import FactRow
from kpi_rules.facts import in_unit, uses_of, weights_by_population
from kpi_rules.model import FactUse

FactKey = tuple[str, str, str]
"""City, zone ('' is the city), name."""
Figures = dict[FactKey, tuple[list[int], list[float]]]
"""When each value of a fact begins to hold, ascending, and the values, in a rule's units."""


class Facts:
    """The figures that are stated now; made anew whenever the model is.

    Bounded by the facts of the shard's cities, times the rules that use each.

    Args:
        rows: oldest first within each key.
    """

    def __init__(self, rows: Iterable[FactRow] = ()) -> None:
        self._rows: dict[FactKey, list[FactRow]] = defaultdict(list)
        self._by_id: dict[int, FactRow] = {}
        self._seen: dict[tuple[str, str], Figures] = {}
        for row in rows:
            self._rows[row.city, row.zone, row.name].append(row)
            self._by_id[row.id] = row

    def of(self, plan: RulePlan) -> Figures:
        """A rule's facts for all its zones: in its units, the city's where it says `of_city`."""
        key = (plan.city.id, plan.rule.id)
        if key not in self._seen:
            self._seen[key] = self._figures(plan)
        return self._seen[key]

    def _figures(self, plan: RulePlan) -> Figures:
        found: Figures = {}
        for use in uses_of(plan.rule):
            for zone in {"", *plan.groups}:
                rows = self._stated(plan, use, zone)
                if rows:
                    values = [in_unit(row.value, row.unit, use.unit) for row in rows]
                    found[plan.city.id, zone, use.name] = ([row.from_us for row in rows], values)
        return found

    def used(self, plan: RulePlan, zone: str, begin_us: int, end_us: int) -> list[int] | None:
        """Ids of the facts that a rule uses for a zone in a window.

        Those in force in its last instant; of facts whose values it sees, all that are dated within
        it. None of a rule that uses none. A mean weighted by population takes that of every zone.
        """
        if not uses_of(plan.rule):
            return None
        ids = [
            row.id
            for rows, all_of_them in self._sources(plan, zone)
            for row in _taken(rows, begin_us if all_of_them else None, end_us)
        ]
        return list(dict.fromkeys(ids))

    def _sources(self, plan: RulePlan, zone: str) -> Iterator[tuple[Sequence[FactRow], bool]]:
        """The rows of each fact, and whether all that are dated within a window are used."""
        for use in plan.rule.facts:
            yield self._stated(plan, use, zone), use.values
        if not zone and weights_by_population(plan.rule):
            for (city, each, name), rows in self._rows.items():
                if (city, name) == (plan.city.id, POPULATION) and each:
                    yield rows, False

    def _stated(self, plan: RulePlan, use: FactUse, zone: str) -> Sequence[FactRow]:
        place = "" if use.of_city else zone
        return self._rows.get((plan.city.id, place, use.name), ())

    def rows(self, ids: Iterable[int] | None) -> list[FactRow]:
        """Facts by their ids."""
        return [self._by_id[one] for one in ids or ()]


def _taken(rows: Sequence[FactRow], begin_us: int | None, end_us: int) -> Sequence[FactRow]:
    """Rows that are dated from a begin on and before an end, or the one in force there."""
    last = bisect_left(rows, end_us, key=_since)
    if begin_us is None:
        return rows[max(last - 1, 0) : last]
    return rows[bisect_left(rows, begin_us, key=_since) : last]


def _since(row: FactRow) -> int:
    return row.from_us


def as_shown(row: FactRow) -> dict[str, Any]:
    """A fact by the names that `kpi_rules.present` knows it by."""
    since = None if row.from_us <= EARLIEST_US else from_us(row.from_us)
    return {
        "id": row.id,
        "zone": row.zone,
        "name": row.name,
        "value": row.value,
        "unit": row.unit,
        "valid_from": since,
        "source": row.source,
        "quality": row.quality,
    }
