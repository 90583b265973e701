"""What the Beijing file should give: hourly and daily means of six pollutants by zone and city."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.twins.table import (
    enough,
    mapping,
    numbers,
    rows,
    steps_in,
    table,
    window_begins,
    within_limits,
)

_COLUMNS = {
    "PM2.5": "pm2_5",
    "PM10": "pm10",
    "SO2": "so2",
    "NO2": "no2",
    "CO": "co",
    "O3": "o3",
}
_HOUR = pd.Timedelta(hours=1)


def expected(path: Path) -> pd.DataFrame:
    """The indicators of a file of hourly means, each stamped with the begin of its hour."""
    frame = pd.read_csv(path, na_values=["NA"])
    when = pd.to_datetime(frame["ts_local"], format="%Y-%m-%d %H:%M")
    frame["begin"] = when.dt.tz_localize("Asia/Shanghai")
    zones = mapping("beijing")["station"]["zones"]
    return table(
        part
        for column, quantity in _COLUMNS.items()
        for part in _quantity(quantity, _wide(frame, column, quantity), zones)
    )


def _wide(frame: Any, column: str, quantity: str) -> Any:
    """One column for each station, one row for each hour in which any of them says something."""
    frame = frame.assign(kept=within_limits(quantity, frame[column]))
    said = frame[frame[column].notna()]
    stations = sorted(frame["station"].unique())
    wide = said.pivot_table(index="begin", columns="station", values="kept", dropna=False)
    return wide.reindex(columns=stations)


def _quantity(quantity: str, wide: Any, zones: dict[str, str]) -> Iterator[pd.DataFrame]:
    for length in ("hour", "day"):
        rule = f"air.{quantity}.{length}"
        known = numbers(rule)
        scale = {"ug/m3": 1.0, "mg/m3": 1e-3}[known.unit]
        begins = window_begins(wide.index, length)
        mean, count = wide.groupby(begins).mean(), wide.groupby(begins).count()
        coverage = count.div(steps_in(mean.index, length, _HOUR), axis=0)
        valid = mean.where(coverage >= known.station_min) * scale
        places = {"": list(wide.columns)}
        for station in wide.columns:
            places.setdefault(zones[station], []).append(station)
        for zone, stations in places.items():
            here = coverage[stations].mean(axis=1)
            value = enough(valid[stations].mean(axis=1), here, known.space_min)
            yield rows(rule, zone, value, here)
