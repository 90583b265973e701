"""What a level makes of the values below it, and whether they are enough. Pure."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from cityvitals.domain.coverage import least
from kpi_rules import folds
from kpi_rules.model import Level
from kpi_rules.rounding import rounded
from kpi_rules.words import Statistic


def is_enough(level: Level, known: float, possible: float) -> bool:
    """Whether a level's window has a value.

    Args:
        level: the level.
        known: how many values below are there; of the lowest level, how much of its time.
        possible: how many, or how much, there could be.
    """
    if possible <= 0:
        return False
    return known >= level.min_count and known / possible >= least(level.min_coverage)


def fold_values(level: Level, values: Sequence[float]) -> float:
    """The value of a level's window of those of the level below; nan for missing ones."""
    known = sum(1 for each in values if not math.isnan(each))
    if not is_enough(level, known, len(values)):
        return math.nan
    found = STATISTICS[level.statistic](values)
    if level.rounding is None:
        return found
    return rounded(found, level.rounding.mode, level.rounding.digits)


def energy_mean(levels: Sequence[float]) -> float:
    """The level of the mean power of sound levels in decibels."""
    powers = [10.0 ** (each / 10.0) for each in levels if not math.isnan(each)]
    return 10.0 * math.log10(folds.mean(powers)) if powers else math.nan


def _count_known(values: Sequence[float]) -> float:
    return float(sum(1 for each in values if not math.isnan(each)))


STATISTICS: Final[dict[Statistic, Callable[[Sequence[float]], float]]] = {
    Statistic.MEAN: folds.mean,
    Statistic.TOTAL: folds.total,
    Statistic.INTEGRAL: folds.total,
    Statistic.MIN: folds.smallest,
    Statistic.MAX: folds.largest,
    Statistic.COUNT: _count_known,
    Statistic.FIRST: folds.first,
    Statistic.LAST: folds.last,
    Statistic.INCREASE: lambda values: folds.last(values) - folds.first(values),
    Statistic.ENERGY_MEAN: energy_mean,
}
"""Of values; what a lowest level makes of quarter hours is the aggregator's."""
