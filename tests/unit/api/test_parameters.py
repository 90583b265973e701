from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.indicators_route import LATEST_PARAMETERS, history_parameters
from api.parameters import (
    BadParameters,
    make_cursor,
    parse_domain,
    parse_moment,
    parse_zone,
    read_cursor,
    read_parameters,
    whole_number,
)
from api.stream_route import STREAM_PARAMETERS

HISTORY = history_parameters(100)
MOMENTS = st.datetimes(timezones=st.just(UTC))


def faults(query: list[tuple[str, str]]) -> dict[str, str]:
    with pytest.raises(BadParameters) as raised:
        read_parameters(query, HISTORY)
    return dict(raised.value.faults)


def test_absent_parameters_are_absent() -> None:
    assert read_parameters([], HISTORY) == {}


def test_values_are_read() -> None:
    values = read_parameters(
        [("from", "2026-11-23T10:00:00+01:00"), ("limit", "7"), ("zone", "")], HISTORY
    )
    assert values == {"from": datetime(2026, 11, 23, 9, tzinfo=UTC), "limit": 7, "zone": ""}


def test_every_fault_is_named_at_once() -> None:
    found = faults([("form", "x"), ("to", "yesterday"), ("limit", "0"), ("zone", "a b")])
    assert set(found) == {"form", "to", "limit", "zone"}
    assert "expected one of as_of, cursor, format, from, limit, points, to, zone" in found["form"]
    assert "'yesterday'" in found["to"] and "RFC 3339" in found["to"]
    assert "from 1 to 100" in found["limit"]


def test_repeated_parameter_is_refused() -> None:
    assert "twice" in faults([("limit", "1"), ("limit", "2")])["limit"]


def test_missing_required_parameter_is_named() -> None:
    with pytest.raises(BadParameters, match="city: is missing"):
        read_parameters([], STREAM_PARAMETERS)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:00:00",
        "2026-11-23",
        "1763892000",
        "",
        "2026-02-30T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_time_without_zone_or_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_moment(text)


def test_plus_that_became_a_space_is_explained() -> None:
    with pytest.raises(ValueError, match="%2B"):
        parse_moment("2026-11-23T10:00:00 01:00")


@given(MOMENTS)
def test_every_moment_is_read_back(moment: datetime) -> None:
    assert parse_moment(moment.isoformat()) == moment


@given(st.text())
def test_any_text_is_a_moment_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_moment(text).tzinfo is not None


@pytest.mark.parametrize("text", ["-1", "1.5", "٣", "1e3", " 1", "101", "9" * 30])
def test_number_out_of_bounds_or_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number from 1 to 100"):
        whole_number(1, 100)(text)


def test_domain_is_one_of_ours() -> None:
    assert parse_domain("air") == "air"
    with pytest.raises(ValueError, match="air, energy"):
        parse_domain("kpi")


def test_empty_zone_is_the_city() -> None:
    assert parse_zone("") == ""


@given(MOMENTS, st.text())
def test_cursor_comes_back_to_its_place(moment: datetime, question: str) -> None:
    assert read_cursor(make_cursor(moment, question), question) == moment


@given(st.text())
def test_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadParameters, match="cursor: expected the `next`"):
        read_cursor(text, "ferrara//air.pm2_5.hour")


def test_cursor_of_another_question_is_refused() -> None:
    cursor = make_cursor(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=1), "a")
    with pytest.raises(BadParameters):
        read_cursor(cursor, "b")


@pytest.mark.parametrize("group", [HISTORY, LATEST_PARAMETERS, STREAM_PARAMETERS])
def test_every_parameter_is_documented(group: tuple[object, ...]) -> None:
    for parameter in group:
        shown = parameter.document()  # type: ignore[attr-defined]
        assert shown["in"] == "query" and shown["description"].endswith(".")
