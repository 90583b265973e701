"""Indicators of hand-made buckets."""

import numpy as np
import pytest

from aggregator.columns import CELL
from aggregator.derive import Derived, derive, elapsed
from aggregator.frame import Facts, frame_of
from aggregator.plan import RulePlan
from aggregator.stations import Cells
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from tests.unit.aggregator.small_city import (
    HOUR,
    MINUTE,
    NOON,
    NORTH,
    SOUTH,
    TOTAL,
    Places,
    instants,
    plan,
    series,
)

SLOTS = 132
Said = dict[int, tuple[float, int]]
"""By row of the shard: what it says at any moment, and of how many minutes from NOON on."""
DAY_BEGIN = NOON - 13 * HOUR
"""Rome's midnight."""


def cells(one: RulePlan, said: Said, *, total: bool = False, begin: int = NOON) -> Cells:
    """Buckets in which a value holds for some minutes; of totals, the value is for a quarter."""
    made = np.zeros((len(one.feeds), SLOTS), CELL)
    made["tag"] = -1
    for row, (value, minutes) in said.items():
        for place in range(-(-minutes // 15)):
            covered = min(15, minutes - 15 * place) * MINUTE
            number = begin // BUCKET_US + place
            integral = value if total else value * covered * 1e-6
            made[row, number % SLOTS] = (integral, covered, 1, 2, number, 0)
    return Cells(made, np.arange(len(one.feeds), dtype=np.int64))


def hour(one: RulePlan, said: Said, facts: Facts | None = None) -> Derived:
    """A rule for the hour after NOON, judged whole."""
    whole = np.full((1, len(one.groups)), HOUR)
    total = one.rule.id.startswith("energy")
    source = cells(one, said, total=total)
    frame = frame_of(one, instants(NOON), instants(NOON + HOUR), facts or {})
    return derive(frame, whole, source)


def day(one: RulePlan, said: Said, facts: Facts) -> Derived:
    whole = np.full((1, len(one.groups)), 24 * HOUR)
    source = cells(one, said, total=True, begin=DAY_BEGIN)
    begin, end = instants(DAY_BEGIN), instants(DAY_BEGIN + 24 * HOUR)
    return derive(frame_of(one, begin, end, facts), whole, source)


def air(*places: Places) -> RulePlan:
    return plan(
        "air.pm2_5.hour", *(series(number, places=one) for number, one in enumerate(places, 1))
    )


def numbers(found: Derived, group: int = 0) -> tuple[float, float, float, float]:
    return (
        found.value[0, group],
        found.numerator[0, group],
        found.denominator[0, group],
        found.coverage[0, group],
    )


def test_a_mean_is_that_of_its_stations() -> None:
    found = hour(air((), ()), {0: (10.0, 60), 1: (20.0, 60)})
    assert numbers(found) == (15.0, 30.0, 2.0, 1.0)
    assert (found.observed[0, 0], found.flagged[0, 0]) == (8, 16)
    assert found.valid[0].tolist() == [[True, True]]
    assert found.reasons.tolist() == [[""]]
    assert found.present.all() and found.spoken.all()


def test_a_station_is_valid_from_its_least_coverage_on() -> None:
    found = hour(air((), ()), {0: (10.0, 45), 1: (20.0, 44)})
    assert found.valid[0].tolist() == [[True, False]]
    value, above, below, coverage = numbers(found)
    assert (value, above, below) == (10.0, 10.0, 1.0)
    assert coverage == pytest.approx((45 + 44) / 120)


def test_silent_stations_count_as_nothing_covered() -> None:
    found = hour(air((), (), ()), {0: (10.0, 60)})
    assert np.isnan(numbers(found)[:3]).all()
    assert found.coverage[0, 0] == pytest.approx(1 / 3)
    assert found.reasons.tolist() == [["coverage 0.333, 0.5 needed"]]


def test_no_valid_station_is_a_reason() -> None:
    found = hour(air(()), {0: (10.0, 36)})
    assert np.isnan(found.value).all()
    assert found.reasons.tolist() == [["no station covers 0.75 of the window with pm2_5"]]


def test_a_window_of_which_nobody_said_anything() -> None:
    found = hour(air(()), {})
    assert not found.spoken.any()
    assert found.present.all()
    assert found.reasons.tolist() == [["nothing is left of what was observed"]]


def test_zones_fold_their_own_stations_and_the_city_all() -> None:
    found = hour(air(NORTH, SOUTH, ()), {0: (10.0, 60), 1: (20.0, 60), 2: (60.0, 60)})
    assert found.value.tolist() == [[30.0, 10.0, 20.0]]
    assert found.denominator.tolist() == [[3.0, 1.0, 1.0]]


def test_a_station_counts_in_a_zone_only_while_it_stands_there() -> None:
    one = air(((EARLIEST_US, "north"), (NOON + 45 * MINUTE, "south")), SOUTH)
    found = hour(one, {0: (10.0, 60), 1: (40.0, 60)})
    assert found.value.tolist() == [[25.0, 10.0, 40.0]]
    assert found.coverage.tolist() == [[1.0, 0.75, 0.625]]
    assert found.present.tolist() == [[True, True, True]]
    elsewhere = hour(air(((NOON + HOUR, "north"),)), {0: (10.0, 60)})
    assert elsewhere.present.tolist() == [[True, False]]


def test_sums_take_every_station_and_are_not_scaled_up() -> None:
    one = plan(
        "energy.electricity.hour",
        *(series(number, "electricity_energy", TOTAL) for number in (1, 2)),
    )
    found = hour(one, {0: (3.0, 60), 1: (4.0, 49)})
    value, above, below, coverage = numbers(found)
    assert (value, above) == (28.0, 28.0)
    assert np.isnan(below)
    assert coverage == pytest.approx((60 + 49) / 120)
    less = hour(one, {0: (3.0, 60), 1: (4.0, 46)})
    assert less.reasons == [["coverage 0.883, 0.9 needed"]]


def per_head() -> RulePlan:
    return plan(
        "energy.electricity_per_capita.day",
        series(1, "electricity_energy", TOTAL, places=NORTH),
    )


def test_a_quotient_keeps_its_operands() -> None:
    facts: Facts = {
        ("c", "", "population"): ([0], [1000.0]),
        ("c", "north", "population"): ([0], [10.0]),
    }
    found = day(per_head(), {0: (3.0, 24 * 60)}, facts)
    assert numbers(found) == (0.288, 288.0, 1000.0, 1.0)
    assert numbers(found, 1) == (28.8, 288.0, 10.0, 1.0)


def test_a_fact_that_is_missing_is_a_reason() -> None:
    found = day(per_head(), {0: (3.0, 24 * 60)}, {("c", "", "population"): ([0], [1000.0])})
    assert found.reasons.tolist() == [
        ["", "no population in {inhabitant} is declared for zone north"]
    ]
    nothing = day(per_head(), {0: (3.0, 24 * 60)}, {})
    assert nothing.reasons[0][0] == "no population in {inhabitant} is declared for the city"
    assert np.isnan(nothing.value).all() and np.isnan(nothing.numerator).all()


def test_the_fact_in_force_when_a_window_ends_counts() -> None:
    end = DAY_BEGIN + 24 * HOUR
    facts: Facts = {("c", "", "population"): ([0, end - 1, end], [1.0, 2.0, 4.0])}
    found = day(per_head(), {0: (3.0, 24 * 60)}, facts)
    assert found.denominator[0, 0] == 2.0


def test_a_division_by_nothing_has_no_finite_value() -> None:
    found = day(per_head(), {0: (3.0, 24 * 60)}, {("c", "", "population"): ([0], [0.0])})
    assert found.reasons[0][0] == "the expression has no finite value"


def test_an_open_window_is_judged_by_what_has_passed() -> None:
    begins, ends = instants(NOON, NOON + HOUR), instants(NOON + HOUR, NOON + 2 * HOUR)
    marks = instants(NOON + 30 * MINUTE, NOON + 5 * HOUR, NOON - HOUR)
    assert (elapsed(begins, ends, marks) // MINUTE).tolist() == [[30, 60, -60], [-30, 60, -120]]
    assert elapsed(begins, ends, instants(-(2**62))).max() < -(2**61), "nobody spoke"


def test_coverage_is_never_more_than_whole() -> None:
    one = air((), ())
    judged = np.array([[30 * MINUTE]])
    source = cells(one, {0: (10.0, 60), 1: (20.0, 15)})
    found = derive(frame_of(one, instants(NOON), instants(NOON + HOUR), {}), judged, source)
    assert found.coverage.tolist() == [[0.75]]
    assert found.valid[0].tolist() == [[True, False]]
    assert found.value.tolist() == [[10.0]]


def test_each_window_has_its_own_buckets() -> None:
    one = air(())
    begins = NOON + HOUR * np.arange(3)
    source = cells(one, {0: (10.0, 120)})
    whole = np.full((3, 1), HOUR)
    found = derive(frame_of(one, begins, begins + HOUR, {}), whole, source)
    assert found.value[:2].tolist() == [[10.0], [10.0]]
    assert np.isnan(found.value[2, 0])
    assert found.spoken.tolist() == [True, True, False]
