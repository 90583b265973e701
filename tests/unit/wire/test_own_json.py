import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cityvitals.domain.times import EARLIEST_US, LATEST_US, to_us
from cityvitals.errors import MalformedPayload
from cityvitals.wire.formats.own_json import decode, encode
from cityvitals.wire.instant import read_instant, read_instants
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.rows import MOST_READINGS
from tests.unit.wire.messages import check_total, readings_of, reasons_of

TIMES = st.integers(EARLIEST_US, LATEST_US)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
READINGS = st.builds(
    Reading,
    TIMES,
    NAMES,
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(0, 2**63 - 1),
    st.just("") | NAMES,
    st.just(""),
)


def only(payload: Any) -> Pack:
    return decode(json.dumps(payload).encode())


@given(st.lists(READINGS))
def test_decode_undoes_encode(readings: list[Reading]) -> None:
    pack = decode(encode(readings))
    assert readings_of(pack) == readings
    assert pack.index == list(range(len(readings)))
    assert pack.bad == []


@given(st.data(), st.lists(READINGS, min_size=1, max_size=5))
def test_decoding_mutated_bytes_gives_a_pack_or_malformed(
    data: st.DataObject, readings: list[Reading]
) -> None:
    payload = bytearray(encode(readings))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place] = data.draw(st.integers(0, 255))
    check_total(decode, bytes(payload))


@given(st.binary())
@example(b"[" * 100_000)
@example(b"[1" + b"0" * 5000 + b"]")
@example(b'[{"t":1e999,"q":"a","v":1e999}]')
@example(b'[{"t":1' + b"0" * 400 + b',"q":"a","v":1}]')
@example(b'[{"t":"0001-01-01T00:00:00+14:00","q":"a","v":1}]')
@example(b'[{"t":"9999-12-31T23:59:59-14:00","q":"a","v":1}]')
@example(b'{"readings":null}')
@example(b'[{"t":"2026-01-01T00:00:00Z","q":"\\ud800","v":1}]')
def test_decoding_any_bytes_gives_a_pack_or_malformed(payload: bytes) -> None:
    check_total(decode, payload)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"t": None, "q": "pm10", "v": 1}, "no_time"),
        ({"t": "2026-01-01T00:00:00", "q": "pm10", "v": 1}, "no_time"),
        ({"t": "2026-13-01T00:00:00Z", "q": "pm10", "v": 1}, "no_time"),
        ({"t": 1.7e12, "q": "pm10", "v": 1}, "no_time"),
        ({"t": True, "q": "pm10", "v": 1}, "no_time"),
        ({"t": 1, "q": "pm10"}, "no_number"),
        ({"t": 1, "q": "pm10", "v": None}, "no_number"),
        ({"t": 1, "q": "pm10", "v": math.nan}, "no_number"),
        ({"t": 1, "q": "pm10", "v": -math.inf}, "no_number"),
        ({"t": 1, "q": "pm10", "v": True}, "no_number"),
        ({"t": 1, "q": "pm10", "v": 10**400}, "no_number"),
        ({"t": 1, "q": "pm10", "v": "1"}, "no_number"),
        ({"t": 1, "q": 5, "v": 1}, "unknown_quantity"),
        ({"t": 1, "q": "q" * 201, "v": 1}, "unknown_quantity"),
        ({"t": 1, "q": "pm10", "v": 1, "u": 5}, "bad_unit"),
        ({"t": 1, "q": "pm10", "v": 1, "u": "u" * 201}, "bad_unit"),
        ({"t": 1, "q": "pm10", "v": 1, "rev": -1}, "unknown_schema"),
        ({"t": 1, "q": "pm10", "v": 1, "seq": 2**63}, "unknown_schema"),
        ({"t": 1, "q": "pm10", "v": 1, "ch": "a b"}, "unknown_schema"),
        (5, "unknown_schema"),
    ],
)
def test_one_bad_reading_rejects_only_itself(entry: Any, reason: str) -> None:
    good = {"t": 2, "q": "no2", "v": 3, "unknown": "ignored"}
    pack = only([good, entry, good])
    assert [(bad.index, bad.reason) for bad in pack.bad] == [(1, reason)]
    assert pack.index == [0, 2]
    assert pack.v == [3.0, 3.0]


def test_a_reading_without_a_time_counts_from_arrival() -> None:
    pack = only([{"t": 1, "q": "no2", "v": 2}, {"q": "pm10", "v": 1}])
    assert (pack.t_us, pack.relative, pack.bad) == ([1_000_000, 0], [1], [])
    assert only({"q": "pm10", "v": 1}).relative == [0]


def test_a_message_of_too_many_readings_is_too_large() -> None:
    reading = {"t": 1, "q": "no2", "v": 2}
    assert len(only([reading] * MOST_READINGS).v) == MOST_READINGS
    with pytest.raises(MalformedPayload, match="too_large"):
        only([reading] * (MOST_READINGS + 1))


def test_a_message_is_a_reading_or_an_array_or_an_object_with_readings() -> None:
    reading = {"t": 2.5, "q": "no2", "v": 3}
    assert only(reading) == only([reading]) == only({"readings": [reading]})


@pytest.mark.parametrize("payload", [b"", b"\xff", b"{", b"5", b'"a"', b"nul"])
def test_what_is_no_message_is_undecodable_as_a_whole(payload: bytes) -> None:
    with pytest.raises(MalformedPayload):
        decode(payload)


@pytest.mark.parametrize(
    ("given_time", "us"),
    [
        ("2026-11-23T10:15:00.1234569Z", 1_795_428_900_123_456),
        ("2026-11-23T11:15:00+01:00", 1_795_428_900_000_000),
        ("2026-11-23T10:15:00.5Z", 1_795_428_900_500_000),
        ("1969-12-31T23:59:59.999999Z", -1),
        (1_700_000_000, 1_700_000_000_000_000),
        (1_700_000_000.123457, 1_700_000_000_123_457),
        (0.0000019, 1),
        (-0.0000019, -2),
    ],
)
def test_times_are_cut_to_microseconds(given_time: Any, us: int) -> None:
    assert only({"t": given_time, "q": "no2", "v": 1}).t_us == [us]


@given(
    st.lists(
        st.datetimes(timezones=st.sampled_from([UTC])),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_the_fast_way_of_reading_times_agrees_with_the_plain_one(
    moments: list[datetime], precision: str
) -> None:
    texts = [moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z" for moment in moments]
    assert read_instants(texts) == [read_instant(text) for text in texts]
    assert precision != "microseconds" or read_instants(texts) == [to_us(m) for m in moments]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:15:00.+05Z", "2026-11-23T10:15:00.12ZZ",
        "+026-11-23T10:15:00Z", " 026-11-23T10:15:00Z", "2026-11-23T10:15:+5Z",
        "2\x0026-11-23T10:15:00Z", "20\x006-11-23T10:15:00.123456Z", "2026-11-23T10:15:00.1\x00Z",
    ],
)  # fmt: skip
def test_what_numpy_would_take_for_a_time_is_left_to_the_plain_way(text: str) -> None:
    assert read_instants(["2026-11-23T10:15:00.123456Z"[: len(text) - 1] + "Z", text]) is None
    assert reasons_of(only([{"t": text, "q": "no2", "v": 1}])) == [(0, "no_time")]


ODD_TAILS = st.text(alphabet="0123456789-:TZ. +e_", max_size=7)
ODD_YEARS = st.text(alphabet="0123456789 -+", min_size=4, max_size=4)


@given(st.builds("{}-11-23T10:15:00.{}Z".format, ODD_YEARS, ODD_TAILS))
@example("2026-11-23T10:15:00.12+01Z")
@example("2026-11-23T10:15:00.0000-1Z")
def test_the_fast_way_of_reading_times_takes_nothing_else(text: str) -> None:
    found = read_instants([text])
    if found is not None:
        assert found == [read_instant(text)]
