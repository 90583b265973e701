"""What one station comes to as an input of a rule, window by window: layer upon layer. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.coverage import least
from cityvitals.verify.fold import Floats, Ints
from cityvitals.verify.layers import Cut, Layer
from cityvitals.verify.stations import Station
from cityvitals.verify.sums import Sums, add_up
from kpi_rules.interpret import Value
from kpi_rules.model import Input, Rounding
from kpi_rules.rounding import rounded
from kpi_rules.words import Statistic


@dataclass(frozen=True, slots=True)
class Said:
    """What a station says as an input, per window of the rule [w].

    Attributes:
        values: numbers, or series place by place; nan for what is not there.
        valid: whether any of it is there.
        share: of the input's own window (of what passed of it) that is covered, at most 1.
        here: whether it stands there during any part of that window.
        spoken: whether it has a partial anywhere that the input's window and levels reach.
    """

    station: Station
    values: "Numbers | Series"
    valid: list[bool]
    share: Floats
    here: NDArray[np.bool_]
    observed: Ints
    flagged: Ints
    spoken: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number for each window."""

    numbers: Floats

    def at(self, w: int) -> Value:
        """The number of a window; nan for none."""
        return float(self.numbers[w])


@dataclass(frozen=True, slots=True)
class Series:
    """A series for each window, cut out of the layer below when it is asked for: they overlap."""

    layer: Layer
    below: Floats
    here: NDArray[np.bool_]

    def at(self, w: int) -> Value:
        """The series of a window, all nan if too little of it is there."""
        series = _held(self.layer, w, self.below)
        if not self.here[w] or not _enough(self.layer, w, _known(series)):
            return [math.nan] * len(series)
        return [_rounded(each, self.layer.rounding) for each in series]


def listen(one: Input, cut: Cut, station: Station, *, takes_all: bool) -> Said:
    """Work out what a station says.

    Args:
        one: the input.
        cut: its windows.
        station: whose partials.
        takes_all: whether a sum takes every station, however little it covers.
    """
    folded, top = station.folded, cut.layers[-1]
    numbers = layered(one, cut, station, takes_all=takes_all)[-1]
    # Who left before the window says nothing in it, however far its shorter windows reach back.
    here = _here(station, cut)
    values = (
        Series(top, numbers, here) if one.is_series else Numbers(np.where(here, numbers, math.nan))
    )
    sums = add_up(folded, top.windows)
    # What was apportioned to a quarter hour in which nobody spoke is no word of anybody.
    spoken = (folded["covered"] > 0) | (folded["count"] > 0) | (folded["flagged"] > 0)
    bucket = folded["bucket"][spoken]
    lows, highs = (np.searchsorted(bucket, edge) for edge in cut.reached)
    return Said(
        station=station,
        values=values,
        valid=[_is_known(values.at(w)) for w in range(len(top.passed))],
        share=_share(sums, top),
        here=here,
        observed=sums.count,
        flagged=sums.flagged,
        spoken=highs > lows,
    )


def layered(one: Input, cut: Cut, station: Station, *, takes_all: bool) -> list[Floats]:
    """Values of the windows of each layer, from the lowest; of a series without its own layer."""
    found = [_lowest(one, cut.layers[0], station, takes_all=takes_all and not one.levels)]
    for layer in cut.layers[1:] if not one.is_series else cut.layers[1:-1]:
        below = found[-1]
        found.append(np.array([_fold(layer, w, below) for w in range(len(layer.passed))], float))
    return found


def _is_known(value: Value) -> bool:
    """Whether a number, or anything of a series, is there."""
    return any(not math.isnan(each) for each in ([value] if isinstance(value, float) else value))


def _here(station: Station, cut: Cut) -> NDArray[np.bool_]:
    here = np.zeros(len(cut.own.begins), np.bool_)
    for since, until in station.stretches:
        here |= (since < cut.own.ends) & (until > cut.own.begins)
    return here


def _share(sums: Sums, layer: Layer) -> Floats:
    """The share of time that is covered, of what has passed."""
    passed = layer.passed
    found: Floats = np.where(passed > 0, np.minimum(sums.covered / np.maximum(passed, 1), 1.0), 0.0)
    return found


def _lowest(one: Input, layer: Layer, station: Station, *, takes_all: bool) -> Floats:
    """Values of the shortest windows, from quarter hours [w]; nan for those that are not valid."""
    sums = add_up(station.folded, layer.windows)
    valid = (sums.covered > 0) & (layer.passed > 0)
    if not takes_all:
        valid &= _share(sums, layer) >= least(layer.min_coverage)
    values = _of_quarters(sums, layer.statistic)
    values = values * station.scale
    if one.floor is not None:
        values = np.maximum(values, one.floor)
    found = [_rounded(each, layer.rounding) for each in np.where(valid, values, np.nan).tolist()]
    return np.array(found, float)


def _of_quarters(sums: Sums, statistic: Statistic) -> Floats:
    """What partials come to where they cover some time [w]; anything where they do not."""
    if statistic is Statistic.COUNT:
        return sums.count.astype(np.float64)
    mean: Floats = sums.integral / (np.maximum(sums.covered, 1) * 1e-6)
    if statistic is Statistic.MEAN:
        return mean
    if statistic is Statistic.ENERGY_MEAN:
        power = np.where(mean > 0.0, mean, np.nan)
        level: Floats = 10.0 * np.log10(power)
        return level
    return sums.integral


def _rounded(value: float, rounding: Rounding | None) -> float:
    return value if rounding is None else rounded(value, rounding.mode, rounding.digits)


def _fold(layer: Layer, w: int, below: Floats) -> float:
    """The value of one window, from values of the layer below."""
    known = _known(_held(layer, w, below))
    if not _enough(layer, w, known):
        return math.nan
    return _rounded(_FOLDS[layer.statistic](known), layer.rounding)


def _held(layer: Layer, w: int, below: Floats) -> list[float]:
    found: list[float] = below[layer.holds[w]].tolist() if layer.holds else []
    return found


def _known(values: Sequence[float]) -> list[float]:
    return [each for each in values if not math.isnan(each)]


def _enough(layer: Layer, w: int, known: Sequence[float]) -> bool:
    """Whether so many values below suffice."""
    places = layer.begun[w]
    share = len(known) / places if places else 0.0
    enough = len(known) >= layer.min_count and share >= least(layer.min_coverage)
    return bool(known) and enough


def total(values: Sequence[float]) -> float:
    """The sum, one after the other: since Python 3.12 `sum` compensates."""
    found = 0.0
    for each in values:
        found += each
    return found


def _energy_mean(levels: Sequence[float]) -> float:
    powers = [math.pow(10.0, each / 10.0) for each in levels]
    return 10.0 * math.log10(total(powers) / len(powers))


_FOLDS: Final[dict[Statistic, Callable[[Sequence[float]], float]]] = {
    Statistic.MEAN: lambda values: total(values) / len(values),
    Statistic.TOTAL: total,
    Statistic.INTEGRAL: total,
    Statistic.MIN: min,
    Statistic.MAX: max,
    Statistic.COUNT: lambda values: float(len(values)),
    Statistic.FIRST: lambda values: values[0],
    Statistic.LAST: lambda values: values[-1],
    Statistic.ENERGY_MEAN: _energy_mean,
}
FOLDED: Final = frozenset({*_FOLDS, Statistic.VALUES})
"""What can be made of values of the level below."""
