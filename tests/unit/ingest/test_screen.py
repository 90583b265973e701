from collections.abc import Sequence
from dataclasses import replace

import pytest

from cityvitals.domain.limits import Limit
from cityvitals.domain.names import Clock, Flag, Kind, Stamp
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import US
from cityvitals.store.batch import Batch
from cityvitals.store.registry import Device
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from ingest.burst import read_burst
from ingest.intake import Held
from ingest.parts import read_parts
from ingest.rates import Rates
from ingest.routes import Refused, Routes
from ingest.screen import EARLIEST_TAKEN_US, LATEST_TAKEN_US, Tolerance, screen
from tests.unit.ingest.city import CATALOGUE, NOW_US, arrival, device, known_burst, line, settle

FUTURE_US = 300 * US
TOLERANCE = Tolerance(FUTURE_US, 30 * US)


def screened(
    known: Device,
    *messages: list[Reading],
    relative: Sequence[int] = (),
    rates: Rates | None = None,
) -> Batch:
    """A batch of messages; in the last one, some rows count their time from arrival."""
    routes = Routes(CATALOGUE)
    line(routes, known)
    if not relative:
        burst = known_burst(routes, *map(encode, messages))
        assert not burst.apart
        return screen(Held([burst]), [], routes, TOLERANCE, rates)
    arrivals = [arrival(encode(message)) for message in messages]
    parts = [part for one in arrivals for part in read_parts(one, 65_536)]
    for row in relative:
        parts[-1].pack.t_us[row] -= NOW_US
    parts[-1].pack.relative = list(relative)
    for place, part in enumerate(parts):
        settle(part, routes).message = place
    return screen(Held([read_burst(arrivals, Routes(CATALOGUE), 65_536)]), parts, routes, TOLERANCE)


def test_values_become_canonical() -> None:
    batch = screened(device(), [Reading(NOW_US, "no2", 0.5, "mg/m3"), Reading(NOW_US, "no2", 7.0)])
    assert batch.readings["v"].tolist() == [500.0, 7.0]
    assert batch.readings["series"].tolist() == [1, 1]
    assert batch.readings["received"].tolist() == [NOW_US, NOW_US]
    assert [sender.gateway for sender in batch.senders] == ["gw"]


def test_without_a_unit_the_declared_one_counts() -> None:
    known = device(no2=[Declaration(Kind.GAUGE, reporting_s=60, unit="mg/m3")])
    batch = screened(known, [Reading(NOW_US, "no2", 0.5), Reading(NOW_US, "no2", 5.0, "ug/m3")])
    assert batch.readings["v"].tolist() == [500.0, 5.0]
    assert batch.readings["flags"].tolist() == [0, Flag.UNIT_CHANGED]


def test_another_spelling_of_the_declared_unit_is_no_change() -> None:
    known = device(no2=[Declaration(Kind.GAUGE, reporting_s=60, unit="µg/m³")])
    batch = screened(known, [Reading(NOW_US, "no2", 5.0, "ug/m3")])
    assert batch.readings["flags"].tolist() == [0]


def test_what_holds_at_the_time_of_the_reading_decides() -> None:
    known = device(
        no2=[
            Declaration(Kind.GAUGE, reporting_s=60, unit="mg/m3", since_us=0),
            Declaration(Kind.GAUGE, reporting_s=60, unit="ug/m3", since_us=NOW_US),
        ]
    )
    batch = screened(
        known,
        [Reading(NOW_US - 1, "no2", 1.0), Reading(NOW_US, "no2", 1.0)],
        [Reading(NOW_US - 1, "no2", 2.0, "ug/m3"), Reading(-5, "no2", 1.0)],
    )
    assert batch.readings["v"].tolist() == [1000.0, 1.0, 2.0, 1000.0]
    assert batch.readings["flags"].tolist() == [0, 0, Flag.UNIT_CHANGED, 0]


def test_an_interval_ends_where_its_stamp_says() -> None:
    begin = Declaration(Kind.INTERVAL_MEAN, period_s=60, stamp=Stamp.BEGIN)
    end = Declaration(Kind.INTERVAL_MEAN, period_s=60, stamp=Stamp.END)
    batch = screened(
        device(no2=[begin], pm10=[end]),
        [Reading(NOW_US, "no2", 1.0), Reading(NOW_US, "pm10", 1.0)],
    )
    assert batch.ends.tolist() == [NOW_US + 60 * US, NOW_US]


@pytest.mark.parametrize(
    ("t_us", "live", "reason"),
    [
        (NOW_US + FUTURE_US, True, None),
        (NOW_US + FUTURE_US + 1, True, Reason.FUTURE),
        (NOW_US + FUTURE_US + 1, False, None),
        (NOW_US - 7 * US, True, Reason.SEALED),
        (NOW_US - 7 * US, False, None),
        (LATEST_TAKEN_US, False, Reason.FUTURE),
        (EARLIEST_TAKEN_US - 1, False, Reason.NO_TIME),
        (EARLIEST_TAKEN_US, False, None),
    ],
)
def test_limits_on_time(t_us: int, *, live: bool, reason: Reason | None) -> None:
    clock = Clock.LIVE if live else Clock.REPLAY
    batch = screened(device(clock, NOW_US - 5 * US), [Reading(t_us, "no2", 1.0)])
    assert [one.reason for one in batch.rejected] == ([] if reason is None else [reason])
    assert len(batch.readings) == (reason is None)


def test_the_future_is_judged_by_the_end_of_an_interval() -> None:
    hour = Declaration(Kind.INTERVAL_MEAN, period_s=3600, stamp=Stamp.BEGIN)
    batch = screened(device(no2=[hour]), [Reading(NOW_US - 60 * US, "no2", 1.0)])
    assert [one.reason for one in batch.rejected] == [Reason.FUTURE]


def test_a_rejection_names_its_reading_in_its_message() -> None:
    good, bad = Reading(NOW_US, "no2", 1.0), Reading(NOW_US * 2, "no2", 1.0)
    huge = Reading(NOW_US, "no2", 1e308, "mg/m3")
    batch = screened(device(), [good], [good, bad, good, huge])
    assert [(one.index, one.reason) for one in batch.rejected] == [
        (1, Reason.FUTURE),
        (3, Reason.NO_NUMBER),
    ]
    assert {one.payload for one in batch.rejected} == {encode([good, bad, good, huge])}
    assert len(batch.readings) == 3


def test_nothing_makes_an_empty_batch() -> None:
    batch = screen(Held(), [], Routes(CATALOGUE), TOLERANCE)
    assert (len(batch.readings), batch.senders, batch.rejected) == (0, (), [])


def test_values_are_flagged_and_stay_as_they_are() -> None:
    known = device()
    known.limits["pm10"] = Limit(None, 50)
    sent = [("no2", -999.0), ("no2", 4001.0), ("no2", 4000.0), ("pm10", -5.0), ("pm10", 50.5)]
    batch = screened(known, [Reading(NOW_US, q, v) for q, v in sent])
    assert batch.readings["v"].tolist() == [v for _, v in sent]
    out, fault = int(Flag.OUT_OF_RANGE), int(Flag.FAULT_CODE)
    assert batch.readings["flags"].tolist() == [out | fault, out, 0, 0, out]
    assert batch.rejected == []


def test_bounds_go_by_what_holds_at_the_time_of_the_reading() -> None:
    hour = Declaration(Kind.INTERVAL_TOTAL, 3600, since_us=0)
    daily = replace(hour, period_s=86_400, since_us=NOW_US - US)
    known = device(precipitation=[hour, daily])
    readings = [Reading(t, "precipitation", 500.0) for t in (NOW_US - 2 * US, NOW_US)]
    assert screened(known, readings).readings["flags"].tolist() == [Flag.OUT_OF_RANGE, 0]


def test_a_clock_ahead_is_flagged_in_a_live_city() -> None:
    readings = [Reading(NOW_US + s * US, "no2", 1.0) for s in (30, 31)]
    assert screened(device(), readings).readings["flags"].tolist() == [0, Flag.CLOCK_SKEW]
    assert screened(device(Clock.REPLAY), readings).readings["flags"].tolist() == [0, 0]


def test_without_a_time_the_arrival_counts_where_the_gateway_may_leave_it_to_us() -> None:
    served = replace(device(), server_timed=True)
    messages = [
        [Reading(NOW_US - 9, "no2", 1.0)],
        [Reading(NOW_US - 3, "no2", 2.0), Reading(NOW_US - 5, "no2", 3.0)],
    ]
    batch = screened(served, *messages, relative=[1])
    assert batch.readings["t"].tolist() == [NOW_US - 9, NOW_US - 3, NOW_US - 5]
    assert batch.readings["flags"].tolist() == [0, 0, Flag.SERVER_TIMED]
    assert batch.ends.tolist() == batch.readings["t"].tolist()


def test_without_a_time_a_reading_of_another_gateway_is_turned_away() -> None:
    message = [Reading(NOW_US - 3, "no2", 2.0), Reading(NOW_US - 5, "no2", 3.0)]
    batch = screened(device(), message, relative=[0])
    [refused] = batch.rejected
    assert (refused.index, refused.reason) == (0, Reason.NO_TIME)
    assert refused.detail == "without a time, and gateway gw is not server_timed"
    assert batch.readings["v"].tolist() == [3.0]


def test_a_time_counted_from_arrival_may_reach_no_calendar() -> None:
    routes = Routes(CATALOGUE)
    line(routes, replace(device(), server_timed=True))
    sent = arrival(encode([Reading(NOW_US, "no2", 2.0)]))
    [part] = read_parts(sent, 65_536)
    part.pack.t_us, part.pack.relative = [-(2**61)], [0]
    burst = read_burst([sent], Routes(CATALOGUE), 65_536)
    batch = screen(Held([burst]), [settle(part, routes)], routes, TOLERANCE)
    assert [one.reason for one in batch.rejected] == [Reason.NO_TIME]


def test_rows_without_a_time_are_known_by_their_new_places() -> None:
    [part] = read_parts(arrival(encode([Reading(NOW_US, "no2", 1.0)] * 5)), 65_536)
    part.pack.relative = [1, 3, 4]
    part.keep([0, 3, 4])
    assert part.pack.relative == [1, 2]


def test_readings_over_the_rate_are_turned_away() -> None:
    message = [Reading(NOW_US, "no2", float(v)) for v in range(4)]
    batch = screened(device(), message, rates=Rates(0.3))
    assert batch.readings["v"].tolist() == [0.0, 1.0, 2.0]
    [refused] = batch.rejected
    assert (refused.index, refused.reason) == (3, Reason.OVER_LIMIT)
    assert "gateway gw sends more than 0.3 readings a second" in refused.detail
    assert "ingest.gateway_readings_per_s" in refused.detail


def test_a_gas_is_converted_by_the_reference_state_that_is_declared() -> None:
    stated = Declaration(Kind.GAUGE, 0, unit="ug/m3", reference_state="20 degC, 101.3 kPa")
    batch = screened(device(no2=[stated]), [Reading(NOW_US, "no2", 10.0, "ppb")])
    assert batch.readings["v"].tolist() == pytest.approx([19.12], rel=1e-3)
    assert batch.readings["flags"].tolist() == [Flag.UNIT_CHANGED]


def test_without_a_reference_state_a_share_of_moles_is_refused() -> None:
    routes = Routes(CATALOGUE)
    for known in (device(), replace(device(), series={})):
        made = routes.make(line(routes, known), ("no2", "", "ppb"))
        assert isinstance(made, Refused)
        assert made.reason == Reason.BAD_UNIT
        assert "only with a declared reference_state" in made.detail


def test_a_reference_state_counts_from_when_it_is_declared() -> None:
    bare = Declaration(Kind.GAUGE, 0, unit="ug/m3", since_us=0)
    stated = replace(bare, reference_state="20 degC, 101.3 kPa", since_us=NOW_US)
    message = [Reading(NOW_US - 1, "no2", 10.0, "ppb"), Reading(NOW_US, "no2", 10.0, "ppb")]
    batch = screened(device(no2=[bare, stated]), message)
    [refused] = batch.rejected
    assert (refused.index, refused.reason) == (0, Reason.BAD_UNIT)
    assert "reference_state" in refused.detail
    assert batch.readings["v"].tolist() == pytest.approx([19.12], rel=1e-3)


def test_what_was_read_apart_goes_back_to_where_it_came() -> None:
    routes = Routes(CATALOGUE)
    line(routes, device())
    first, odd, last = (encode([Reading(NOW_US, "no2", value)]) for value in (1.0, 2.0, 3.0))
    burst = known_burst(routes, first, odd, last)
    before = read_burst(burst.arrivals[:1], routes, 65_536)
    after = read_burst([arrival(b"[]"), burst.arrivals[2]], routes, 65_536)
    [part] = read_parts(burst.arrivals[1], 65_536)
    settle(part, routes).message = 1
    batch = screen(Held([before, after]), [part], routes, TOLERANCE)
    assert batch.readings["v"].tolist() == [1.0, 2.0, 3.0]


def test_running_numbers_go_along_where_a_gateway_counts() -> None:
    counted = Reading(NOW_US, "no2", 1.0, seq=7)
    assert screened(device(), [counted, Reading(NOW_US, "pm10", 1.0)]).seq.tolist() == [7, -1]
    assert len(screened(device(), [Reading(NOW_US, "no2", 1.0)]).seq) == 0
