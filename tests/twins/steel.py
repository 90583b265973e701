"""What the steel plant's file should give: electricity, its peak, and the load factor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.twins.fold import QUARTER, coverage, steps_in, window_begins
from tests.twins.table import definition, enough, facts, mapping, rows, table, within_limits

_HOURLY = "energy.electricity.hour"
_DAILY = "energy.electricity.day"
_PER_CAPITA = "energy.electricity_per_capita.day"
_PEAK = "energy.electricity_peak.day"
_LOAD_FACTOR = "energy.load_factor.day"


def expected(path: Path) -> pd.DataFrame:
    """The indicators of a file of energy per quarter hour, each stamped with its end.

    Args:
        path: the file; a row at 00:00 closes the day whose date it carries.
    """
    frame = pd.read_csv(path)
    end = pd.to_datetime(frame["date"], format="%d-%m-%Y %H:%M")
    end = end.where(end.dt.time != pd.Timestamp(0).time(), end + pd.Timedelta(days=1))
    begin = pd.DatetimeIndex(end - QUARTER).tz_localize("Asia/Seoul")
    energy = pd.Series(frame["Usage_kWh"].to_numpy(), index=begin, name="kWh")
    assert begin.is_unique
    return table(_rules(within_limits("electricity_energy", energy.dropna())))


def _rules(energy: Any) -> Iterator[pd.DataFrame]:
    zone_of_plant = mapping("steel")["station"]["zone"]
    population = facts("steel", "population")
    for rule, (length, used) in _values(energy).items():
        here = coverage(energy, length, QUARTER)
        value = enough(used, here, definition(rule)["space"]["min_coverage"])
        for zone in ("", zone_of_plant):
            people = population.get(zone, float("nan")) if rule == _PER_CAPITA else 1.0
            yield rows(rule, zone, value / people, here)


def _values(energy: Any) -> dict[str, tuple[str, Any]]:
    """By rule: the length of its windows, and its values however little is covered."""
    hourly, daily = (_total(energy, length) for length in ("hour", "day"))
    # Kilowatt-hours of an hour are its mean power in kilowatts.
    hours = {rule: _whole_hours(rule, energy, hourly) for rule in (_PEAK, _LOAD_FACTOR)}
    load = hours[_LOAD_FACTOR]
    return {
        _HOURLY: ("hour", hourly),
        _DAILY: ("day", daily),
        _PER_CAPITA: ("day", daily),
        _PEAK: ("day", hours[_PEAK].max()),
        _LOAD_FACTOR: ("day", load.mean() / load.max()),
    }


def _total(energy: Any, length: str) -> Any:
    return energy.groupby(window_begins(energy.index, length)).sum(min_count=1)


def _whole_hours(rule: str, energy: Any, hourly: Any) -> Any:
    """The hours that are covered as far as a rule's level wants, by day."""
    (level,) = definition(rule)["input"][0]["levels"]
    covered = energy.groupby(window_begins(energy.index, "hour")).count()
    share = covered / steps_in(hourly.index, "hour", QUARTER)
    hourly = hourly.where(share >= level["min_coverage"])
    return hourly.groupby(hourly.index.normalize())
