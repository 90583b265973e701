"""What the Ferrara file should give: water supplied per local day, by district and city."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tests.twins.table import enough, mapping, numbers, rows, steps_in, table, within_limits

_HOUR = pd.Timedelta(hours=1)
_SECONDS = 3600
_LITRES = 1000


def expected(path: Path, population: Mapping[str, float] | None = None) -> pd.DataFrame:
    """The indicators of a file of hourly mean flows in L/s on a clock that changes.

    Args:
        path: the file.
        population: by zone, '' for the city; where there is none, per capita has no value.
    """
    frame = pd.read_csv(path)
    when = pd.to_datetime(frame["local_time"], format="%d/%m/%Y %H:%M")
    # The hour that stands twice is summer time first: pandas sees that from the order.
    frame.index = pd.DatetimeIndex(when).tz_localize("Europe/Rome", ambiguous="infer")
    zones = mapping("ferrara")["station"]["zones"]
    flows = pd.DataFrame(
        {
            zones[column.removesuffix("_lps")]: within_limits("water_flow", frame[column])
            for column in frame.columns
            if column.endswith("_lps")
        }
    )
    # A day on which nobody said anything has no indicator.
    flows = flows[frame.filter(like="_lps").notna().any(axis=1)]
    return table(_rules(flows, population or {}))


def _rules(flows: Any, population: Mapping[str, float]) -> Iterator[pd.DataFrame]:
    days = flows.index.normalize()
    litres = (flows * _SECONDS).groupby(days).sum(min_count=1)
    hours = flows.groupby(days).count()
    coverage = hours.div(steps_in(litres.index, "day", _HOUR), axis=0)
    for zone, stations in {"": list(flows.columns), **{z: [z] for z in flows.columns}}.items():
        here = coverage[stations].mean(axis=1)
        total = litres[stations].sum(axis=1, min_count=1)
        rule = "water.supplied.day"
        supplied = enough(total, here, numbers(rule).space_min)
        yield rows(rule, zone, supplied / _LITRES, here)
        people = population.get(zone, float("nan"))
        yield rows("water.supplied_per_capita.day", zone, supplied / people, here)
