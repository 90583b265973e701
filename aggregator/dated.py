"""Facts that a rule sees as a series: all figures that are dated within a window. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from aggregator.facts import FactKey
from aggregator.plan import RulePlan
from aggregator.program import Floats, SeriesOf
from aggregator.series_table import Ints
from kpi_rules.model import FactUse

Held = Mapping[FactKey, tuple[list[int], list[float]]]
"""When each value of a fact begins to hold, ascending, and the values."""
_Stretch = tuple[Sequence[int], Sequence[float]]
"""Dates, ascending, and values."""


def dated_of(plan: RulePlan, begins: Ints, ends: Ints, facts: Held) -> dict[str, SeriesOf]:
    """Series of figures by name [w, g, n], one place for each date that any of them has.

    So figures that belong together (customers and minutes of an outage) stand at the same place,
    and what one of them lacks is nan.
    """
    uses = [use for use in plan.rule.facts if use.values]
    if not uses:
        return {}
    shape = (len(begins), len(plan.groups))
    cells = {
        (w, g): _of_window(plan, uses, zone, int(begins[w]), int(ends[w]), facts)
        for w in range(shape[0])
        for g, zone in enumerate(plan.groups)
    }
    lengths = np.zeros(shape, np.int64)
    for at, (dates, _) in cells.items():
        lengths[at] = len(dates)
    width = int(lengths.max(initial=0))
    found = {use.name: np.full((*shape, width), np.nan) for use in uses}
    for at, (dates, held) in cells.items():
        for name, (since, values) in held.items():
            found[name][at][np.searchsorted(dates, since)] = values
    return {name: SeriesOf(values, lengths) for name, values in found.items()}


def latest_of(dated: Mapping[str, SeriesOf]) -> dict[str, Floats]:
    """The last figure of each series, by name [w, g]; nan for none: whether anything is there."""
    found = {}
    for name, series in dated.items():
        latest = np.full(series.lengths.shape, np.nan)
        for place in range(series.values.shape[-1]):
            value = series.values[..., place]
            latest = np.where(np.isnan(value), latest, value)
        found[name] = latest
    return found


def _of_window(
    plan: RulePlan,
    uses: Sequence[FactUse],
    zone: str,
    begin: int,
    end: int,
    facts: Held,
) -> tuple[list[int], dict[str, _Stretch]]:
    """All dates in a window, and each fact's own dates and values."""
    held: dict[str, _Stretch] = {}
    for use in uses:
        place = "" if use.of_city else zone
        since, values = facts.get((plan.city.id, place, use.name), ([], []))
        first, last = bisect_left(since, begin), bisect_left(since, end)
        held[use.name] = (since[first:last], values[first:last])
    dates = sorted({at for since, _ in held.values() for at in since})
    return dates, held
