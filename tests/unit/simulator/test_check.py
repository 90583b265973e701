"""The truth about what was sent, what follows from it, and what is not so: numbers by hand."""

import dataclasses
import math
from typing import Any

import pytest

from cityvitals.domain.names import Clock, Domain, Kind, Stamp
from cityvitals.domain.times import US
from cityvitals.errors import SettingsError
from cityvitals.wire.meta import CityMeta, SeriesMeta
from simulator.check import compare
from simulator.check.client import Api
from simulator.check.expected import quarters
from simulator.check.indicators import Expected, Window, indicators
from simulator.check.verdict import SHOWN, Verdict
from simulator.feed import Device, Gateway, Pack, Sample
from simulator.truth import SeriesName, Truth

HOUR_US, MINUTE_US = 3600 * US, 60 * US
TOWN = CityMeta("Town", "Europe/Vienna", Clock.REPLAY)
BEGIN = 1_768_345_200 * US  # 2026-01-14T00:00 in Vienna
PM2_5 = SeriesMeta("pm2_5", kind=Kind.GAUGE, reporting_s=600, unit="ug/m3")
CO = SeriesMeta("co", kind=Kind.GAUGE, reporting_s=600, unit="mg/m3")
ENERGY = SeriesMeta(
    "electricity_energy", kind=Kind.INTERVAL_TOTAL, period_s=1800, stamp=Stamp.END, unit="kW.h"
)


def device(name: str, zone: str, *series: SeriesMeta) -> Device:
    return Device(Gateway(Domain.AIR, f"gw-{zone}"), name, zone, series)


@dataclasses.dataclass
class Plain:
    devices: tuple[Device, ...]
    city: str = "town"
    meta: CityMeta = TOWN

    def packs(self, span_us: int | None = None) -> Any:
        raise NotImplementedError(span_us)


def truth_of(
    *sent: tuple[Device, list[Sample]], clock: Clock = Clock.REPLAY, now: int = 0
) -> Truth:
    devices = tuple(dict.fromkeys(one for one, _ in sent))
    truth = Truth(Plain(devices, meta=CityMeta("Town", "Europe/Vienna", clock)))
    for one, samples in sent:
        truth.take(Pack(one, samples), now)
    return truth


A, B = device("a", "west", PM2_5), device("b", "east", PM2_5)


class TestTruth:
    def test_outcomes_are_those_of_the_books(self) -> None:
        truth = Truth(Plain((A,)))
        for value, rev in ((4.0, 0), (4.0, 0), (5.0, 0), (4.0, 0), (6.0, 2), (7.0, 1)):
            truth.take(Pack(A, [(BEGIN, 0, value)], rev), 0)
        assert truth.books["gw-west"] == {"received": 6, "stored": 1, "duplicate": 2, "revised": 3}
        (said,) = truth.series[SeriesName("a", "pm2_5", "")].current.values()
        assert (said.value, said.rev, said.flags) == (6.0, 2, "")

    def test_values_are_canonical_and_flagged_as_sent(self) -> None:
        one = device("c", "west", CO)
        truth = truth_of((one, [(BEGIN, 0, 0.32), (BEGIN + 1, 0, 500.0), (BEGIN + 2, 0, -999.0)]))
        current = truth.series[SeriesName("c", "co", "")].current
        assert [said.flags for said in current.values()] == [
            "", "out_of_range", "fault_code,out_of_range",
        ]  # fmt: skip
        assert current[BEGIN].value == pytest.approx(320.0)

    def test_a_live_city_has_no_future(self) -> None:
        sent = [(BEGIN, 0, 1.0), (BEGIN + HOUR_US, 0, 2.0)]
        truth = truth_of((A, sent), clock=Clock.LIVE, now=BEGIN)
        assert truth.books["gw-west"] == {"received": 2, "stored": 1, "rejected": 1}
        assert not truth.unsure
        assert truth_of((A, sent), clock=Clock.LIVE, now=BEGIN - 350 * US).unsure == 1
        assert truth_of((A, sent)).books["gw-west"]["stored"] == 2


class TestExpected:
    def test_a_gauge_holds_until_the_next_that_counts_and_a_period_and_a_half_at_most(self) -> None:
        minutes = {0: 10.0, 5: -999.0, 10: 20.0, 40: 30.0}
        samples = [(BEGIN + at * MINUTE_US, 0, value) for at, value in minutes.items()]
        (own,) = (quarters(one) for one in truth_of((A, samples)).series.values())
        first, second, third, fourth = (own[BEGIN + at * 15 * MINUTE_US] for at in range(4))
        assert (first.covered, first.integral) == (15 * MINUTE_US, 600 * 10.0 + 300 * 20.0)
        assert (first.values, first.flagged) == ([10.0, 20.0], 1)
        assert (second.covered, second.integral, second.values) == (10 * MINUTE_US, 12_000.0, [])
        assert (third.covered, third.values, third.shares) == (5 * MINUTE_US, [30.0], [30.0])
        assert fourth.covered == 10 * MINUTE_US

    def test_a_total_is_shared_out_over_its_interval(self) -> None:
        one = device("m", "west", ENERGY)
        samples = [(BEGIN + 35 * MINUTE_US, 0, 6.0)]
        (own,) = (quarters(one) for one in truth_of((one, samples)).series.values())
        shares = {(at - BEGIN) // MINUTE_US: quarter.integral for at, quarter in own.items()}
        assert shares == pytest.approx({0: 2.0, 15: 3.0, 30: 1.0})
        assert own[BEGIN].values == [6.0] and not own[BEGIN + 15 * MINUTE_US].values

    def test_a_counter_rises_evenly_rolls_over_and_counts_on_after_a_long_gap(self) -> None:
        volume = SeriesMeta(
            "water_volume", kind=Kind.COUNTER, reporting_s=1200, unit="L", modulus=1e6
        )
        minutes = {0: 999_000.0, 10: 999_900.0, 30: 900.0, 90: 1500.0, 2000: 9000.0}
        samples = [(BEGIN + at * MINUTE_US, 0, value) for at, value in minutes.items()]
        (own,) = (
            quarters(one)
            for one in truth_of((device("w", "west", volume), samples)).series.values()
        )
        rises = {(at - BEGIN) // MINUTE_US: one.integral for at, one in own.items()}
        # 1 m3 in the twenty minutes in which it rolled over; 0.6 in an hour that nobody covers.
        assert rises == pytest.approx(
            {0: 0.9 + 0.25, 15: 0.75, 30: 0.15, 45: 0.15, 60: 0.15, 75: 0.15, 90: 0.0, 1995: 0.0}
        )
        assert [one.covered for _, one in sorted(own.items())] == [15 * MINUTE_US] * 2 + [0] * 6
        assert math.fsum(own[BEGIN].rises) == own[BEGIN].integral

    def test_a_counter_without_modulus_that_falls_was_reset(self) -> None:
        volume = SeriesMeta("water_volume", kind=Kind.COUNTER, reporting_s=600, unit="m3")
        samples = [(BEGIN, 0, 50.0), (BEGIN + 10 * MINUTE_US, 0, 3.0)]
        truth = truth_of((device("w", "west", volume), samples))
        (own,) = (quarters(one) for one in truth.series.values())
        assert own[BEGIN].integral == 3.0 and own[BEGIN].shares == [50.0, 3.0]

    def test_events_add_up_and_a_state_holds(self) -> None:
        rain = SeriesMeta("precipitation", kind=Kind.EVENT, reporting_s=1200, unit="mm")
        bay = SeriesMeta("occupancy", kind=Kind.STATE, reporting_s=600, unit="%")
        one = device("r", "west", rain, bay)
        samples = [(BEGIN, 0, 0.2), (BEGIN, 1, 1.0), (BEGIN + 5 * MINUTE_US, 0, 0.4),
                   (BEGIN + 5 * MINUTE_US, 1, 0.0)]  # fmt: skip
        events, states = (quarters(one) for one in truth_of((one, samples)).series.values())
        assert events[BEGIN].integral == pytest.approx(0.6)
        assert events[BEGIN].covered == 15 * MINUTE_US and not events[BEGIN + 15 * MINUTE_US].values
        assert (states[BEGIN].integral, states[BEGIN].covered) == (300.0, 15 * MINUTE_US)

    def test_levels_in_decibels_are_added_up_by_their_powers(self) -> None:
        noise = SeriesMeta("noise_laeq", kind=Kind.GAUGE, reporting_s=600, unit="dB")
        samples = [(BEGIN, 0, 60.0), (BEGIN + 10 * MINUTE_US, 0, 50.0)]
        truth = truth_of((device("n", "west", noise), samples))
        (own,) = (quarters(one) for one in truth.series.values())
        assert own[BEGIN].integral == pytest.approx(600 * 1e6 + 300 * 1e5)
        assert own[BEGIN].values == [60.0, 50.0]

    def test_zones_and_city_by_hand(self) -> None:
        steady = [(BEGIN + at * 10 * MINUTE_US, 0, 12.0) for at in range(6)]
        sparse = [(BEGIN, 0, 30.0), (BEGIN + 45 * MINUTE_US, 0, 30.0)]
        truth = truth_of((A, steady), (B, sparse))
        own = {name: quarters(one) for name, one in truth.series.items()}
        found = dict(indicators(truth, own))
        hour = (BEGIN, BEGIN + HOUR_US)
        assert found[Window("air.pm2_5.hour", "west", *hour)] == Expected(12.0, 1.0)
        # Half an hour of b is covered, and 75 % is wanted of a station.
        assert found[Window("air.pm2_5.hour", "east", *hour)] == Expected(None, 0.5)
        assert found[Window("air.pm2_5.hour", "", *hour)] == Expected(12.0, 0.75)


def reading(sensor: str, at: str, value: float, **more: Any) -> dict[str, Any]:
    named = {"sensor": sensor, "quantity": "pm2_5", "channel": ""}
    return {**named, "observed_at": at, "value": value, "rev": 0, "flags": [], **more}


class TestCompare:
    def test_readings_that_are_gone_doubled_or_other_are_told(self) -> None:
        truth = truth_of((A, [(BEGIN + at * MINUTE_US, 0, float(at)) for at in range(4)]))
        out = Verdict("town")
        compare.readings(
            truth,
            [
                reading("a", "2026-01-13T23:00:00Z", 0.0, flags=["clock_skew"]),
                reading("a", "2026-01-13T23:01:00Z", 1.5),
                reading("a", "2026-01-13T23:01:00.000001Z", 1.0),
                reading("a", "2026-01-13T23:02:00Z", 2.0, rev=1),
                reading("z", "2026-01-13T23:02:00Z", 2.0),
            ],
            out,
        )
        assert [str(one) for one in out.differences] == [
            "reading a/pm2_5 2026-01-13T23:01:00Z: value: 1.5, expected 1.0",
            "reading a/pm2_5 2026-01-13T23:01:00.000001Z: rows: one more, expected none more",
            "reading a/pm2_5 2026-01-13T23:02:00Z: rev: 1, expected 0",
            "reading z/pm2_5 2026-01-13T23:02:00Z: rows: one more, expected none more",
            "reading a/pm2_5 2026-01-13T23:03:00Z: value: none, expected 3.0",
        ]

    def test_a_ledger_may_have_more_only_by_what_was_sent_again(self) -> None:
        truth = truth_of((A, [(BEGIN, 0, 1.0)]))
        books = {"received": 3, "stored": 1, "duplicate": 2, "revised": 0, "rejected": 0}
        answer = {"gateways": [{"gateway": "gw-west", **books}], "closes": True}
        tolerant, strict = Verdict("town"), Verdict("town")
        compare.ledger(truth, answer, 2, tolerant)
        compare.ledger(truth, answer, 0, strict)
        assert tolerant.is_good
        assert [one.what for one in strict.differences] == ["received", "duplicate"]

    def test_many_differences_are_counted_and_some_named(self) -> None:
        truth = truth_of((A, [(BEGIN + at * MINUTE_US, 0, 1.0) for at in range(100)]))
        out = Verdict("town")
        compare.readings(truth, [], out)
        assert len(out.differences) == SHOWN and out.different["reading"] == 100
        assert "… and 80 more of reading" in out.told() and "NOT AS SENT" in out.told()
        assert out.words()["good"] is False

    def test_windows_are_judged_as_far_as_the_city_is_complete(self) -> None:
        windows = [Window("air.pm2_5.hour", "", at, at + HOUR_US) for at in (0, HOUR_US)]
        expected = dict.fromkeys(windows, Expected(5.0, 1.0))
        out = Verdict("town")
        compare.indicators(expected, {}, HOUR_US, out)
        assert (out.checked["indicator"], out.open["indicator"]) == (1, 1)
        assert "value: none, expected 5.0" in str(out.differences[0])


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(SettingsError, match="--check: expected an address like"):
        Api("8080")
