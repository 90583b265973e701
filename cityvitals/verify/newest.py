"""Quarter hours that no rollup holds yet, since they are still open: folded from readings."""

from collections.abc import Sequence
from typing import Final

from cityvitals.domain.arrays import Records
from cityvitals.domain.names import Kind
from cityvitals.domain.times import BUCKET_US, US
from cityvitals.store.audit import Audit, DeclaredRow
from cityvitals.verify.city import Model, by_series
from cityvitals.verify.fold import DAY, fold, span
from cityvitals.verify.stations import keep

_HOLDS: Final = 2
"""A reading covers at most so many of its reporting intervals or periods, and no more."""


async def newest_partials(audit: Audit, model: Model, series: Sequence[int]) -> dict[int, Records]:
    """Partials (KEPT) behind the last rollup of each series that has any.

    Bounded: as many quarter hours as a series' newest reading can cover, unless the aggregator is
    behind.

    Raises:
        StoreUnavailable: the server went away.
    """
    last = await audit.last_buckets(series)
    since = {one: last[one] - reach(model.declared.get(one, [])) for one in series}
    readings = by_series(await audit.readings_since(since))
    quantities = {one.id: one.quantity for one in model.series}
    found = {}
    for one, rows in readings.items():
        folded = fold(span(rows, model.declared[one], quantities[one]), one)
        found[one] = keep(folded[folded["bucket"] > last[one]])
    return {one: rows for one, rows in found.items() if len(rows)}


def reach(declared: Sequence[DeclaredRow]) -> int:
    """How far before a quarter hour a reading can lie that enters into it."""
    longest = max((max(row.reporting_s, row.period_s) for row in declared), default=0.0)
    counts = any(row.kind == Kind.COUNTER for row in declared)
    return BUCKET_US + max(round(_HOLDS * longest * US), DAY * counts)
