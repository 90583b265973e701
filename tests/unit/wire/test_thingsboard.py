import json
from typing import Any

import pytest

from cityvitals.wire.formats import thingsboard_device, thingsboard_gateway
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.payload import decode
from tests.unit.wire.messages import readings_of, reasons_of

MS = 1_700_000_000_123
T_US = MS * 1000


def only(message: Any) -> Pack:
    return decode(json.dumps(message).encode())


def test_a_gateways_telemetry() -> None:
    message = {
        "Device A": [
            {"ts": MS, "values": {"no2": 42, "no2.b": 8.5}},
            {"ts": MS + 1, "values": {"no2": 43}},
        ],
        "Device B": [{"ts": MS, "values": {"no2": 44}}],
    }
    assert readings_of(only(message)) == [
        Reading(T_US, "no2", 42.0, device="Device A"),
        Reading(T_US, "no2", 8.5, ch="b", device="Device A"),
        Reading(T_US + 1000, "no2", 43.0, device="Device A"),
        Reading(T_US, "no2", 44.0, device="Device B"),
    ]


def test_a_gateways_telemetry_without_times() -> None:
    pack = only({"readings": [{"no2": 42}], "B": [{"no2": 1}, {"pm10": 2}]})
    assert pack.device == ["readings", "B", "B"]
    assert pack.relative == [0, 1, 2] and pack.t_us == [0, 0, 0]


@pytest.mark.parametrize(
    "message", [{"ts": MS, "values": {"no2": 42}}, [{"ts": MS, "values": {"no2": 42}}]]
)
def test_a_devices_telemetry(message: Any) -> None:
    pack = only(message)
    assert readings_of(pack) == [Reading(T_US, "no2", 42.0)]
    assert pack.device == [] and pack.relative == []


@pytest.mark.parametrize(
    "message", [{"no2": 1, "pm10": 2}, [{"no2": 1}, {"pm10": 2}], {"values": {"no2": 1, "pm10": 2}}]
)
def test_plain_keys_and_values_count_from_arrival(message: Any) -> None:
    pack = only(message)
    assert readings_of(pack) == [Reading(0, "no2", 1.0), Reading(0, "pm10", 2.0)]
    assert pack.relative == [0, 1]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"ts": MS, "values": {"no2": "42"}}, "no_number"),
        ({"ts": MS, "values": {"no2": True}}, "no_number"),
        ({"ts": MS, "values": {"no2": None}}, "no_number"),
        ({"ts": MS, "values": {"no2": float("inf")}}, "no_number"),
        ({"ts": MS, "values": {"no2": {"a": 1}}}, "no_number"),
        ({"ts": str(MS), "values": {"no2": 1}}, "no_time"),
        ({"ts": None, "values": {"no2": 1}}, "no_time"),
        ({"ts": 1e18, "values": {"no2": 1}}, "no_time"),
        ({"ts": MS, "values": {"n" * 201: 1}}, "unknown_quantity"),
        ({"ts": MS, "values": {"no2.b c": 1}}, "unknown_schema"),
        ({"ts": MS}, "unknown_schema"),
        (5, "unknown_schema"),
    ],
)
def test_one_bad_value_rejects_only_itself(entry: Any, reason: str) -> None:
    good = {"ts": MS, "values": {"pm10": 3}}
    for message in ([good, entry, good], {"A": [good, entry, good]}):
        pack = only(message)
        assert reasons_of(pack) == [(1, reason)]
        assert (pack.v, pack.index) == ([3.0, 3.0], [0, 2])


def test_what_is_no_array_of_entries_is_one_bad_reading() -> None:
    pack = only({"A": [{"ts": MS, "values": {"pm10": 3}}], "B": 5, "C" * 201: []})
    assert reasons_of(pack) == [(1, "unknown_schema"), (2, "unknown_schema")]


@pytest.mark.parametrize(
    ("encode", "reading"),
    [
        (thingsboard_device.encode, Reading(1, "no2", 1.0)),
        (thingsboard_device.encode, Reading(1000, "no2", 1.0, "ug/m3")),
        (thingsboard_gateway.encode, Reading(1000, "no2", 1.0)),
    ],
)
def test_what_there_are_no_words_for_is_not_written(encode: Any, reading: Reading) -> None:
    with pytest.raises(ValueError, match="ThingsBoard"):
        encode([reading])


def test_a_gateways_devices_stand_together() -> None:
    readings = [Reading(1000, "no2", 1.0, device=device) for device in "aba"]
    with pytest.raises(ValueError, match="by device"):
        thingsboard_gateway.encode(readings)
