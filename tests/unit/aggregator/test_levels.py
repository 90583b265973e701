"""Windows inside windows, running ones, spatial rules: hand-made hours of a small city."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pytest

from aggregator.columns import no_cells
from aggregator.derive import Derived, derive
from aggregator.frame import Facts, frame_of
from aggregator.plan import RulePlan, make_plan
from aggregator.stations import Cells
from aggregator.touched import windows_beginning, windows_of
from cityvitals.domain.times import BUCKET_US, to_us
from cityvitals.store.model import SeriesRow
from kpi_rules.load import read_rules
from tests.unit.aggregator.small_city import (
    DAY,
    HOUR,
    NORTH,
    SOUTH,
    instants,
    model,
    series,
    table,
)

NAN: Final = math.nan
MIDNIGHT: Final = to_us(datetime(2026, 11, 23, tzinfo=UTC))
Hours = Mapping[int, Sequence[float]]
"""By row: what it says hour after hour, from a begin; nan for nothing."""

RULE: Final = """
[[rule]]
id = "air.test"
revision = 1
title = "Test"
domain = "air"
unit = "ug/m3"
digits = 1
window = { length = "day", clock = "utc", fold = "buckets" }
input = [{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.5 }]
space = { zone = "mean", city = "mean", min_coverage = 0.0 }
expression = "pm"
source = "made up"
verified = "own"
"""


def planned(*rows: SeriesRow, **changes: str) -> RulePlan:
    """The test's rule with other lines, over some series."""
    lines = [line for line in RULE.splitlines() if line.split(" =")[0] not in changes]
    text = "\n".join([*lines, *(f"{key} = {value}" for key, value in changes.items())])
    (rule,) = read_rules(text, "test.toml")
    (found,) = make_plan(model(rows), table(rows), [rule]).rules
    return found


def hours(plan: RulePlan, said: Hours, begin: int, count: int, share: float = 1.0) -> Cells:
    """Buckets in which each hour's value holds, for a share of it."""
    slots = count * 4
    made = no_cells(len(plan.feeds), slots)
    for row, values in said.items():
        for hour, value in enumerate(values):
            for quarter in range(0 if math.isnan(value) else 4):
                number = begin // BUCKET_US + 4 * hour + quarter
                covered = round(BUCKET_US * share)
                cell = made[row, number % slots]
                cell["tag"], cell["covered"], cell["count"] = number, covered, 1
                cell["integral"] = value * covered * 1e-6
    return Cells(made, np.arange(len(plan.feeds), dtype=np.int64))


def derived(
    plan: RulePlan, source: Cells, begin: int, facts: Facts | None = None, upto: int = 2**62
) -> Derived:
    """The rule's window that begins at a time, judged as it stands at another."""
    begins, ends = windows_beginning(plan, instants(begin))
    judged = np.maximum(np.minimum(ends, upto) - begins, 0)
    judged = np.repeat(judged[:, None], len(plan.groups), axis=1)
    return derive(frame_of(plan, begins, ends, facts or {}), judged, source)


def value(found: Derived, group: int = 0) -> float:
    return float(found.value[0, group])


def test_a_day_of_valid_hours_weighs_each_the_same() -> None:
    plan = planned(series(1), window='{ length = "day", clock = "utc", fold = "valid_hours" }')
    source = hours(plan, {0: [10.0] * 12 + [NAN] * 6 + [40.0] * 6}, MIDNIGHT, 24)
    found = derived(plan, source, MIDNIGHT)
    assert value(found) == (10.0 * 12 + 40.0 * 6) / 18
    assert found.coverage[0, 0] == 0.75
    # The last quarter of an hour that is covered by half does not make it valid.
    some = hours(plan, {0: [10.0] * 24}, MIDNIGHT, 24, share=0.5)
    assert math.isnan(value(derived(plan, some, MIDNIGHT)))


EIGHT_HOURS = """[{ name = "pm", quantity = "pm2_5", statistic = "max", min_count = 18, \
min_coverage = 0.0, levels = [{ length = "hour", statistic = "mean", min_coverage = 0.75 }, \
{ length = "running_8h", statistic = "mean", min_count = 6, belongs_to = "end" }] }]"""


def test_the_highest_eight_hours_of_a_day_are_those_that_end_in_it() -> None:
    plan = planned(series(1), input=EIGHT_HOURS)
    said = [50.0] * 8 + [float(hour) for hour in range(24)]
    source = hours(plan, {0: said}, MIDNIGHT - 8 * HOUR, 40)
    # The first ends at 01:00 and holds seven hours of the day before.
    ending = [np.mean(said[end - 8 : end]) for end in range(9, 33)]
    assert value(derived(plan, source, MIDNIGHT)) == pytest.approx(max(ending))
    assert max(ending) == ending[0]
    # Eight hours without three of them are none; a day with too few of them is none.
    gappy = hours(plan, {0: [NAN] * 8 + said[8:20] + [NAN] * 12}, MIDNIGHT - 8 * HOUR, 40)
    found = derived(plan, gappy, MIDNIGHT)
    assert math.isnan(value(found))
    assert "no station has 18 values" in found.reasons[0][0]


def test_eight_hours_from_seven_on_reach_into_the_next_day() -> None:
    shown = EIGHT_HOURS.replace('belongs_to = "end"', "begins = [7, 23]").replace("18", "13")
    plan = planned(series(1), input=shown)
    said = [100.0] * 7 + [1.0] * 17 + [30.0] * 7
    source = hours(plan, {0: said}, MIDNIGHT, 48)
    found = [np.mean(said[begin : begin + 8]) for begin in range(7, 24)]
    assert value(derived(plan, source, MIDNIGHT)) == pytest.approx(max(found))
    assert plan.reach.ahead == 7 * HOUR
    # What comes at six the next morning belongs to both days, at eight to that day alone.
    begins, _ = windows_of(plan, instants(MIDNIGHT + DAY + 6 * HOUR))
    assert begins.tolist() == [MIDNIGHT, MIDNIGHT + DAY]
    begins, _ = windows_of(plan, instants(MIDNIGHT + DAY + 8 * HOUR))
    assert begins.tolist() == [MIDNIGHT + DAY]


NOWCAST = """[{ name = "pm", quantity = "pm2_5", statistic = "values", window = "running_12h", \
min_coverage = 0.0, floor = 0.0, \
levels = [{ length = "hour", statistic = "mean", min_coverage = 0.75 }] }]"""
HOURLY = '{ length = "hour", clock = "utc", fold = "buckets" }'


def test_an_hour_sees_the_twelve_that_end_with_it() -> None:
    plan = planned(series(1), input=NOWCAST, window=HOURLY, expression='"sum(pm) / count(pm >= 0)"')
    said = [float(hour) for hour in range(24)]
    said[20] = NAN
    said[21] = -5.0
    source = hours(plan, {0: said}, MIDNIGHT, 24)
    found = derived(plan, source, MIDNIGHT + 23 * HOUR)
    last = [0.0 if one < 0 else one for one in said[12:24] if not math.isnan(one)]
    assert value(found) == pytest.approx(sum(last) / len(last))
    begins, _ = windows_of(plan, instants(MIDNIGHT + 3 * HOUR))
    assert begins.tolist() == [MIDNIGHT + hour * HOUR for hour in range(3, 15)]
    # Provisional, at ten past: the hour that has begun is judged by what has passed of it.
    at_ten = hours(plan, {0: [*said[:23], NAN]}, MIDNIGHT, 24)
    number = (MIDNIGHT + 23 * HOUR) // BUCKET_US
    cell = at_ten.cells[0, number % 96]
    cell["tag"], cell["covered"], cell["count"], cell["integral"] = number, 6e8, 1, 99.0 * 600
    soon = derived(plan, at_ten, MIDNIGHT + 23 * HOUR, upto=MIDNIGHT + 23 * HOUR + 600_000_000)
    assert value(soon) == pytest.approx((sum(last) - 23.0 + 99.0) / len(last))


def test_the_floor_is_said_in_the_unit_that_the_expression_sees() -> None:
    text = NOWCAST.replace("floor = 0.0", 'floor = 2.0, unit = "mg/m3"')
    plan = planned(series(1), input=text, window=HOURLY, expression='"mean(pm)"')
    source = hours(plan, {0: [1000.0, 5000.0] * 12}, MIDNIGHT, 24)
    assert value(derived(plan, source, MIDNIGHT + 23 * HOUR)) == pytest.approx(3500.0)


def test_places_know_their_hour() -> None:
    night = '"mean(missing if hour_of(pm) >= 4 else pm)"'
    daily = NOWCAST.replace('window = "running_12h", ', "")
    plan = planned(
        series(1),
        input=daily,
        window='{ length = "day", clock = "local", fold = "buckets" }',
        expression=night,
    )
    said = [float(hour) for hour in range(24)]
    begin = MIDNIGHT - HOUR  # Rome's midnight
    found = derived(plan, hours(plan, {0: said}, begin, 24), begin)
    assert value(found) == np.mean([0.0, 1.0, 2.0, 3.0])


def test_an_index_of_means_is_no_mean_of_indices() -> None:
    square = '"pm * pm / unit(\\"ug/m3\\")"'
    stations = [series(1, places=NORTH), series(2, places=NORTH)]
    said = {0: [10.0] * 24, 1: [20.0] * 24}
    first = planned(*stations, expression=square)
    assert value(derived(first, hours(first, said, MIDNIGHT, 24), MIDNIGHT)) == 225.0
    worst = '{ zone = "max", city = "mean", min_coverage = 0.0, order = "evaluate_first" }'
    each = planned(*stations, expression=square, space=worst)
    found = derived(each, hours(each, said, MIDNIGHT, 24), MIDNIGHT)
    assert (value(found), value(found, 1)) == (250.0, 400.0)
    assert (found.numerator[0, 0], found.denominator[0, 0]) == (500.0, 2.0)


def test_sensors_of_two_quantities_are_put_together() -> None:
    two = """[{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.5, \
optional = true }, { name = "dust", quantity = "pm10", statistic = "mean", min_coverage = 0.5, \
optional = true }]"""
    rows = [series(1), series(2, "pm10", sensor="s1"), series(3, "pm10", sensor="s9")]
    space = '{ zone = "mean", city = "mean", min_coverage = 0.0, order = "evaluate_first" }'
    plan = planned(*rows, input=two, expression='"highest(pm, dust)"', space=space)
    found = derived(
        plan, hours(plan, {0: [10.0] * 24, 1: [30.0] * 24, 2: [50.0] * 24}, MIDNIGHT, 24), MIDNIGHT
    )
    assert value(found) == (30.0 + 50.0) / 2


def test_a_city_is_the_mean_of_its_people() -> None:
    space = '{ zone = "mean", city = "population_weighted", min_coverage = 0.0 }'
    rows = [series(1, places=NORTH), series(2, places=NORTH), series(3, places=SOUTH)]
    plan = planned(*rows, space=space)
    source = hours(plan, {0: [10.0] * 24, 1: [20.0] * 24, 2: [40.0] * 24}, MIDNIGHT, 24)
    people: Facts = {
        ("c", "north", "population"): ([0], [3000.0]),
        ("c", "south", "population"): ([0], [1000.0]),
    }
    found = derived(plan, source, MIDNIGHT, people)
    assert [value(found, group) for group in range(3)] == [(15.0 * 3 + 40.0) / 4, 15.0, 40.0]
    without = derived(plan, source, MIDNIGHT, {("c", "north", "population"): ([0], [3000.0])})
    assert math.isnan(value(without))
    assert without.reasons[0][0] == "no population is declared for a zone that has a value"


def test_zones_are_judged_by_the_city_where_that_weights_them() -> None:
    space = '{ zone = "mean", city = "population_weighted", min_coverage = 0.0 }'
    plan = planned(series(1, places=NORTH), series(2, places=SOUTH), space=space)
    source = hours(plan, {0: [10.0] * 6, 1: [40.0] * 12}, MIDNIGHT, 24)
    people: Facts = {("c", zone, "population"): ([0], [1000.0]) for zone in ("north", "south")}
    begins, ends = windows_beginning(plan, instants(MIDNIGHT))
    judged = np.array([[12 * HOUR, 24 * HOUR, 12 * HOUR]])
    found = derive(frame_of(plan, begins, ends, people), judged, source)
    assert value(found) == 25.0, "half of what has passed for the city"
    assert math.isnan(value(found, 1)), "a quarter of what has passed in the north"
    assert value(found, 2) == 40.0
    assert found.valid[0].tolist() == [[True, True, False, True]], "members of the city, and zones"
    assert found.reasons[0, 0] == ""


@pytest.mark.parametrize(
    ("how", "expected"), [("max", 50.0), ("min", 10.0), ("median", 15.0), ("sum", 95.0)]
)
def test_stations_are_combined_as_the_rule_says(how: str, expected: float) -> None:
    space = f'{{ zone = "{how}", city = "{how}", min_coverage = 0.0 }}'
    given = "[{ name = 'pm', quantity = 'pm2_5', statistic = 'mean', min_coverage = 0.0 }]"
    plan = planned(*(series(number) for number in range(1, 5)), space=space, input=given)
    said = {0: [50.0] * 24, 1: [10.0] * 24, 2: [20.0] * 24, 3: [15.0] * 24}
    if how == "median":
        said[3] = [10.0] * 24
    found = derived(plan, hours(plan, said, MIDNIGHT, 24), MIDNIGHT)
    assert value(found) == expected


def test_too_few_stations_are_named() -> None:
    space = '{ zone = "mean", city = "mean", min_coverage = 0.0, min_stations = 3 }'
    plan = planned(series(1), series(2), series(3), space=space)
    found = derived(plan, hours(plan, {0: [1.0] * 24, 1: [2.0] * 24}, MIDNIGHT, 24), MIDNIGHT)
    assert math.isnan(value(found))
    assert found.reasons[0][0].startswith("fewer than 3 stations cover")


def test_numbers_are_rounded_before_and_after() -> None:
    given = """[{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.5, \
rounding = { mode = "truncate", digits = 1 } }]"""
    plan = planned(
        series(1), input=given, expression='"pm * 3"', rounding='{ mode = "half_up", digits = 0 }'
    )
    found = derived(plan, hours(plan, {0: [9.29] * 24}, MIDNIGHT, 24), MIDNIGHT)
    assert value(found) == 28.0  # 3 * 9.2 = 27.6


def test_a_rule_holds_for_windows_that_begin_while_it_is_valid() -> None:
    plan = planned(series(1), valid_from="2026-11-23", valid_to="2026-11-25")
    begins, _ = windows_of(plan, instants(*(MIDNIGHT + day * DAY for day in range(-3, 5))))
    assert begins.tolist() == [MIDNIGHT, MIDNIGHT + DAY]


def test_a_year_is_folded_of_its_hours() -> None:
    yearly = '{ length = "year", clock = "utc", fold = "valid_hours" }'
    plan = planned(series(1), window=yearly)
    begin = to_us(datetime(2024, 1, 1, tzinfo=UTC))
    drawn = np.random.default_rng(1).uniform(0, 50, 8784)
    found = derived(plan, hours(plan, {0: drawn.tolist()}, begin, 8784), begin)
    assert value(found) == pytest.approx(drawn.mean(), rel=1e-12)
    assert plan.reach.whole > 360 * DAY


def test_a_rule_of_facts_alone_holds_where_they_are_known() -> None:
    lines = RULE.replace(
        'input = [{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.5 }]', ""
    )
    text = lines.replace('"ug/m3"', '"1"').replace(
        'expression = "pm"', 'expression = "cars / people"'
    )
    text += """
[[rule.fact]]
name = "cars"
unit = "1"

[[rule.fact]]
name = "people"
unit = "1"
"""
    (rule,) = read_rules(text, "test.toml")
    rows = [series(1, places=NORTH)]
    (plan,) = make_plan(model(rows), table(rows), [rule]).rules
    assert plan.groups == ("", "north", "south")
    facts: Facts = {
        ("c", "", "cars"): ([0], [500.0]),
        ("c", "", "people"): ([0, MIDNIGHT + DAY], [1000.0, 2000.0]),
        ("c", "north", "cars"): ([0], [100.0]),
    }
    begins, ends = windows_of(plan, instants(MIDNIGHT, MIDNIGHT + DAY))
    judged = np.full((2, 3), DAY)
    found = derive(frame_of(plan, begins, ends, facts), judged, Cells(no_cells(1, 4), instants(0)))
    assert found.value[:, 0].tolist() == [0.5, 0.25]
    assert (found.numerator[0, 0], found.denominator[0, 0]) == (500.0, 1000.0)
    north, south = "no people is declared for zone north", "no cars is declared for zone south"
    assert found.reasons[0].tolist() == ["", north, south]
    assert found.present.tolist() == [[True, True, False]] * 2
