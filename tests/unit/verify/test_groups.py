"""How stations become zones and cities, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from cityvitals.store.audit import AuditSeries
from cityvitals.verify.edges import HOUR
from cityvitals.verify.fold import QUARTER
from cityvitals.verify.layers import frames, windows_of
from cityvitals.verify.stations import Station, zones_of
from cityvitals.verify.values import expect
from kpi_rules.model import Rule
from kpi_rules.words import ClockName
from tests.unit.verify.town import (
    NAN,
    ROME,
    X,
    figure,
    found,
    hours,
    rule,
    station,
    town,
    us,
    values,
)

DAY = us(2026, 3, 2)


def space(zone: str, city: str = "", more: str = "") -> str:
    return f'zone = "{zone}", city = "{city or zone}", min_coverage = 0{more}'


def several(*said: float) -> tuple[Station, ...]:
    return tuple(station(nth, hours(DAY, [one])) for nth, one in enumerate(said, 1))


class TestCombines:
    @pytest.mark.parametrize(
        ("combine", "expected"),
        [("mean", 19.0), ("min", 1.0), ("max", 60.0), ("median", 7.5)],
    )
    def test_one_value_for_all_stations(self, combine: str, expected: float) -> None:
        one = rule(space=space(combine))
        (row,) = found(one, town(one, *several(60.0, 1.0, 5.0, 10.0))).values()
        assert row["value"] == expected
        assert (row["stations"], row["series_sum"]) == (4, 10)
        mean = combine == "mean"
        assert row["numerator"] == (76.0 if mean else expected)
        assert row["denominator"] == 4.0 if mean else np.isnan(row["denominator"])

    def test_the_median_of_an_odd_number_is_the_middle_one(self) -> None:
        one = rule(space=space("median"))
        assert values(one, town(one, *several(60.0, 1.0, 5.0))) == {DAY: 5.0}

    def test_a_sum_takes_every_station_however_little_it_covers(self) -> None:
        text = X.replace("0.75", "0").replace("mean", "integral")
        one = rule(text, space=space("sum"), unit="ug/m3", expression='x / (3600 * unit(\\"s\\"))')
        said = (station(1, hours(DAY, [8.0], 0.25)), station(2, hours(DAY, [6.0])))
        assert values(one, town(one, *said)) == {DAY: pytest.approx(8.0)}

    def test_min_stations(self) -> None:
        one = rule(space=space("mean", more=", min_stations = 3"))
        assert values(one, town(one, *several(1.0, 2.0))) == {}
        assert values(one, town(one, *several(1.0, 2.0, 3.0))) == {DAY: 2.0}


class TestPopulationWeighted:
    FACTS = (figure("population", 3000, "north"), figure("population", 1000, "south"))

    def rule(self, more: str = "") -> Rule:
        return rule(space=space("mean", "population_weighted", more))

    def stations(self) -> dict[str, dict[str, list[Station]]]:
        north = [station(1, hours(DAY, [10.0])), station(2, hours(DAY, [20.0]))]
        south, nowhere = [station(3, hours(DAY, [39.0]))], [station(4, hours(DAY, [999.0]))]
        return {"x": {"": north + south + nowhere, "north": north, "south": south}}

    def test_zones_weigh_by_who_lives_there(self) -> None:
        (row,) = found(self.rule(), self.stations(), facts=self.FACTS).values()
        assert row["value"] == (15.0 * 3000 + 39.0 * 1000) / 4000
        assert row["numerator"] == row["value"]
        assert np.isnan(row["denominator"])
        assert (row["stations"], row["series_sum"]) == (3, 6)
        assert row["coverage"] == 1.0

    def test_the_zones_themselves_are_means(self) -> None:
        assert values(self.rule(), self.stations(), "north", facts=self.FACTS) == {DAY: 15.0}

    def test_a_zone_with_a_value_but_without_population_leaves_none(self) -> None:
        assert values(self.rule(), self.stations(), facts=self.FACTS[:1]) == {}

    def test_a_zone_without_a_value_needs_no_population(self) -> None:
        stations = self.stations()
        stations["x"]["west"] = [station(5, hours(DAY + HOUR, [1.0]))]
        assert values(self.rule(), stations, facts=self.FACTS)[DAY] == 21.0

    def test_the_population_is_the_one_at_the_end_of_the_window(self) -> None:
        ends = figure("population", 1000, "north", DAY + HOUR)
        before = figure("population", 1000, "north", DAY + HOUR - 1)
        for later, expected in ((ends, 21.0), (before, 27.0)):
            facts = (*self.FACTS, later)
            assert values(self.rule(), self.stations(), facts=facts) == {DAY: expected}

    def test_of_expressions_that_come_first(self) -> None:
        one = rule(
            space=space("max", "population_weighted", ', order = "evaluate_first"'),
            expression="2 * x",
        )
        expected = (40.0 * 3000 + 78.0 * 1000) / 4000
        assert values(one, self.stations(), facts=self.FACTS) == {DAY: expected}


def test_an_input_can_be_combined_in_its_own_way() -> None:
    """Of all that flows in, the share of the most that one main takes: (3 + 1) and 3."""
    worst = X.replace(" }", ', combine = "max" }').replace('"x"', '"worst"')
    whole = X.replace(" }", ', combine = "sum" }').replace("0.75", "0")
    one = rule(f"{worst}, {whole}", expression="worst / x", unit="1")
    (row,) = found(one, town(one, *several(3.0, 1.0))).values()
    assert (row["value"], row["numerator"], row["denominator"]) == (0.75, 3.0, 4.0)
    alone = rule(worst, expression="worst")
    (row,) = found(alone, town(alone, *several(3.0, 1.0))).values()
    assert row["value"] == row["numerator"] == 3.0
    assert np.isnan(row["denominator"])


Y = X.replace('"x"', '"y"').replace('"o3"', '"no2"')
FIRST = ', order = "evaluate_first"'


class TestEvaluateFirst:
    def both(self) -> dict[str, dict[str, list[Station]]]:
        """Three sensors: one of both, one of ozone alone, one of nitrogen dioxide alone."""
        ozone = [station(1, hours(DAY, [10.0]), "a"), station(2, hours(DAY, [50.0]), "b")]
        dioxide = [station(3, hours(DAY, [30.0]), "a"), station(4, hours(DAY, [20.0]), "c")]
        return {"x": {"": ozone}, "y": {"": dioxide}}

    def test_the_mean_of_the_highest_is_not_the_highest_of_the_means(self) -> None:
        last = rule(f"{X}, {Y}", expression="highest(x, y)")
        first = rule(f"{X}, {Y}", expression="highest(x, y)", space=space("mean", more=FIRST))
        assert values(last, self.both()) == {DAY: 30.0}
        (row,) = found(first, self.both()).values()
        assert row["value"] == (30.0 + 50.0 + 20.0) / 3
        assert (row["numerator"], row["denominator"]) == (100.0, 3.0)
        assert (row["series"], row["series_sum"], row["stations"]) == (4, 10, 3)

    def test_a_sensor_that_lacks_an_input_has_it_missing(self) -> None:
        one = rule(f"{X}, {Y}", expression="x + y", space=space("max", more=FIRST))
        (row,) = found(one, self.both()).values()
        assert (row["value"], row["numerator"]) == (40.0, 40.0)
        assert np.isnan(row["denominator"])
        assert (row["series"], row["series_sum"], row["stations"]) == (2, 4, 1)

    def test_the_first_series_stands_for_a_sensor(self) -> None:
        one = rule(space=space("mean", more=FIRST))
        said = (
            station(1, hours(DAY, [10.0], 0.9), "a"),
            station(2, hours(DAY, [90.0]), "a"),
            station(3, hours(DAY, [20.0]), "b"),
        )
        (row,) = found(one, town(one, *said)).values()
        assert row["value"] == pytest.approx(15.0)
        assert row["coverage"] == pytest.approx(0.95)
        assert row["observed"] == 8

    def test_min_stations_counts_sensors_with_a_value(self) -> None:
        more = FIRST + ", min_stations = 2"
        one = rule(f"{X}, {Y}", expression="x + y", space=space("mean", more=more))
        assert values(one, self.both()) == {}

    def test_the_combined_value_is_rounded_not_each(self) -> None:
        one = rule(
            space=space("mean", more=FIRST),
            keys='rounding = { mode = "half_up", digits = 0 }',
        )
        (row,) = found(one, town(one, *several(1.4, 1.4, 2.4))).values()
        assert row["value"] == 2.0
        assert row["numerator"] == pytest.approx(5.2)


class TestSeries:
    def series(self, expression: str, more: str = "", unit: str = "ug/m3") -> Rule:
        text = (
            '{ name = "x", quantity = "o3", statistic = "values", min_coverage = 0.75, levels = '
            '[{ length = "hour", statistic = "mean", min_coverage = 0.75 }] }'
        )
        one = 'length = "day", clock = "local"'
        return rule(
            text, window=one, expression=expression, unit=unit, space=space("mean", more=more)
        )

    def test_stations_are_combined_place_by_place(self) -> None:
        one = self.series("max(x)")
        said = (
            station(1, hours(DAY, [1.0, 9.0, NAN, *[0.0] * 21])),
            station(2, hours(DAY, [9.0, 1.0, 7.0, *[0.0] * 21])),
        )
        (row,) = found(one, town(one, *said)).values()
        assert row["value"] == 7.0
        assert row["numerator"] == 7.0
        assert np.isnan(row["denominator"])

    def test_or_each_has_its_own_and_then_they_are(self) -> None:
        one = self.series("max(x)", FIRST)
        said = (
            station(1, hours(DAY, [1.0, 9.0, *[0.0] * 22])),
            station(2, hours(DAY, [8.0, 1.0, *[0.0] * 22])),
        )
        (row,) = found(one, town(one, *said)).values()
        assert row["value"] == 8.5

    def test_a_station_with_too_few_places_has_none(self) -> None:
        one = self.series("max(x)")
        said = (
            station(1, hours(DAY, [99.0] * 17)),
            station(2, hours(DAY, [1.0] * 18)),
        )
        (row,) = found(one, town(one, *said)).values()
        assert (row["value"], row["stations"], row["series_sum"]) == (1.0, 1, 2)

    def test_places_have_the_times_of_the_clock(self) -> None:
        one = self.series("count(hour_of(x) == 2)", unit="1")
        for begin, expected in ((us(2022, 3, 26, 23), 0.0), (us(2022, 10, 29, 22), 2.0)):
            rows = values(one, town(one, station(1, hours(begin, [1.0] * 23))), time_zone=ROME)
            assert rows[begin] == expected

    def test_an_inputs_own_clock_is_asked(self) -> None:
        one = self.series("max(x if hour_of(x) < 2 else missing)")
        (only,) = one.inputs
        other = replace(one, inputs=(replace(only, clock=ClockName.UTC),))
        begin = us(2026, 3, 1, 23)  # midnight in Rome
        said = [float(n) for n in range(24)]
        for each, expected in ((one, 1.0), (other, 2.0)):
            rows = values(each, town(each, station(1, hours(begin, said))), time_zone=ROME)
            assert rows[begin] == expected

    def test_weekdays_and_months(self) -> None:
        # 2026-03-02 is a Monday.
        for asked, expected in (("weekday_of(x) == 1", 24.0), ("month_of(x) == 3", 24.0)):
            one = self.series(f"count({asked})", unit="1")
            assert values(one, town(one, station(1, hours(DAY, [1.0] * 24)))) == {DAY: expected}

    def test_where_nobody_is_the_series_is_missing(self) -> None:
        one = self.series("max(x)")
        stations = town(one, station(1, hours(DAY, [1.0] * 24)))
        (row,) = found(one, stations, "west").values()
        assert np.isnan(row["value"])
        assert not row["placed"]


class TestFacts:
    def test_zones_may_use_the_citys_figure(self) -> None:
        facts = 'fact = [{ name = "limit", unit = "ug/m3"%s }]'
        figures = [figure("limit", 4.0), figure("limit", 2.0, "north")]
        for more, expected in (("", 5.0), (", of_city = true", 2.5)):
            one = rule(expression="x / limit", unit="1", keys=facts % more)
            stations = town(one, *several(10.0), zone="north")
            (row,) = found(one, stations, "north", facts=figures).values()
            assert row["value"] == expected
            assert (row["numerator"], row["denominator"]) == (10.0, 10.0 / expected)

    def test_an_optional_one_may_be_missing(self) -> None:
        keys = 'fact = [{ name = "limit", unit = "ug/m3", optional = true }]'
        one = rule(expression="x + first_known(limit, 1 * x)", keys=keys)
        assert values(one, town(one, *several(10.0))) == {DAY: 20.0}
        assert values(one, town(one, *several(10.0)), facts=[figure("limit", 1.0)]) == {DAY: 11.0}


def test_of_several_inputs_the_least_covered_counts_that_must_be_there() -> None:
    optional = Y.replace(" }", ", optional = true }")
    stations = {
        "x": {"": [station(1, hours(DAY, [1.0], 0.9))]},
        "y": {"": [station(2, hours(DAY, [1.0], 0.4))]},
    }
    for second, expected in ((Y, 0.4), (optional, 0.9)):
        one = rule(f"{X}, {second}", expression="highest(x, y)")
        (row,) = found(one, stations).values()
        assert row["coverage"] == pytest.approx(expected)
    every = X.replace(" }", ", optional = true }")
    one = rule(f"{every}, {optional}", expression="highest(x, y)")
    (row,) = found(one, stations).values()
    assert row["coverage"] == pytest.approx(0.9)


def test_levels_of_a_zone_see_only_the_time_that_a_station_stood_there() -> None:
    level = '[{ length = "hour", statistic = "mean", min_coverage = 0.75 }]'
    text = X.replace(" }", f", levels = {level} }}").replace(
        "min_coverage = 0.75,", "min_coverage = 0,", 1
    )
    one = rule(text, window='length = "day", clock = "utc"')
    series = AuditSeries(1, "c", "s", "o3", "", 7, 1)
    moved = DAY + 2 * HOUR + 2 * QUARTER
    zones = zones_of(
        [series],
        {7: {"north": ((0, moved),), "south": ((moved, 2**62),)}},
        {1: hours(DAY, [1.0, 2.0, 30.0, 4.0])},
        lambda _: 1.0,
    )
    expected = {"": 37 / 4, "north": 1.5, "south": 4.0}
    for zone, value in expected.items():
        assert values(one, {"x": zones}, zone) == {DAY: value}


def test_a_zone_that_sees_the_citys_population_is_weighted_by_its_own() -> None:
    one = rule(
        space=space("mean", "population_weighted"),
        expression="x * (population / population)",
        keys='fact = [{ name = "population", unit = "1", of_city = true }]',
    )
    said = TestPopulationWeighted()
    facts = (*said.FACTS, figure("population", 5000))
    (row,) = found(one, said.stations(), facts=facts).values()
    assert row["value"] == (15.0 * 3000 + 39.0 * 1000) / 4000
    divided = replace(one, tree=one.tree.right, scale=1.0)  # type: ignore[union-attr]
    (row,) = found(divided, said.stations(), "north", facts=facts).values()
    assert (row["numerator"], row["denominator"]) == (5000.0, 5000.0)


def test_facts_alone_give_what_is_known_of_a_place() -> None:
    facts = ", ".join(f'{{ name = "{name}", unit = "1" }}' for name in ("cars", "people"))
    one = rule("", expression="cars / people", unit="1", keys=f"fact = [{facts}]")
    known = [figure("cars", 500.0), figure("people", 1000.0), figure("cars", 100.0, "north")]
    known.append(figure("people", 2000.0, since=DAY + HOUR))
    windows = windows_of(one, "UTC", np.array([DAY, DAY + HOUR]))
    (first, second) = expect(frames(one, windows, "UTC", 5), "", {}, known)
    assert (first["value"], first["numerator"], first["denominator"]) == (0.5, 500.0, 1000.0)
    assert (first["coverage"], first["stations"], first["placed"]) == (1.0, 0, True)
    assert second["value"] == 0.25
    (north, _) = expect(frames(one, windows, "UTC", 5), "north", {}, known)
    assert np.isnan(north["value"])
    assert north["placed"]
    (south, _) = expect(frames(one, windows, "UTC", 5), "south", {}, known)
    assert not south["placed"]
