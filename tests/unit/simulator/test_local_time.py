"""Local stamps and the instants they mean, for every rule of the time-zone database tried."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.times import from_us, to_us
from simulator.local_time import NoSuchTime, Wall, read_stamp

ZONES = ["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    year=st.integers(2000, 2025),
    month=st.sampled_from([3, 4, 9, 10, 11]),  # when clocks change
    step=st.sampled_from([15, 30]),  # Lord Howe turns back by half an hour only
)
def test_a_station_that_speaks_without_gaps_is_understood(
    zone: ZoneInfo, year: int, month: int, step: int
) -> None:
    start, wall = datetime(year, month, 1, 12, tzinfo=UTC), Wall()
    for number in range(31 * 24 * 60 // step):
        instant = start + timedelta(minutes=step * number)
        local = instant.astimezone(zone).replace(tzinfo=None, fold=0)
        assert from_us(wall.instant(read_stamp(local, zone))) == instant


@pytest.mark.parametrize("step", [15, 30, 60])
def test_both_passes_of_a_repeated_hour_are_told_apart(step: int) -> None:
    zone, wall = ZoneInfo("Europe/Rome"), Wall()
    start = datetime(2021, 10, 30, 20, tzinfo=UTC)
    instants = [start + timedelta(minutes=step * number) for number in range(12 * 60 // step)]
    read = [
        wall.instant(read_stamp(instant.astimezone(zone).replace(tzinfo=None, fold=0), zone))
        for instant in instants
    ]
    assert read == [to_us(instant) for instant in instants]


def test_a_hole_in_the_first_pass_does_not_move_the_second() -> None:
    zone, wall = ZoneInfo("Europe/Rome"), Wall()
    stamps = ["02:30", "02:00", "02:15", "02:30"]
    read = [
        from_us(wall.instant(read_stamp(datetime.fromisoformat(f"2021-10-31T{stamp}"), zone)))
        for stamp in stamps
    ]
    assert [f"{moment:%H:%M}" for moment in read] == ["00:30", "01:00", "01:15", "01:30"]


def test_a_new_year_begins_with_the_first_pass_again() -> None:
    zone, wall = ZoneInfo("Europe/Rome"), Wall()
    for stamp, utc in (
        ("2021-10-31T02:00", "00"), ("2021-10-31T02:00", "01"), ("2022-10-30T02:00", "00"),
    ):  # fmt: skip
        moment = from_us(wall.instant(read_stamp(datetime.fromisoformat(stamp), zone)))
        assert f"{moment:%H}" == utc


def test_a_skipped_time_does_not_exist() -> None:
    with pytest.raises(NoSuchTime, match="does not exist in Europe/Rome"):
        read_stamp(datetime.fromisoformat("2022-03-27T02:30"), ZoneInfo("Europe/Rome"))


def test_an_offset_of_its_own_needs_no_zone() -> None:
    stamp = read_stamp(datetime.fromisoformat("2021-10-31T02:00+01:00"), ZoneInfo("Europe/Rome"))
    assert not stamp.is_repeated
    assert from_us(stamp.first_us) == datetime(2021, 10, 31, 1, tzinfo=UTC)
