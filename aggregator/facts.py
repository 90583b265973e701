"""A shard's dated figures, as each rule sees them. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.pieces import Spans, distinct, of_texts
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from cityvitals.domain.facts import POPULATION
from cityvitals.domain.times import EARLIEST_US, from_us
from cityvitals.store import fields
from cityvitals.store.model import FactRow
from kpi_rules.facts import in_unit, weights_by_population
from kpi_rules.model import FactUse
from kpi_rules.present import present_fact

FactKey = tuple[str, str, str]
"""City, zone ('' is the city), name."""
_TEXTS: Final = 50_000
"""So many lists of facts are kept as JSON; then all are forgotten."""


class Used(NamedTuple):
    """The facts that some windows and groups use.

    Attributes:
        ids: of each, in lists [w, g].
        kind: which of the texts is of each [w, g].
        fields: what there is of such lists, as a field of a row. texts: the same as JSON.
    """

    ids: NDArray[np.object_]
    kind: Ints
    fields: Spans
    texts: Spans


Figures = dict[FactKey, tuple[list[int], list[float]]]
"""When each value of a fact begins to hold, ascending, and the values, in a rule's units."""


class Facts:
    """The figures that are stated now; made anew whenever the model is.

    Bounded by the facts of the shard's cities, times the rules that use each; for each rule, those
    of the windows that were asked for last; and by `_TEXTS`.

    Args:
        rows: oldest first within each key.
    """

    def __init__(self, rows: Iterable[FactRow] = ()) -> None:
        self._rows: dict[FactKey, list[FactRow]] = defaultdict(list)
        self._by_id: dict[int, FactRow] = {}
        self._seen: dict[tuple[str, str], Figures] = {}
        self._used: dict[tuple[str, str], tuple[tuple[str, ...], bytes, Used]] = {}
        self._as_shown: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, ...], bytes] = {}
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
        for use in plan.uses:
            for zone in {"", *plan.groups}:
                rows = self._stated(plan, use, zone)
                if rows:
                    values = [in_unit(row.value, row.unit, use.unit) for row in rows]
                    found[plan.city.id, zone, use.name] = ([row.from_us for row in rows], values)
        return found

    def used(self, plan: RulePlan, begins: Ints, ends: Ints) -> Used | None:
        """The facts that a rule uses for each window and group.

        Those in force in the window's last instant; of facts whose values it sees, all that are
        dated within it. None of a rule that uses none. A mean weighted by population takes that of
        every zone.
        """
        if not plan.uses:
            return None
        key, asked = (plan.city.id, plan.rule.id), begins.tobytes() + ends.tobytes()
        if key not in self._used or self._used[key][:2] != (plan.groups, asked):
            ids = self._find_used(plan, begins, ends)
            self._used[key] = (plan.groups, asked, self.told(ids))
        return self._used[key][2]

    def told(self, ids: NDArray[np.object_]) -> Used:
        """Lists of ids [w, g] with their texts."""
        kinds, kind = distinct(map(tuple, ids.reshape(-1).tolist()))
        return Used(
            ids=ids,
            kind=kind.reshape(ids.shape),
            fields=of_texts([fields.int8s_field(one) for one in kinds]),
            texts=of_texts([self.as_json(one) for one in kinds]),
        )

    def _find_used(self, plan: RulePlan, begins: Ints, ends: Ints) -> NDArray[np.object_]:
        found: NDArray[np.object_] = np.empty((len(ends), len(plan.groups)), object)
        for g, zone in enumerate(plan.groups):
            sources = list(self._sources(plan, zone))
            for w, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
                found[w, g] = _taken(sources, begin, end)
        return found

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

    def as_json(self, ids: tuple[int, ...]) -> bytes:
        """Facts by their ids, as answers show them."""
        if ids not in self._texts:
            if len(self._texts) >= _TEXTS:
                self._texts.clear()
            self._texts[ids] = msgspec.json.encode([self._shown(one) for one in ids])
        return self._texts[ids]

    def _shown(self, number: int) -> dict[str, Any]:
        if number not in self._as_shown:
            self._as_shown[number] = present_fact(as_shown(self._by_id[number]))
        return self._as_shown[number]


def _taken(
    sources: Iterable[tuple[Sequence[FactRow], bool]], begin_us: int, end_us: int
) -> list[int]:
    """Of each source the newest fact before an end, or all from a begin to there; each once."""
    found: list[int] = []
    for rows, all_of_them in sources:
        last = bisect_left(rows, end_us, key=_since)
        first = bisect_left(rows, begin_us, key=_since) if all_of_them else max(last - 1, 0)
        found += [row.id for row in rows[first:last]]
    return list(dict.fromkeys(found))


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
