"""What the Ferrara file should give: water supplied and night flow, by district and city."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.twins.fold import HOUR, coverage, quantile, window_begins
from tests.twins.table import definition, enough, facts, mapping, rows, table, within_limits

_SECONDS = 3600
_LITRES = 1000
_NIGHT = (2, 3)
"""The hours of minimum night flow."""
_SUPPLIED = "water.supplied.day"
_PER_CAPITA = "water.supplied_per_capita.day"
_NIGHTLY = "water.night_flow.day"
_WEEKLY = "water.night_flow.week"
_WEEK = 7


def expected(path: Path) -> pd.DataFrame:
    """The indicators of a file of hourly mean flows in L/s on a clock that changes."""
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
    return table(_rules(flows[frame.filter(like="_lps").notna().any(axis=1)]))


def _rules(flows: Any) -> Iterator[pd.DataFrame]:
    population = facts("ferrara", "population")
    litres = (flows * _SECONDS).groupby(flows.index.normalize()).sum(min_count=1)
    daily = coverage(flows, "day", HOUR)
    weekly = _by_week(flows.groupby(flows.index.normalize()).count())
    nights = _by_week(_nights(flows))
    for zone, areas in {"": list(flows.columns), **{z: [z] for z in flows.columns}}.items():
        here = daily[areas].mean(axis=1)
        supplied = litres[areas].sum(axis=1, min_count=1)
        people = population.get(zone, float("nan"))
        yield _zone(_SUPPLIED, zone, supplied / _LITRES, here)
        yield _zone(_PER_CAPITA, zone, supplied / people, here)
        yield _zone(_NIGHTLY, zone, _least_flow(flows[areas]), here)
        here = pd.Series({day: week[areas].sum().mean() / _hours(day) for day, week in weekly})
        low = pd.Series({begin: _usual_low(week, areas) for begin, week in nights})
        yield _zone(_WEEKLY, zone, low, here)


def _zone(rule: str, zone: str, values: Any, here: Any) -> pd.DataFrame:
    least = definition(rule)["space"]["min_coverage"]
    return rows(rule, zone, enough(values.reindex(here.index), here, least), here, here > 0)


def _least_flow(flows: Any) -> Any:
    """Each night's least mean of four quarter hours on end between 2 and 4, of the areas' sum."""
    total = flows.sum(axis=1, min_count=1)
    every = (
        pd.concat([total] * 4, keys=range(4)).rename_axis(["quarter", "at"]).reset_index(name="v")
    )
    every["at"] += every["quarter"] * pd.Timedelta(minutes=15)
    quarters = every.set_index("at")["v"].sort_index()
    night = quarters[quarters.index.hour.isin(_NIGHT)]
    return night.groupby(night.index.normalize()).apply(lambda v: v.rolling(4).mean().min())


def _nights(flows: Any) -> Any:
    """Each area's flow in the hours that begin at 2 and at 3, night by night: one above the other.

    An hour that a night has twice is their mean, one that it has not is missing.
    """
    days = window_begins(flows.index, "day").unique()
    found = {}
    for hour in _NIGHT:
        mine = flows[flows.index.hour == hour]
        found[hour] = mine.groupby(mine.index.normalize()).mean().reindex(days)
    return pd.concat(found, axis=1)


def _by_week(days: Any) -> list[tuple[Any, Any]]:
    """Every seven days that hold one of these days, by their begin; days without a row too."""
    first = days.index[0] - pd.DateOffset(days=_WEEK - 1)
    begins = pd.date_range(first, days.index[-1], freq="D", tz=days.index.tz)
    found = []
    for begin in begins:
        week = pd.date_range(begin, periods=_WEEK, freq="D")
        if week.isin(days.index).any():
            found.append((begin, days.reindex(week)))
    return found


def _hours(begin: Any) -> float:
    """How long the seven days from one on are."""
    return float((begin + pd.DateOffset(days=_WEEK) - begin) / HOUR)


def _usual_low(week: Any, areas: list[str]) -> float:
    """The percentile over the week of each night's lowest hour of the areas' sum.

    An area counts for an hour that it has in enough nights.
    """
    enough_nights = definition(_WEEKLY)["input"][0]["min_count"]
    sums = {}
    for hour in _NIGHT:
        mine = week[hour][areas]
        known = mine.loc[:, mine.count() >= enough_nights]
        sums[hour] = known.sum(axis=1, min_count=1)
    lows = pd.DataFrame(sums).min(axis=1)
    return float(quantile(lows, 20)) if lows.count() >= enough_nights else float("nan")
