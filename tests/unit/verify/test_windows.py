"""Own windows of inputs, running ones, dates of validity; reference states; worked out by hand."""

import numpy as np
import pytest

from cityvitals.store.audit import AuditSeries, DeclaredRow
from cityvitals.verify.edges import DAY as A_DAY
from cityvitals.verify.edges import HOUR
from cityvitals.verify.scales import scale_of
from cityvitals.verify.stations import feeds
from tests.unit.verify.town import NAN, ROME, X, found, hours, rule, station, town, us, values

DAY = us(2026, 3, 2)


class TestOwnWindows:
    def test_the_newest_hours_weigh_most_in_an_hour(self) -> None:
        """A NowCast of three hours, weights a half: (4 + 2/2 + 8/4) / (1 + 1/2 + 1/4)."""
        text = (
            '{ name = "x", quantity = "pm2_5", statistic = "values", min_coverage = 0, min_count '
            '= 2, window = "running_3h", levels = [{ length = "hour", statistic = "mean", '
            "min_coverage = 0.75 }] }"
        )
        weighted = "sum(x * 0.5 ** age(x)) / sum(0.5 ** age(x))"
        one = rule(text, expression=weighted)
        rows = found(one, town(one, station(1, hours(DAY, [8.0, 2.0, 4.0]))))
        assert np.isnan(rows[DAY]["value"])
        assert rows[DAY + HOUR]["value"] == pytest.approx((2 + 8 / 2) / 1.5)
        assert rows[DAY + 2 * HOUR]["value"] == pytest.approx((4 + 2 / 2 + 8 / 4) / 1.75)
        assert rows[DAY + 3 * HOUR]["value"] == pytest.approx((4 / 2 + 2 / 4) / 0.75)
        assert [float(rows[DAY + n * HOUR]["coverage"]) for n in (0, 2, 3)] == pytest.approx(
            [1 / 3, 1.0, 2 / 3]
        )
        # Two hours later a partial is still reached, three hours later no more.
        assert rows[DAY + 4 * HOUR]["spoken"]
        assert not rows.get(DAY + 5 * HOUR, {"spoken": False})["spoken"]

    def test_a_year_that_ends_with_a_day_there_is_none(self) -> None:
        text = X.replace("}", ', window = "running_12_months" }').replace("0.75", "0")
        one = rule(text, window='length = "day", clock = "utc"')
        stations = town(one, station(1, hours(us(2026, 3, 31), [1.0] * 48)))
        assert values(one, stations)[us(2026, 3, 31)] == 1.0
        assert us(2026, 4, 1) not in values(one, stations)


class TestValidity:
    def test_windows_that_begin_within_the_dates_on_the_rules_clock(self) -> None:
        keys = "valid_from = 2022-03-27\nvalid_to = 2022-03-28"
        one = rule(keys=keys, window='length = "hour", clock = "local"')
        said = town(one, station(1, hours(us(2022, 3, 26), [1.0] * 72)))
        rows = found(one, said, time_zone=ROME)
        assert (min(rows), max(rows)) == (us(2022, 3, 26, 23), us(2022, 3, 27, 21))
        assert len(rows) == 23

    def test_a_running_window_counts_by_its_begin(self) -> None:
        one = rule(keys="valid_from = 2026-03-02", window='length = "running_8h", clock = "utc"')
        rows = values(one, town(one, station(1, hours(DAY - 8 * HOUR, [1.0] * 24))))
        assert min(rows) == DAY
        assert max(rows) == DAY + 10 * HOUR  # six of eight hours are there


class TestRunningWindows:
    def test_a_day_that_ends_with_every_hour(self) -> None:
        one = rule(window='length = "running_24h", clock = "utc"')
        rows = values(one, town(one, station(1, hours(DAY, [float(n) for n in range(48)]))))
        assert rows[DAY] == 11.5
        assert rows[DAY + 5 * HOUR] == 16.5
        assert len(rows) == 25 + 6 + 6

    def test_seven_dates_over_the_lost_hour(self) -> None:
        text = X.replace("0.75", "0.5")
        one = rule(text, window='length = "running_7_days", clock = "local"')
        begin = us(2022, 3, 20, 23)
        said = town(one, station(1, hours(begin, [4.0] * (7 * 24 - 1))))
        rows = found(one, said, time_zone=ROME)
        assert rows[begin]["end"] == begin + 7 * A_DAY - HOUR
        assert (rows[begin]["value"], rows[begin]["coverage"]) == (4.0, 1.0)
        assert len(rows) == 13

    def test_the_integral_is_added_in_order_of_time(self) -> None:
        one = rule(window='length = "running_3h", clock = "utc"')
        folded = hours(DAY, [0.0] * 3)
        folded["integral"] = [1e16, 1.0, 1.0, -1e16, 3.0, *[0.0] * 7]
        assert values(one, town(one, station(1, folded)))[DAY] == 3.0 / (3 * 3600)


class TestReferenceStates:
    def declared(self, state: str) -> list[DeclaredRow]:
        return [DeclaredRow(1, "meta", 0, 0, 1, 60, 0, state)]

    def scale(self, unit: str, own: str, asked: str = "") -> float:
        more = f', unit = "{unit}"' + (f', reference_state = "{asked}"' if asked else "")
        one = rule(X.replace(" }", f"{more} }}"), unit=unit)
        return scale_of(one.inputs[0], self.declared(own))

    def test_ozone_at_20_degrees_in_ppb(self) -> None:
        # 1 ppb of ozone is 1.9957 ug/m3 at 20 Celsius and 1013 hPa, as EU directives have it.
        assert 1 / self.scale("[ppb]", "293.15 K, 101.325 kPa") == pytest.approx(1.9954, abs=5e-4)

    def test_a_mass_at_another_temperature(self) -> None:
        found_here = self.scale("ug/m3", "293.15 K, 101.3 kPa", "298.15 K, 101.3 kPa")
        assert found_here == pytest.approx(293.15 / 298.15, rel=1e-14)

    def test_a_state_alone_converts_as_well(self) -> None:
        text = X.replace(" }", ', reference_state = "298.15 K, 101.3 kPa" }')
        one = rule(text).inputs[0]
        assert one.scale is None
        found = scale_of(one, self.declared("293.15 K, 101.3 kPa"))
        assert found == pytest.approx(293.15 / 298.15, rel=1e-14)

    def test_without_a_state_nobody_knows(self) -> None:
        assert np.isnan(self.scale("[ppb]", ""))
        one = rule()
        said = town(one, station(1, hours(DAY, [1.0]), scale=NAN), station(2, hours(DAY, [3.0])))
        (row,) = found(one, said).values()
        assert (row["value"], row["stations"]) == (3.0, 1)

    def test_plain_units_need_none_and_count_before_rounding(self) -> None:
        more = ', unit = "mg/m3", rounding = { mode = "truncate", digits = 0 } }'
        one = rule(X.replace(" }", more), unit="mg/m3")
        scale = scale_of(one.inputs[0], self.declared(""))
        assert scale == pytest.approx(0.001)
        said = town(one, station(1, hours(DAY, [2900.0]), scale=scale))
        assert values(one, said) == {DAY: 2.0}


def test_a_series_feeds_an_input_by_its_lowest_level() -> None:
    levels = 'statistic = "max", levels = [{ length = "hour", statistic = "mean" }]'
    one = rule(X.replace('statistic = "mean"', levels), window='length = "day", clock = "utc"')
    series = AuditSeries(1, "c", "s", "o3", "", 7, 1)
    for kind, fits in ((0, True), (1, True), (2, False)):
        declared = [DeclaredRow(1, "meta", kind, 0, 1, 60, 0)]
        assert feeds(one.inputs[0], series, declared) is fits
