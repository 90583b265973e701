"""What levels make of the values below them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_rules.levels import STATISTICS, energy_mean, fold_values, is_enough
from kpi_rules.model import Level, Rounding
from kpi_rules.rounding import Mode
from kpi_rules.words import Length, Statistic

EIGHT = Level(Length.RUNNING_8H, Statistic.MEAN, min_count=6)


@pytest.mark.parametrize(
    ("level", "known", "possible", "expected"),
    [
        (Level(Length.HOUR, Statistic.MEAN, min_coverage=0.75), 45, 60, True),
        (Level(Length.HOUR, Statistic.MEAN, min_coverage=0.75), 44, 60, False),
        (Level(Length.DAY, Statistic.MEAN, min_count=18), 18, 24, True),
        (Level(Length.DAY, Statistic.MEAN, min_count=18), 17, 24, False),
        (Level(Length.DAY, Statistic.MEAN, min_coverage=0.75), 17.25, 23, True),  # clocks change
        (Level(Length.DAY, Statistic.MEAN, min_coverage=0.9), 0.9 * 10 - 1e-15, 10, True),
        (Level(Length.DAY, Statistic.MEAN), 0, 24, True),
        (Level(Length.DAY, Statistic.MEAN), 0, 0, False),
    ],
)
def test_so_much_is_enough(level: Level, known: float, possible: float, expected: bool) -> None:  # noqa: FBT001
    assert is_enough(level, known, possible) == expected


def test_a_mean_is_of_what_is_known_and_rounded_as_the_level_says() -> None:
    nan = math.nan
    assert fold_values(EIGHT, [1, 2, 3, nan, 5, 6, nan, 8]) == pytest.approx(25 / 6)
    assert math.isnan(fold_values(EIGHT, [1, 2, 3, nan, 5, 6, nan, nan]))
    whole = Level(Length.DAY, Statistic.MEAN, rounding=Rounding(Mode.HALF_UP, 0))
    assert fold_values(whole, [50.0, 51.0]) == 51.0


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        (Statistic.MEAN, 4.0),
        (Statistic.TOTAL, 12.0),
        (Statistic.MIN, 2.0),
        (Statistic.MAX, 7.0),
        (Statistic.COUNT, 3.0),
        (Statistic.FIRST, 3.0),
        (Statistic.LAST, 2.0),
        (Statistic.INCREASE, -1.0),
    ],
)
def test_statistics_leave_missing_values_out(statistic: Statistic, expected: float) -> None:
    assert STATISTICS[statistic]([math.nan, 3.0, 7.0, math.nan, 2.0]) == expected


@given(st.lists(st.floats(0, 140), min_size=1, max_size=20))
def test_an_energy_mean_lies_above_the_mean_and_below_the_loudest(levels: list[float]) -> None:
    found = energy_mean(levels)
    assert sum(levels) / len(levels) - 1e-9 <= found <= max(levels) + 1e-9


def test_an_energy_mean_of_nothing_is_nothing() -> None:
    assert math.isnan(energy_mean([math.nan]))
    assert energy_mean([60.0, 60.0]) == pytest.approx(60.0)
