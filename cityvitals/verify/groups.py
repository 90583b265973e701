"""The stations of a zone or the city, put together. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cityvitals.verify.fold import Floats, Ints
from cityvitals.verify.layers import Cut
from cityvitals.verify.levels import Said, listen, total
from cityvitals.verify.stations import Station, Taker
from kpi_rules.interpret import Value
from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Order


@dataclass(frozen=True, slots=True)
class Joined:
    """One input over the stations of a group, per window [w].

    Attributes:
        said: what each station says, in order of the natural key.
        coverage: mean share of the stations that stood there.
        placed: how many stood there; spoken: whether any of them has a partial (`Said`).
    """

    said: tuple[Said, ...]
    coverage: Floats
    observed: Ints
    flagged: Ints
    placed: Ints
    spoken: NDArray[np.bool_]

    def used(self, w: int) -> set[Taker]:
        """Who is valid in a window."""
        return {one.station.taker for one in self.said if one.valid[w]}


def join(rule: Rule, one: Input, cut: Cut, stations: Sequence[Station], combine: Combine) -> Joined:
    """Listen to the stations of a group.

    Args:
        rule: the definition.
        one: the input.
        cut: the input's windows.
        stations: that feed it, in order of the natural key.
        combine: what the group makes of them.
    """
    if rule.space.order is Order.EVALUATE_FIRST:
        stations = first_of_each_sensor(stations)
    takes_all = combine is Combine.SUM
    said = tuple(listen(one, cut, each, takes_all=takes_all) for each in stations)
    size = len(cut.own.begins)
    share = np.zeros(size)
    for each in said:
        share += np.where(each.here, each.share, 0.0)
    placed = sum((each.here.astype(np.int64) for each in said), np.zeros(size, np.int64))
    nobody = np.zeros(size, np.bool_)
    return Joined(
        said=said,
        coverage=share / np.maximum(placed, 1),
        observed=sum((each.observed for each in said), np.zeros(size, np.int64)),
        flagged=sum((each.flagged for each in said), np.zeros(size, np.int64)),
        placed=placed,
        spoken=np.logical_or.reduce([nobody, *(each.spoken for each in said)]),
    )


def first_of_each_sensor(stations: Sequence[Station]) -> list[Station]:
    """The first series of a sensor stands for it."""
    found: dict[str, Station] = {}
    for station in stations:
        found.setdefault(station.sensor, station)
    return list(found.values())


def combined(values: Sequence[Value], combine: Combine, least: int) -> Value:
    """What a group makes of stations' numbers, or place by place of their series.

    Args:
        values: in order of the natural key; nan for what is not there.
        combine: the word for it.
        least: so many numbers must be there, at least 1.

    Returns:
        nan where too few are there; an empty series where there is nobody to have places.
    """
    series = [each for each in values if not isinstance(each, float)]
    if not series:
        return _one([each for each in values if isinstance(each, float)], combine, least)
    return [_one(row, combine, least) for row in zip(*series, strict=True)]


def _one(row: Sequence[float], combine: Combine, least: int) -> float:
    known = [each for each in row if not math.isnan(each)]
    if len(known) < max(least, 1):
        return math.nan
    match combine:
        case Combine.MEAN:
            return total(known) / len(known)
        case Combine.SUM:
            return total(known)
        case Combine.MIN:
            return min(known)
        case Combine.MAX:
            return max(known)
        case Combine.MEDIAN:
            return _median(sorted(known))
        case _:
            raise ValueError(f"stations are not combined by {combine}")


def _median(ranked: Sequence[float]) -> float:
    middle = len(ranked) // 2
    if len(ranked) % 2:
        return ranked[middle]
    low, high = ranked[middle - 1], ranked[middle]
    return low + (high - low) / 2


def by_population(values: Mapping[str, Value], population: Mapping[str, float]) -> Value:
    """What a city makes of its zones' numbers, or place by place of their series.

    Args:
        values: by zone; nan for what is not there.
        population: by zone; nan where nobody knows.

    Returns:
        nan where no zone has a value, or one that has has no population.
    """
    zones = sorted(values)
    series = [each for each in (values[zone] for zone in zones) if not isinstance(each, float)]
    weights = [population[zone] for zone in zones]
    if not series:
        return _weighted([float(values[zone]) for zone in zones], weights)  # type: ignore[arg-type]
    return [_weighted(row, weights) for row in zip(*series, strict=True)]


def _weighted(row: Sequence[float], weights: Sequence[float]) -> float:
    known = [(v, w) for v, w in zip(row, weights, strict=True) if not math.isnan(v)]
    below = total([w for _, w in known])
    if not known or not below > 0:  # nor if it is nan
        return math.nan
    return total([v * w for v, w in known]) / below
