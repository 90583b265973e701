"""Windows where clocks change, against dates anybody can look up."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from cityvitals.domain.window import day_begin, edges, spans
from cityvitals.verify.edges import Cutting, date_begins, windows_holding, windows_over
from kpi_rules.words import Length

HOUR = 3600 * 1_000_000


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


def one(length: str, clock: str, zone: str, instant: int) -> tuple[int, int]:
    found = windows_holding(Cutting(length, clock, zone), np.array([instant], np.int64))
    return int(found.begins[0]), int(found.ends[0])


def test_the_day_of_the_lost_hour_has_23() -> None:
    begin, end = one("day", "local", "Europe/Rome", us(2022, 3, 27, 12))
    assert (begin, end) == (us(2022, 3, 26, 23), us(2022, 3, 27, 22))


def test_the_day_of_the_doubled_hour_has_25() -> None:
    begin, end = one("day", "local", "Europe/Rome", us(2022, 10, 30, 12))
    assert (begin, end) == (us(2022, 10, 29, 22), us(2022, 10, 30, 23))


def test_the_standard_clock_does_not_change() -> None:
    begin, end = one("day", "standard", "Europe/Rome", us(2022, 7, 1, 12))
    assert (begin, end) == (us(2022, 6, 30, 23), us(2022, 7, 1, 23))


def test_hours_of_a_city_between_the_hours() -> None:
    begin, end = one("hour", "local", "Asia/Kathmandu", us(2022, 7, 1, 12))
    assert (begin, end) == (us(2022, 7, 1, 11, 15), us(2022, 7, 1, 12, 15))


def test_the_doubled_hour_is_two_windows() -> None:
    first = one("hour", "local", "Europe/Rome", us(2022, 10, 30, 0, 30))
    second = one("hour", "local", "Europe/Rome", us(2022, 10, 30, 1, 30))
    assert first == (us(2022, 10, 30, 0), us(2022, 10, 30, 1))
    assert second == (us(2022, 10, 30, 1), us(2022, 10, 30, 2))


def test_nothing_to_hold_needs_no_windows() -> None:
    found = windows_holding(Cutting("day", "utc", "UTC"), np.empty(0, np.int64))
    assert not len(found.begins)


@pytest.mark.parametrize("length", ["hour", "day"])
@pytest.mark.parametrize("clock", ["utc", "local", "standard"])
@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Europe/Rome", us(2022, 3, 27)),
        ("America/Santiago", us(2022, 9, 11)),
        ("Australia/Lord_Howe", us(2023, 4, 1, 12)),
        ("Australia/Lord_Howe", us(2023, 9, 30, 12)),
        ("Asia/Beirut", us(2022, 3, 26, 22)),
        ("Pacific/Apia", us(2011, 12, 30, 10)),
        ("Europe/Dublin", us(2022, 10, 30)),
    ],
)
def test_two_ways_to_find_windows_agree(length: str, clock: str, zone: str, around: int) -> None:
    instants = np.arange(around - 30 * HOUR, around + 30 * HOUR, HOUR // 4)
    found = windows_holding(Cutting(length, clock, zone), instants)
    other = edges(length, clock, zone, int(instants[0]), int(instants[-1]))
    assert found.begins.tolist() == other[:-1].tolist()
    assert found.ends.tolist() == other[1:].tolist()


LENGTHS = [each.value for each in Length]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("clock", ["utc", "local", "standard"])
@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Europe/Rome", us(2022, 10, 30)),
        ("Australia/Lord_Howe", us(2023, 4, 1, 12)),
        ("Pacific/Apia", us(2011, 12, 30, 10)),
        ("Asia/Kathmandu", us(2024, 2, 29)),
        ("America/Toronto", us(1987, 11, 1, 6)),
    ],
)
def test_all_that_hold_a_stretch_are_found_either_way(
    length: str, clock: str, zone: str, around: int
) -> None:
    low, high = around - 30 * HOUR, around + 30 * HOUR
    found = windows_over(Cutting(length, clock, zone), np.array([low]), np.array([high]))
    begins, ends = spans(length, clock, zone, low, high)
    assert found.begins.tolist() == begins.tolist()
    assert found.ends.tolist() == ends.tolist()


@pytest.mark.parametrize("step", ["quarter_hour", "day"])
@pytest.mark.parametrize("length", ["running_3h", "running_24h"])
def test_running_hours_end_with_their_step(length: str, step: str) -> None:
    low, high = us(2022, 10, 29, 3), us(2022, 10, 31)
    found = windows_over(Cutting(length, "local", "Europe/Rome", step), *np.array([[low], [high]]))
    begins, ends = spans(length, "local", "Europe/Rome", low, high, step)
    assert found.begins.tolist() == begins.tolist()
    assert found.ends.tolist() == ends.tolist()


def test_a_running_window_opens_with_its_last_step() -> None:
    noon = us(2022, 7, 1, 12)
    eights = windows_holding(Cutting("running_8h", "utc", ""), np.array([noon]))
    assert (eights.begins[0], eights.opens[0], eights.ends[0]) == (
        noon - 7 * HOUR,
        noon,
        noon + HOUR,
    )
    weeks = windows_holding(Cutting("running_7_days", "utc", ""), np.array([noon]))
    assert weeks.begins[0] == us(2022, 6, 25)
    assert (weeks.opens[0], weeks.ends[0]) == (us(2022, 7, 1), us(2022, 7, 2))


def test_what_lies_a_century_apart_is_cut_without_what_lies_between() -> None:
    instants = np.array([us(1925, 6, 1), us(2025, 6, 1)])
    found = windows_holding(Cutting("hour", "local", "Europe/Rome"), instants)
    assert found.begins.tolist() == instants.tolist()


def test_stretches_may_come_in_any_order_and_overlap() -> None:
    day = us(2025, 6, 1)
    lows, highs = np.array([day + 5 * HOUR, day, day + HOUR]), np.array([day + 6 * HOUR, day, day])
    found = windows_over(Cutting("hour", "utc", ""), np.append(lows, day), np.append(highs, day))
    assert ((found.begins - day) // HOUR).tolist() == [0, 5, 6]


@pytest.mark.parametrize("clock", ["utc", "local", "standard"])
@pytest.mark.parametrize("zone", ["Europe/Rome", "Asia/Beirut", "Asia/Kathmandu", "Pacific/Apia"])
@pytest.mark.parametrize(
    "day", [date(2022, 3, 27), date(2022, 10, 30), date(2024, 2, 29), date(2011, 12, 30)]
)
def test_a_date_begins_at_the_same_instant_either_way(clock: str, zone: str, day: date) -> None:
    if (zone, day) == ("Pacific/Apia", date(2011, 12, 30)) and clock != "utc":
        # Local time had none, standard time its last hour: what begins from then on.
        assert date_begins(day, clock, zone) == us(2011, 12, 30, 10)
    else:
        assert date_begins(day, clock, zone) == day_begin(day, clock, zone)
