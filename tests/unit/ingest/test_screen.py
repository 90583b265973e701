import pytest

from cityvitals.domain.names import Clock, Flag, Kind, Stamp
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import US
from cityvitals.store.batch import Batch
from cityvitals.store.registry import Device
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from ingest.parts import read_part
from ingest.routes import Routes
from ingest.screen import EARLIEST_TAKEN_US, LATEST_TAKEN_US, Tolerance, screen
from tests.unit.ingest.city import CATALOGUE, NOW_US, arrival, device, line, settle

FUTURE_US = 300 * US
TOLERANCE = Tolerance(FUTURE_US, 30 * US)


def screened(known: Device, *messages: list[Reading]) -> Batch:
    routes = Routes(CATALOGUE)
    line(routes, known)
    parts = [
        settle(read_part(arrival(encode(message)), routes, 65536), routes) for message in messages
    ]
    return screen(parts, routes, TOLERANCE)


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
    batch = screen([], Routes(CATALOGUE), TOLERANCE)
    assert (len(batch.readings), batch.senders, batch.rejected) == (0, (), [])
