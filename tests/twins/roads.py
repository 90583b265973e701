"""Rules of traffic from quarter hours: what the twins of every traffic set share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tests.twins.fold import QUARTER, coverage, quantile, steps_in, window_begins
from tests.twins.table import definition, enough, numbers, rows

KMH_PER_MPH = 1.609344

_SPEED = "traffic.speed.hour"
_SPACE_MEAN = "traffic.space_mean_speed.hour"
_NIGHT_BEGINS, _NIGHT_ENDS = 22, 6


@dataclass(frozen=True)
class Quarters:
    """Quarter hours of stations, in a column each and a row for every one of its local days.

    Attributes:
        mean: over the part of the quarter hour that is covered; nan where nothing is.
        share: how much of it is covered.
    """

    mean: pd.DataFrame
    share: pd.DataFrame

    def valid(self, rule: str) -> Any:
        """The means of quarter hours that are covered as far as a rule's level wants."""
        (level,) = definition(rule)["input"][0]["levels"]
        return self.mean.where(self.share >= level["min_coverage"])


def speed_rules(of: Quarters) -> Iterator[pd.DataFrame]:
    """What detectors of speed in km/h give, each a zone, and the city."""
    yield from _places(_SPEED, "hour", of, _hourly(of))
    inverse = (1 / of.valid(_SPACE_MEAN)).replace(np.inf, np.nan)
    mean = inverse.groupby(window_begins(inverse.index, "hour")).mean()
    yield from _places(_SPACE_MEAN, "hour", of, _known(_SPACE_MEAN, "hour", of, 1 / mean))
    for name, index in _OF_SPEEDS.items():
        rule = f"traffic.{name}.detectors.day"
        found = _known(rule, "day", of, _daily(of.valid(rule), index))
        yield from _places(rule, "day", of, found)


def time_rules(of: Quarters, free_flow: Mapping[str, float]) -> Iterator[pd.DataFrame]:
    """What stretches with their travel times give, each a zone, and the city.

    Args:
        of: travel times in seconds.
        free_flow: by zone, '' for the city; where there is none, its indices have no value.
    """
    for name, (index, divides) in _OF_TIMES.items():
        rule = f"traffic.{name}.day"
        found = _known(rule, "day", of, _daily(of.valid(rule), index))
        flows = {zone: free_flow.get(zone, np.nan) for zone in ("", *of.mean.columns)}
        divisors = flows if divides else dict.fromkeys(flows, 1.0)
        yield from _places(rule, "day", of, found, divisors)


def _hourly(of: Quarters) -> Any:
    """Means over the covered time of hours of which enough is covered."""
    begins = window_begins(of.mean.index, "hour")
    share = of.share.groupby(begins).mean()
    covered = (of.mean * of.share).groupby(begins).sum()
    return (covered / of.share.groupby(begins).sum()).where(share >= numbers(_SPEED).station_min)


def _known(rule: str, length: str, of: Quarters, values: Any) -> Any:
    """The values of windows of which a station knows enough quarter hours."""
    share = coverage(of.valid(rule), length, QUARTER)
    return values.where(share >= definition(rule)["input"][0]["min_coverage"])


def _daily(valid: Any, index: Callable[[Any], Any]) -> Any:
    return pd.DataFrame(
        {day: index(part) for day, part in valid.groupby(valid.index.normalize())}
    ).T


def _places(
    rule: str, length: str, of: Quarters, found: Any, divisors: Mapping[str, float] | None = None
) -> Iterator[pd.DataFrame]:
    """Rows of each station as its zone, and of the city: the mean of what its stations have."""
    begins = window_begins(of.share.index, length)
    share = of.share.groupby(begins).sum().div(steps_in(begins.unique(), length, QUARTER), axis=0)
    heard = share.index[(share > 0).any(axis=1)]
    for zone, stations in {"": list(found.columns), **{s: [s] for s in found.columns}}.items():
        here = share.loc[heard, stations].mean(axis=1)
        value = found.loc[heard, stations].mean(axis=1)
        value = enough(value, here, definition(rule)["space"]["min_coverage"])
        yield rows(rule, zone, value / (divisors[zone] if divisors else 1.0), here, here > 0)


def _inverse(speeds: Any) -> Any:
    return (1 / speeds).replace(np.inf, np.nan)


def _free_flow(speeds: Any) -> Any:
    hours = speeds.index.hour
    return quantile(speeds[(hours < _NIGHT_ENDS) | (hours >= _NIGHT_BEGINS)], 85)


_OF_SPEEDS: dict[str, Callable[[Any], Any]] = {
    "travel_time_index": lambda v: _inverse(v).mean() * _free_flow(v),
    "planning_time_index": lambda v: quantile(_inverse(v), 95) * _free_flow(v),
    "buffer_index": lambda v: quantile(_inverse(v), 95) / _inverse(v).mean() - 1,
}
_OF_TIMES: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "travel_time_index": (lambda t: t.mean(), True),
    "planning_time_index": (lambda t: quantile(t, 95), True),
    "buffer_index": (lambda t: quantile(t, 95) / t.mean() - 1, False),
}
"""What is divided by free flow, or not."""
