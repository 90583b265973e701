"""Windows where clocks change, against dates anybody can look up."""

from datetime import UTC, datetime

import numpy as np
import pytest

from cityvitals.domain.window import edges
from cityvitals.verify.edges import Cutting, windows_holding

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
