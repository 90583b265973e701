"""Window edges against the tz database itself, instant by instant."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.times import BUCKET_US, US, from_us, iso, to_us
from cityvitals.domain.window import (
    DAY_US,
    HOUR_US,
    day_begin,
    edges,
    longest_us,
    overlap_us,
    spans,
)
from cityvitals.domain.window import LENGTHS as LENGTHS_OF

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]
INSTANTS = st.integers(
    to_us(datetime(1980, 1, 1, tzinfo=UTC)), to_us(datetime(2060, 1, 1, tzinfo=UTC))
)
LENGTHS = st.sampled_from(["quarter_hour", "hour", "day", "month", "year"])
CLOCKS = st.sampled_from(["utc", "local", "standard"])


def us(*moment: int) -> int:
    return to_us(datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type, misc]


def shown(length: str, clock: str, zone: str, lo: int, hi: int) -> list[str]:
    return [iso(int(edge)) for edge in edges(length, clock, zone, lo, hi)]


def is_day_edge(instant: int, zone: ZoneInfo) -> bool:
    """Whether a local date is seen here that no earlier instant of the last two days showed."""
    moment = from_us(instant)
    today = moment.astimezone(zone).date()
    steps = (moment - timedelta(minutes=minutes) for minutes in range(1, 2 * 1440, 1))
    return all(each.astimezone(zone).date() < today for each in steps)


@given(LENGTHS, CLOCKS, st.sampled_from(ZONES), INSTANTS, st.integers(0, 400 * DAY_US))
def test_windows_cover_what_was_asked_and_no_window_more(
    length: str, clock: str, zone: str, lo: int, span: int
) -> None:
    found = edges(length, clock, zone, lo, lo + span)
    assert found[0] <= lo < found[1]
    assert found[-2] <= lo + span < found[-1]
    assert np.all(np.diff(found) > 0)
    assert np.all(found % BUCKET_US == 0)


@given(LENGTHS, CLOCKS, st.sampled_from(ZONES), INSTANTS, st.integers(0, 40 * DAY_US), st.data())
def test_the_same_edges_whatever_was_asked_around_them(
    length: str, clock: str, zone: str, lo: int, span: int, data: st.DataObject
) -> None:
    wide = edges(length, clock, zone, lo, lo + span)
    at = data.draw(st.integers(lo, lo + span))
    begin, end = edges(length, clock, zone, at, at)
    index = int(np.searchsorted(wide, at, side="right"))
    assert (begin, end) == (wide[index - 1], wide[index])


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_local_day_begins_at_the_first_instant_of_its_date(zone: str, at: int) -> None:
    begin, end = edges("day", "local", zone, at, at)
    assert is_day_edge(int(begin), ZoneInfo(zone))
    dates = {
        from_us(at).astimezone(ZoneInfo(zone)).date() for at in range(begin, end, 15 * 60 * US)
    }
    assert len(dates) == 1


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_local_hour_begins_at_a_full_hour_before_or_after_a_change(zone: str, at: int) -> None:
    begin, end = (int(edge) for edge in edges("hour", "local", zone, at, at))
    at_edge = from_us(begin).astimezone(ZoneInfo(zone))
    ahead = from_us(begin - 1).astimezone(ZoneInfo(zone))
    assert (at_edge.minute, at_edge.second) == (0, 0) or (ahead.minute, ahead.second) == (59, 59)
    assert HOUR_US // 2 <= end - begin <= HOUR_US
    inside = [from_us(each).astimezone(ZoneInfo(zone)) for each in range(begin + 1, end, BUCKET_US)]
    assert len({(each.date(), each.hour, each.utcoffset()) for each in inside}) == 1


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_standard_day_has_24_hours_where_standard_time_stays(zone: str, at: int) -> None:
    begin, end = edges("day", "standard", zone, at, at)
    if ahead_at(int(begin), zone) == ahead_at(int(end), zone):
        assert end - begin == DAY_US


def ahead_at(instant: int, zone: str) -> timedelta | None:
    local = from_us(instant).astimezone(ZoneInfo(zone))
    return (local.utcoffset() or timedelta()) - (local.dst() or timedelta())


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Europe/Berlin", (2024, 3, 31), 23),
        ("Europe/Berlin", (2024, 10, 27), 25),
        ("Europe/Berlin", (2024, 7, 1), 24),
        ("Europe/Rome", (2022, 10, 30), 25),
        ("Australia/Lord_Howe", (2023, 10, 1), 23.5),
        ("Australia/Lord_Howe", (2023, 4, 2), 24.5),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them(
    zone: str, date: tuple[int, int, int], hours: float
) -> None:
    noon = to_us(datetime(*date, 12, tzinfo=ZoneInfo(zone)))
    begin, end = edges("day", "local", zone, noon, noon)
    assert end - begin == hours * HOUR_US


def test_autumn_gives_the_doubled_hour_two_windows() -> None:
    found = shown("hour", "local", "Europe/Berlin", us(2024, 10, 27, 0), us(2024, 10, 27, 1))
    assert found == ["2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z"]


def test_a_change_by_half_an_hour_cuts_a_window_of_half_an_hour() -> None:
    spring = shown("hour", "local", "Australia/Lord_Howe", us(2023, 9, 30, 15), us(2023, 9, 30, 16))
    assert [text[11:16] for text in spring] == ["14:30", "15:30", "16:00", "17:00"]
    autumn = shown(
        "hour", "local", "Australia/Lord_Howe", us(2023, 4, 1, 14), us(2023, 4, 1, 15, 45)
    )
    assert [text[11:16] for text in autumn] == ["14:00", "15:00", "15:30", "16:30"]


def test_a_day_whose_midnight_does_not_exist_begins_at_the_jump() -> None:
    found = shown("day", "local", "America/Sao_Paulo", us(2018, 11, 4, 12), us(2018, 11, 4, 12))
    assert found == ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]


def test_a_day_whose_midnight_comes_twice_begins_at_the_first() -> None:
    found = shown("day", "local", "America/Havana", us(2023, 11, 5, 12), us(2023, 11, 5, 12))
    assert found == ["2023-11-05T04:00:00Z", "2023-11-06T05:00:00Z"]


def test_a_date_that_a_zone_skipped_has_no_window() -> None:
    found = shown("day", "local", "Pacific/Apia", us(2011, 12, 29, 12), us(2011, 12, 30, 12))
    assert found == ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"]


def test_quarter_hour_offsets_are_kept() -> None:
    found = shown("hour", "local", "Asia/Kathmandu", us(2023, 3, 1), us(2023, 3, 1))
    assert found == ["2023-02-28T23:15:00Z", "2023-03-01T00:15:00Z"]


def test_standard_days_ignore_summer_time() -> None:
    found = shown("day", "standard", "America/New_York", us(2024, 7, 1, 12), us(2024, 7, 1, 12))
    assert found == ["2024-07-01T05:00:00Z", "2024-07-02T05:00:00Z"]


def test_many_years_sum_up() -> None:
    found = edges("hour", "local", "Europe/Berlin", us(2000, 1, 1), us(2020, 1, 1) - 1)
    assert len(found) - 1 == (us(2020, 1, 1) - us(2000, 1, 1)) // HOUR_US
    days = edges("day", "local", "Europe/Berlin", us(2000, 1, 1), us(2020, 1, 1) - 1)
    lengths = np.unique(np.diff(days), return_counts=True)
    assert lengths[0].tolist() == [23 * HOUR_US, 24 * HOUR_US, 25 * HOUR_US]
    assert lengths[1].tolist() == [20, 7306 - 40, 20]


def test_instants_far_outside_the_tz_database_have_windows_too() -> None:
    for at in (us(1, 1, 3), us(9999, 12, 28)):
        begin, end = edges("day", "local", "Asia/Shanghai", at, at)
        assert end - begin == DAY_US


@pytest.mark.parametrize(
    ("length", "clock", "zone", "hi"),
    [
        ("week", "utc", "UTC", 1),
        ("day", "wall", "UTC", 1),
        ("day", "utc", "UTC", -1),
        ("day", "local", "../x", 1),
    ],
)
def test_what_makes_no_windows_is_refused(length: str, clock: str, zone: str, hi: int) -> None:
    with pytest.raises(ValueError, match=r"no windows|ZoneInfo keys"):
        edges(length, clock, zone, 0, hi)


def dates_of(begin: int, end: int, zone: str) -> tuple[str, str]:
    first = from_us(begin).astimezone(ZoneInfo(zone))
    last = from_us(end - 1).astimezone(ZoneInfo(zone))
    return first.strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d")


@given(st.sampled_from(["month", "year"]), st.sampled_from(ZONES), INSTANTS)
def test_a_month_and_a_year_hold_exactly_their_dates(length: str, zone: str, at: int) -> None:
    begin, end = (int(edge) for edge in edges(length, "local", zone, at, at))
    shape = "%Y-%m" if length == "month" else "%Y"
    assert begin <= at < end

    def name(instant: int) -> str:
        return from_us(instant).astimezone(ZoneInfo(zone)).strftime(shape)

    assert name(begin) == name(at) == name(end - 1)
    assert name(begin - 1) < name(at) < name(end)


def test_months_of_leap_years_and_of_the_dates_that_samoa_lacked() -> None:
    begin, end = edges("month", "utc", "", us(2024, 2, 9), us(2024, 2, 9))
    assert (end - begin) // DAY_US == 29
    begin, end = (int(e) for e in edges("month", "local", "Pacific/Apia", *[us(2011, 12, 9)] * 2))
    assert dates_of(begin, end, "Pacific/Apia") == ("2011-12-01", "2011-12-31")
    assert (end - begin) // DAY_US == 30
    begin, end = (int(e) for e in edges("year", "local", "Europe/Berlin", *[us(2024, 7, 1)] * 2))
    assert iso(begin) == "2023-12-31T23:00:00Z"
    assert (end - begin) // DAY_US == 366


RUNNING = {"running_3h": 3, "running_8h": 8, "running_12h": 12, "running_24h": 24}


@given(st.sampled_from(sorted(RUNNING)), CLOCKS, INSTANTS, st.integers(0, 3 * DAY_US))
def test_running_hours_end_with_every_hour_and_are_real_hours(
    length: str, clock: str, lo: int, span: int
) -> None:
    begins, ends = spans(length, clock, "Europe/Berlin", lo, lo + span)
    assert set((ends - begins).tolist()) == {RUNNING[length] * HOUR_US}
    assert set(np.diff(ends).tolist()) <= {HOUR_US}
    at = np.searchsorted(begins, lo, side="right") - np.searchsorted(ends, lo, side="right")
    assert at == RUNNING[length]  # so many hold any one instant
    assert begins[-1] <= lo + span < begins[-1] + HOUR_US
    assert ends[0] - HOUR_US <= lo < ends[0]


DATES = {"running_7_days": ("day", 7), "running_12_months": ("month", 12)}
DATES |= {"running_3_years": ("year", 3), "running_5_years": ("year", 5)}


@given(st.sampled_from(sorted(DATES)), CLOCKS, st.sampled_from(ZONES), INSTANTS)
def test_running_dates_are_so_many_of_them(length: str, clock: str, zone: str, at: int) -> None:
    step, count = DATES[length]
    begins, ends = spans(length, clock, zone, at, at)
    assert len(begins) == count
    parts = edges(step, clock, zone, int(begins[0]), int(ends[-1]))
    where = np.searchsorted(parts, begins)
    assert parts[where].tolist() == begins.tolist()
    assert parts[where + count].tolist() == ends.tolist()


@given(LENGTHS, CLOCKS, st.sampled_from(ZONES), INSTANTS, st.integers(0, 40 * DAY_US))
def test_windows_that_do_not_overlap_are_their_edges(
    length: str, clock: str, zone: str, lo: int, span: int
) -> None:
    begins, ends = spans(length, clock, zone, lo, lo + span)
    assert [*begins, ends[-1]] == edges(length, clock, zone, lo, lo + span).tolist()


def test_lengths_that_do_not_exist_are_refused() -> None:
    for length in ("running_5h", "week", "running_8h"):
        with pytest.raises(ValueError, match=length):
            edges(length, "utc", "", 0, 1)
    with pytest.raises(ValueError, match="week"):
        spans("week", "utc", "", 0, 1)


@given(st.sampled_from(sorted(LENGTHS_OF)), CLOCKS, st.sampled_from(ZONES), INSTANTS)
def test_no_window_is_longer_nor_reaches_further_than_said(
    length: str, clock: str, zone: str, at: int
) -> None:
    begins, ends = spans(length, clock, zone, at, at + 2 * DAY_US)
    assert (ends - begins).max() <= longest_us(length)
    if len(begins) > 1:
        assert (ends[:-1] - begins[1:]).max() <= overlap_us(length)


def test_running_hours_may_end_with_every_quarter_or_day() -> None:
    at = us(2026, 3, 1, 12)
    _, ends = spans("running_3h", "utc", "", at, at, "quarter_hour")
    assert len(ends) == 12
    begins, _ = spans("running_24h", "utc", "", at, at, "day")
    assert [iso(int(one)) for one in begins] == ["2026-03-01T00:00:00Z"]
    assert overlap_us("running_24h", "day") == 0
    with pytest.raises(ValueError, match="each 'hour'"):
        spans("day", "utc", "", at, at, "hour")


@given(st.dates(date(1980, 1, 2), date(2059, 12, 30)), CLOCKS, st.sampled_from(ZONES))
def test_a_date_begins_where_its_window_does(day: date, clock: str, zone: str) -> None:
    begin = day_begin(day, clock, zone)
    assert edges("day", clock, zone, begin, begin)[0] == begin
    shown = from_us(begin).astimezone(ZoneInfo("UTC" if clock == "utc" else zone))
    if clock == "local" and (zone, day) != ("Pacific/Apia", date(2011, 12, 30)):  # it had none
        assert shown.date() == day


@pytest.mark.parametrize("clock", ["local", "standard"])
@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("Pacific/Apia", [date(2011, 12, each) for each in range(27, 32)]),
        ("Pacific/Kwajalein", [date(1993, 8, each) for each in range(18, 25)]),
        ("Pacific/Kiritimati", [date(1994, 12, each) for each in range(28, 32)]),
        ("Asia/Pyongyang", [date(2015, 8, each) for each in range(13, 18)]),
        ("Europe/Moscow", [date(2014, 10, each) for each in range(24, 29)]),
    ],
)
def test_a_date_begins_at_its_first_instant_where_the_standard_clock_changes(
    clock: str, zone: str, days: list[date]
) -> None:
    """Instant by instant: the first that shows the date, or a later one where it was skipped."""
    for day in days:
        at = us(day.year, day.month, day.day) - 2 * DAY_US
        while _date_shown(at, clock, zone) < day:
            at += BUCKET_US
        assert day_begin(day, clock, zone) == at


def _date_shown(at: int, clock: str, zone: str) -> date:
    local = from_us(at).astimezone(ZoneInfo(zone))
    daylight = local.dst() or timedelta()
    return (local.replace(tzinfo=None) - (daylight if clock == "standard" else timedelta())).date()
