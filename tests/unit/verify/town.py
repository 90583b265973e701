"""Small towns for tests of verify: stations by what they say in each hour, rules by a few words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.store.audit import FigureRow
from cityvitals.verify.edges import HOUR
from cityvitals.verify.fold import QUARTER
from cityvitals.verify.layers import EVER, frames, windows_of
from cityvitals.verify.layers import frame as cut
from cityvitals.verify.stations import ALWAYS, KEPT, Station
from cityvitals.verify.values import expect
from kpi_rules.load import read_rules
from kpi_rules.model import Rule

ROME: Final = "Europe/Rome"
NAN: Final = float("nan")

_RULE: Final = """
[[rule]]
id = "test.one"
revision = 1
title = "A test"
domain = "air"
unit = "{unit}"
digits = 1
expression = "{expression}"
source = "made up"
verified = "own"
window = {{ {window}, fold = "buckets" }}
space = {{ {space} }}
{keys}
"""
X: Final = '{ name = "x", quantity = "o3", min_coverage = 0.75, statistic = "mean" }'
MEANS: Final = 'zone = "mean", city = "mean", min_coverage = 0'


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


def rule(
    inputs: str = X,
    *,
    window: str = 'length = "hour", clock = "utc"',
    space: str = MEANS,
    expression: str = "x",
    unit: str = "ug/m3",
    keys: str = "",
    tables: str = "",
) -> Rule:
    text = _RULE.format(
        unit=unit,
        expression=expression,
        window=window,
        space=space,
        keys=f"input = [{inputs}]\n{keys}",
    )
    (one,) = read_rules(text + tables, "test.toml")
    return one


def hours(begin: int, values: Sequence[float], shares: Sequence[float] | float = 1.0) -> Records:
    """Partials (KEPT) of stations that say one thing in each hour and cover a share of it."""
    shared = [shares] * len(values) if isinstance(shares, float) else shares
    quarters = []
    for nth, (value, share) in enumerate(zip(values, shared, strict=True)):
        if np.isnan(value):
            continue
        covered = round(share * QUARTER)
        for quarter in range(4):
            bucket = begin + nth * HOUR + quarter * QUARTER
            quarters.append((bucket, value * (covered * 1e-6), covered, 1, 0))
    return np.array(quarters, KEPT)


def station(
    series: int,
    folded: Records,
    sensor: str = "",
    stretches: tuple[tuple[int, int], ...] = (ALWAYS,),
    scale: float = 1.0,
) -> Station:
    return Station(series, sensor or f"s{series:02d}", stretches, folded, scale)


def town(one: Rule, *stations: Station, zone: str = "") -> dict[str, dict[str, list[Station]]]:
    """The same stations for every input, in the city and, if named, a zone."""
    return {each.name: {place: list(stations) for place in {"", zone}} for each in one.inputs}


def figure(name: str, value: float, zone: str = "", since: int = 0) -> FigureRow:
    return FigureRow(zone, name, value, "", since, 0)


def found(
    one: Rule,
    stations: Mapping[str, Mapping[str, Sequence[Station]]],
    zone: str = "",
    *,
    facts: Sequence[FigureRow] = (),
    time_zone: str = "UTC",
    mark: int = EVER,
    at_once: int = 5,
) -> dict[int, Any]:
    """Rows (EXPECTED) by the window's begin."""
    each = [s for zones in stations.values() for some in zones.values() for s in some]
    held = np.unique(np.concatenate([s.folded["bucket"] for s in each]))
    windows = windows_of(one, time_zone, held)
    if mark == EVER:
        rows = expect(frames(one, windows, time_zone, at_once), zone, stations, facts)
    else:
        rows = expect([cut(one, windows, time_zone, mark)], zone, stations, facts)
    return {int(row["begin"]): row for row in rows}


def values(*arguments: Any, **options: Any) -> dict[int, float]:
    """Values by the window's begin, where there is one."""
    rows = found(*arguments, **options)
    return {at: float(row["value"]) for at, row in rows.items() if not np.isnan(row["value"])}
