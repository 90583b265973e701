"""What functions make of a series: one number, or another series. Missing places are left out.

Everything here is arithmetic in a fixed order, so that a compiled expression can equal it bit for
bit; `aggregator.kernels.machine` is its twin.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from kpi_rules.expression import Function

Series = Sequence[float]


def _known(series: Series) -> list[float]:
    return [each for each in series if not math.isnan(each)]


def total(series: Series) -> float:
    """The sum, from the first to the last; missing if nothing is known."""
    found = _known(series)
    if not found:
        return math.nan
    result = 0.0
    for each in found:  # not sum(): since Python 3.12 it compensates
        result += each
    return result


def mean(series: Series) -> float:
    """The arithmetic mean; missing if nothing is known."""
    found = _known(series)
    return total(found) / len(found) if found else math.nan


def smallest(series: Series) -> float:
    """The least; missing if nothing is known."""
    return min(_known(series), default=math.nan)


def largest(series: Series) -> float:
    """The greatest; missing if nothing is known."""
    return max(_known(series), default=math.nan)


def count(truths: Series) -> float:
    """How many are true; 0 if none is."""
    return float(sum(1 for each in truths if each == 1.0))


def places(series: Series) -> float:
    """How many places there are, known or not."""
    return float(len(series))


def first(series: Series) -> float:
    """The first that is known."""
    return next(iter(_known(series)), math.nan)


def last(series: Series) -> float:
    """The last that is known."""
    return next(reversed(_known(series)), math.nan)


def percentile(series: Series, percent: float) -> float:
    """By linear interpolation between order statistics, from rank 1 to n (Hyndman-Fan 7)."""
    count = len(_known(series))
    return _ranked(series, (count - 1) * (percent / 100.0))


def percentile_hazen(series: Series, percent: float) -> float:
    """By linear interpolation, the i-th of n being the (i - 0.5) / n quantile (Hyndman-Fan 5)."""
    count = len(_known(series))
    return _ranked(series, count * (percent / 100.0) - 0.5)


def percentile_weibull(series: Series, percent: float) -> float:
    """By linear interpolation, the i-th of n being the i / (n + 1) quantile (Hyndman-Fan 6)."""
    count = len(_known(series))
    return _ranked(series, (count + 1) * (percent / 100.0) - 1.0)


def median(series: Series) -> float:
    """The middle one, or the mean of the two in the middle."""
    return percentile(series, 50.0)


def _ranked(series: Series, rank: float) -> float:
    """The order statistic at a rank from 0, interpolated; beyond the ends, the ends."""
    # Zeros are made positive: sorting does not tell the two apart.
    found = sorted(each + 0.0 for each in _known(series))
    if not found:
        return math.nan
    rank = min(max(rank, 0.0), float(len(found) - 1))
    below = int(rank)
    low, high = found[below], found[min(below + 1, len(found) - 1)]
    if low == high:
        return low
    share, step = rank - below, high - low
    if share >= 0.5:  # noqa: PLR2004 (the nearer end is exact, as numpy has it)
        return high - step * (1.0 - share)
    return low + step * share


def deviation(series: Series) -> float:
    """The standard deviation of a sample (n - 1); missing for fewer than two."""
    return _deviation(series, 1)


def deviation_all(series: Series) -> float:
    """The standard deviation of a population (n)."""
    return _deviation(series, 0)


def _deviation(series: Series, less: int) -> float:
    found = _known(series)
    if len(found) <= less:
        return math.nan
    middle = mean(found)
    squares = total([(each - middle) * (each - middle) for each in found])
    return math.sqrt(squares / (len(found) - less)) if squares >= 0.0 else math.nan


def longest_run(truths: Series) -> float:
    """How many are true one after the other at most; a missing one ends a run."""
    longest = run = 0
    for each in truths:
        run = run + 1 if each == 1.0 else 0
        longest = max(longest, run)
    return float(longest)


def age(series: Series) -> list[float]:
    """How many places each lies before the last, missing where it is missing."""
    end = len(series) - 1
    return [math.nan if math.isnan(each) else float(end - i) for i, each in enumerate(series)]


def newest(series: Series, places: float) -> list[float]:
    """The last so many places."""
    return list(series[max(0, len(series) - int(places)) :])


def running_mean(series: Series, places: float) -> list[float]:
    """The mean of each place and those before it, missing unless so many are there and known."""
    width = int(places)
    found = []
    for i in range(len(series)):
        part = series[max(0, i + 1 - width) : i + 1]
        whole = len(part) == width and not any(math.isnan(each) for each in part)
        found.append(mean(part) if whole else math.nan)
    return found


FOLDS: Final[dict[Function, Callable[[Series], float]]] = {
    Function.SUM: total,
    Function.MEAN: mean,
    Function.MIN: smallest,
    Function.MAX: largest,
    Function.MEDIAN: median,
    Function.COUNT: count,
    Function.PLACES: places,
    Function.FIRST: first,
    Function.LAST: last,
    Function.DEVIATION: deviation,
    Function.DEVIATION_ALL: deviation_all,
    Function.LONGEST_RUN: longest_run,
}
FOLDS_BY: Final[dict[Function, Callable[[Series, float], float]]] = {
    Function.PERCENTILE: percentile,
    Function.PERCENTILE_HAZEN: percentile_hazen,
    Function.PERCENTILE_WEIBULL: percentile_weibull,
}
