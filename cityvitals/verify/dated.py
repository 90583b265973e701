"""Facts of which a rule sees all that are dated within its window. Pure."""

import math
from collections.abc import Iterable, Sequence

from cityvitals.store.audit import FigureRow
from cityvitals.verify.fold import Ints
from kpi_rules.model import Rule

Series = Sequence[float]


def dated_values(
    rule: Rule, zone: str, facts: Iterable[FigureRow], begins: Ints, ends: Ints
) -> dict[str, list[Series]]:
    """Figures by fact, window by window, in order of time; '' is the city's zone.

    Figures of one date belong together: they stand at one place; what a fact lacks there is nan.
    """
    wanted = {use.name: "" if use.of_city else zone for use in rule.facts if use.values}
    rows = [row for row in facts if wanted.get(row.name) == row.zone]
    found: dict[str, list[Series]] = {name: [] for name in wanted}
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        inside = {(row.name, row.from_us): row.value for row in rows if begin <= row.from_us < end}
        dates = sorted({at for _, at in inside})
        for name, every in found.items():
            every.append([inside.get((name, at), math.nan) for at in dates])
    return found
