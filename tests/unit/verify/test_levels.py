"""Windows inside windows, worked out by hand."""

import math

import numpy as np
import pytest

from cityvitals.verify.edges import HOUR
from kpi_rules.model import Rule
from tests.unit.verify.town import NAN, ROME, found, hours, rule, station, town, us, values

DAY = us(2026, 3, 2)
HOURS_MEAN = '{ length = "hour", statistic = "mean", min_coverage = 0.75 }'


def day_rule(
    levels: str, statistic: str = "mean", more: str = "", clock: str = "utc", least: float = 0.75
) -> Rule:
    """A rule of days; the unit is that of what it counts or means."""
    text = (
        f'{{ name = "x", quantity = "o3", statistic = "{statistic}", min_coverage = {least}, '
        f"levels = [{levels}]{more} }}"
    )
    unit = "1" if statistic == "count" else "ug/m3"
    return rule(text, window=f'length = "day", clock = "{clock}"', unit=unit)


class TestHoursOfADay:
    def test_the_mean_of_valid_hours_is_not_the_mean_of_the_time(self) -> None:
        said = [10.0] * 18 + [40.0] * 4
        # Hours of 40 are covered by 76 % and count like whole ones; the one of 74 % does not.
        shares = [1.0] * 18 + [0.76] * 4
        one = day_rule(HOURS_MEAN)
        both = town(one, station(1, hours(DAY, [*said, 99.0], [*shares, 0.74])))
        assert values(one, both) == {DAY: pytest.approx((180 + 160) / 22)}

    def test_eighteen_of_24_hours_suffice_17_do_not(self) -> None:
        one = day_rule(HOURS_MEAN)
        assert values(one, town(one, station(1, hours(DAY, [5.0] * 18)))) == {DAY: 5.0}
        assert values(one, town(one, station(1, hours(DAY, [5.0] * 17)))) == {}

    def test_min_count_asks_for_more(self) -> None:
        one = day_rule(HOURS_MEAN, more=", min_count = 19")
        assert values(one, town(one, station(1, hours(DAY, [5.0] * 18)))) == {}
        assert values(one, town(one, station(1, hours(DAY, [5.0] * 19)))) == {DAY: 5.0}

    @pytest.mark.parametrize(
        ("statistic", "expected"),
        [("min", 1.0), ("max", 24.0), ("first", 1.0), ("last", 24.0), ("mean", 12.5)],
    )
    def test_statistics_of_values(self, statistic: str, expected: float) -> None:
        one = day_rule(HOURS_MEAN, statistic)
        stations = town(one, station(1, hours(DAY, [float(n) for n in range(1, 25)])))
        assert values(one, stations) == {DAY: expected}

    def test_count_and_total_are_of_values_not_of_time(self) -> None:
        one = day_rule(HOURS_MEAN, "count")
        assert values(one, town(one, station(1, hours(DAY, [7.0] * 20)))) == {DAY: 20.0}
        one = day_rule(HOURS_MEAN, "total")
        assert values(one, town(one, station(1, hours(DAY, [7.0] * 20)))) == {DAY: 140.0}

    def test_the_energy_mean_of_levels(self) -> None:
        one = day_rule(HOURS_MEAN, "energy_mean")
        said = [60.0] * 12 + [70.0] * 12
        expected = 10 * math.log10((1e6 + 1e7) / 2)
        found_here = values(one, town(one, station(1, hours(DAY, said))))
        assert found_here == {DAY: pytest.approx(expected, rel=1e-14)}

    def test_missing_first_and_last_hours_are_stepped_over(self) -> None:
        for statistic, expected in (("first", 2.0), ("last", 3.0)):
            one = day_rule(HOURS_MEAN, statistic)
            said = [NAN, 2.0, *[2.5] * 20, 3.0, NAN]
            assert values(one, town(one, station(1, hours(DAY, said)))) == {DAY: expected}

    def test_rounding_of_a_level_comes_before_the_mean(self) -> None:
        rounded = HOURS_MEAN.replace(" }", ', rounding = { mode = "truncate", digits = 0 } }')
        one = day_rule(rounded)
        said = [1.9, 2.9] * 12
        assert values(one, town(one, station(1, hours(DAY, said)))) == {DAY: 1.5}

    def test_rounding_of_an_input_comes_before_stations_are_combined(self) -> None:
        one = day_rule(HOURS_MEAN, more=', rounding = { mode = "truncate", digits = 0 }')
        stations = town(one, station(1, hours(DAY, [1.9] * 24)), station(2, hours(DAY, [2.9] * 24)))
        # Truncated to 1 and 2; their mean, 1.5, is an input's number too, so truncated to 1.
        assert values(one, stations) == {DAY: 1.0}

    def test_the_floor_lifts_hours_before_anything_else(self) -> None:
        one = day_rule(HOURS_MEAN, more=", floor = 0.0")
        said = [-4.0, 8.0] * 12
        assert values(one, town(one, station(1, hours(DAY, said)))) == {DAY: 4.0}

    def test_the_floor_is_said_in_the_unit_that_the_expression_sees(self) -> None:
        one = day_rule(HOURS_MEAN, more=', unit = "mg/m3", floor = 2.0')
        said = town(one, station(1, hours(DAY, [1000.0, 5000.0] * 12), scale=1e-3))
        assert values(one, said) == {DAY: pytest.approx(3500.0)}  # 2 and 5 mg/m3


class TestDaysWhenClocksChange:
    def test_the_day_of_the_lost_hour_has_23_places(self) -> None:
        one = day_rule(HOURS_MEAN, "count", clock="local")
        begin = us(2022, 3, 26, 23)
        stations = town(one, station(1, hours(begin - HOUR, [1.0] * 26)))
        assert values(one, stations, time_zone=ROME)[begin] == 23.0
        # 17 of 23 hours are 73.9 %, 18 are 78.3 %.
        for known, enough in ((17, False), (18, True)):
            stations = town(one, station(1, hours(begin, [1.0] * known)))
            assert (begin in values(one, stations, time_zone=ROME)) is enough

    def test_the_day_of_the_doubled_hour_has_25(self) -> None:
        one = day_rule(HOURS_MEAN, "count", clock="local")
        begin = us(2022, 10, 29, 22)
        stations = town(one, station(1, hours(begin - HOUR, [1.0] * 28)))
        assert values(one, stations, time_zone=ROME)[begin] == 25.0

    def test_hours_of_the_night_are_those_that_the_clock_shows(self) -> None:
        night = HOURS_MEAN.replace(" }", ", begins = [1, 3] }")
        one = day_rule(night, "count", clock="local", least=0)
        for begin, expected in ((us(2022, 3, 26, 23), 2.0), (us(2022, 10, 29, 22), 4.0)):
            stations = town(one, station(1, hours(begin, [1.0] * 23)))
            assert values(one, stations, time_zone=ROME)[begin] == expected

    def test_an_input_can_be_cut_by_another_clock(self) -> None:
        # In Kathmandu (UTC+5:45) hours of UTC lie across midnight: they are of the date in which
        # they begin, so what covers that date to the quarter hour leaves the last one short.
        begin = us(2022, 6, 30, 18, 15)
        for clock, whole in (("local", 24.0), ("utc", 23.0)):
            one = day_rule(HOURS_MEAN.replace("0.75", "1.0"), "count", CLOCK % clock, "local")
            stations = town(one, station(1, hours(begin, [1.0] * 24)))
            assert values(one, stations, time_zone="Asia/Kathmandu")[begin] == whole


CLOCK = ', clock = "%s"'
EIGHT = (
    HOURS_MEAN + ', { length = "running_8h", statistic = "mean", min_coverage = 0.75'
    ', belongs_to = "BELONGS" }'
)


class TestEightHours:
    def ozone(self, belongs: str) -> Rule:
        return day_rule(EIGHT.replace("BELONGS", belongs), "max")

    def test_by_its_end_a_day_holds_what_ends_in_it(self) -> None:
        one = self.ozone("end")
        # 80 from 18:00 to 02:00: the eight hours that end at 02:00 are all of it.
        said = [8.0] * 18 + [80.0] * 8 + [8.0] * 22
        found_here = values(one, town(one, station(1, hours(DAY, said))))
        assert found_here[DAY] == (2 * 8 + 6 * 80) / 8
        assert found_here[DAY + 24 * HOUR] == 80.0

    def test_by_its_begin_it_holds_what_begins_in_it(self) -> None:
        one = self.ozone("begin")
        said = [8.0] * 18 + [80.0] * 8 + [8.0] * 22
        found_here = values(one, town(one, station(1, hours(DAY, said))))
        assert found_here[DAY] == 80.0
        assert found_here[DAY + 24 * HOUR] == (2 * 80 + 6 * 8) / 8

    def test_six_of_eight_hours_suffice(self) -> None:
        one = self.ozone("end")
        # Without two hours every eight of them have six. Without three, six eights have five, so
        # that 18 of 24 are left; without four, seven lack too much, and 17 are not enough.
        for gone, enough in ((2, True), (3, True), (4, False)):
            said = [*[1.0] * 8, *[5.0] * 10, *[NAN] * gone, *[5.0] * (14 - gone)]
            rows = values(one, town(one, station(1, hours(DAY - 8 * HOUR, said))))
            assert (rows.get(DAY) == 5.0) is enough

    def test_coverage_is_of_the_day_whatever_its_levels_reach(self) -> None:
        one = self.ozone("begin")
        rows = found(one, town(one, station(1, hours(DAY, [5.0] * 12, 0.9))))
        assert rows[DAY]["coverage"] == pytest.approx(0.45)
        assert (rows[DAY]["observed"], rows[DAY]["flagged"]) == (48, 0)

    def test_a_day_that_only_its_levels_reach_has_an_indicator(self) -> None:
        said = hours(DAY, [5.0] * 24)
        for belongs, reached in (("begin", DAY - 24 * HOUR), ("end", DAY + 24 * HOUR)):
            one = self.ozone(belongs)
            rows = found(one, town(one, station(1, said)))
            assert {at for at, row in rows.items() if row["spoken"]} == {DAY, reached}
            assert (rows[reached]["coverage"], rows[reached]["observed"]) == (0.0, 0)


class TestOpenWindows:
    def test_places_are_those_that_have_begun(self) -> None:
        one = day_rule(HOURS_MEAN)
        stations = town(one, station(1, hours(DAY, [4.0] * 6)))
        assert values(one, stations, mark=DAY + 8 * HOUR) == {DAY: 4.0}
        assert values(one, stations, mark=DAY + 8 * HOUR + 1) == {}
        (row,) = found(one, stations, mark=DAY + 8 * HOUR).values()
        assert row["coverage"] == 0.75

    def test_an_open_hour_is_judged_by_what_has_passed_of_it(self) -> None:
        one = day_rule(HOURS_MEAN, "count")
        said = hours(DAY, [4.0] * 3)
        stations = town(one, station(1, said[: 2 * 4 + 1]))  # a quarter of the third hour
        assert values(one, stations, mark=DAY + 2 * HOUR + HOUR // 4) == {DAY: 3.0}
        # Of half an hour one quarter is too little, so two of three places are: 67 %.
        assert values(one, stations, mark=DAY + 2 * HOUR + HOUR // 2) == {}


def test_years_of_days_of_hours() -> None:
    levels = HOURS_MEAN + ', { length = "day", statistic = "max", min_coverage = 0.75 }'
    text = '{ name = "x", quantity = "o3", statistic = "mean", min_coverage = 0.75, levels = [%s] }'
    one = rule(text % levels, window='length = "year", clock = "utc"')
    said = np.tile([1.0] * 23 + [3.0], 365)
    said[: 24 * 100] = NAN
    stations = town(one, station(1, hours(us(2025, 1, 1), said.tolist())))
    assert values(one, stations) == {}
    said[: 24 * 20] = 5.0
    said[24 * 20 : 24 * 100] = 1.0
    stations = town(one, station(1, hours(us(2025, 1, 1), said.tolist())))
    expected = (20 * 5 + 80 * 1 + 265 * 3) / 365
    assert values(one, stations) == {us(2025, 1, 1): pytest.approx(expected)}
