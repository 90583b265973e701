"""What the steel plant's file should give: electricity per hour and day, for the plant and city."""

from collections.abc import Iterator, Mapping
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

_STEP = pd.Timedelta(minutes=15)
_HOURLY = "energy.electricity.hour"
_DAILY = "energy.electricity.day"
_PER_CAPITA = "energy.electricity_per_capita.day"


def expected(path: Path, population: Mapping[str, float] | None = None) -> pd.DataFrame:
    """The indicators of a file of energy per quarter hour, each stamped with its end.

    Args:
        path: the file; a row at 00:00 closes the day whose date it carries.
        population: by zone, '' for the city; where there is none, per capita has no value.
    """
    frame = pd.read_csv(path)
    end = pd.to_datetime(frame["date"], format="%d-%m-%Y %H:%M")
    end = end.where(end.dt.time != pd.Timestamp(0).time(), end + pd.Timedelta(days=1))
    begin = pd.DatetimeIndex(end - _STEP).tz_localize("Asia/Seoul")
    energy = pd.Series(frame["Usage_kWh"].to_numpy(), index=begin, name="kWh")
    assert begin.is_unique
    return table(_rules(within_limits("electricity_energy", energy.dropna()), population or {}))


def _rules(energy: Any, population: Mapping[str, float]) -> Iterator[pd.DataFrame]:
    zone_of_plant = mapping("steel")["station"]["zone"]
    for rule, length in ((_HOURLY, "hour"), (_DAILY, "day"), (_PER_CAPITA, "day")):
        begins = window_begins(energy.index, length)
        total = energy.groupby(begins).sum(min_count=1)
        coverage = energy.groupby(begins).count() / steps_in(total.index, length, _STEP)
        value = enough(total, coverage, numbers(rule).space_min)
        for zone in ("", zone_of_plant):
            people = population.get(zone, float("nan")) if rule == _PER_CAPITA else 1.0
            yield rows(rule, zone, value / people, coverage)
