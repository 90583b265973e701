"""SenML as RFC 8428 has it; the packs are those of its section 5.1, cut short."""

import json
from typing import Any

import pytest

from cityvitals.errors import MalformedPayload
from cityvitals.wire import cbor
from cityvitals.wire.formats import senml_cbor
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.payload import decode
from tests.unit.wire.messages import readings_of, reasons_of

T = 1_700_000_000


def only(*records: Any) -> Pack:
    return decode(json.dumps(records).encode())


def test_a_single_datapoint() -> None:
    """5.1.1: a name and no quantity: the last piece of the device's URN is all there is."""
    pack = only({"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1})
    assert readings_of(pack) == [
        Reading(0, "10e2073a01080063", 23.1, "Cel", device="ow"),
    ]
    assert pack.relative == [0]


def test_multiple_datapoints() -> None:
    """5.1.3: base fields, and times before the base time."""
    pack = only(
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1.276020076001e9, "bu": "A", "bver": 5,
         "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4.5, "v": 1.3},
    )  # fmt: skip
    device = "10e2073a0108006"
    assert pack.bad == [] and pack.relative == []
    assert readings_of(pack) == [
        Reading(1_276_020_076_001_000, "voltage", 120.1, "V", device=device),
        Reading(1_276_020_071_001_000, "current", 1.2, "A", device=device),
        Reading(1_276_020_071_501_000, "current", 1.3, "A", device=device),
    ]


def test_the_cbor_example() -> None:
    """Section 6, the first two records."""
    payload = bytes.fromhex(
        "82a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120"
        "050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333"
    )
    pack = decode(payload)
    assert pack.q == ["voltage", "current"]
    assert pack.v == [120.1, 1.2]
    assert pack.t_us == [1_276_020_076_001_000, 1_276_020_071_001_000]
    assert pack.device == ["10e2073a0108006"] * 2


@pytest.mark.parametrize(
    ("name", "device", "quantity", "channel"),
    [
        ("no2", "", "no2", ""),
        ("roof-3/no2", "roof-3", "no2", ""),
        ("urn:dev:mac:0024befffe804ff1/no2.b", "0024befffe804ff1", "no2", "b"),
        ("a//no2", "a", "no2", ""),
        ("/no2", "", "no2", ""),
    ],
)
def test_names(name: str, device: str, quantity: str, channel: str) -> None:
    assert readings_of(only({"n": name, "v": 1, "t": T})) == [
        Reading(T * 1_000_000, quantity, 1.0, ch=channel, device=device)
    ]


@pytest.mark.parametrize(
    ("t", "us", "rows"),
    [
        (0, 0, [0]),
        (-0.5, -500_000, [0]),
        (2**28 - 1, (2**28 - 1) * 1_000_000, [0]),
        (-(2**28), -(2**28) * 1_000_000, [0]),
        (2**28, 2**28 * 1_000_000, []),
    ],
)
def test_times_below_two_to_the_28th_count_from_arrival(t: float, us: int, rows: list[int]) -> None:
    pack = only({"n": "no2", "v": 1, "t": t})
    assert pack.t_us == [us]
    assert pack.relative == rows


def test_a_short_offset_added_to_a_base_time_is_exact() -> None:
    pack = only({"bt": T + 0.1, "n": "no2", "v": 1, "t": 0.200001})
    assert pack.t_us == [T * 1_000_000 + 300_001]


def test_base_values_and_base_units_hold_until_changed() -> None:
    pack = only(
        {"bn": "no2", "bt": T, "bv": 10, "bu": "ug/m3"},
        {"v": 1},
        {"v": 2, "bv": 20, "u": "mg/m3"},
        {"v": 3},
    )
    assert (pack.v, pack.u) == ([11, 22, 23], ["ug/m3", "mg/m3", "ug/m3"])
    assert pack.index == [0, 1, 2]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"n": "no2", "vs": "high"}, "no_number"),
        ({"n": "no2", "vb": True}, "no_number"),
        ({"n": "no2", "vd": "aGk"}, "no_number"),
        ({"n": "no2"}, "no_number"),
        ({"n": "no2", "v": float("nan")}, "no_number"),
        ({"n": "no2", "v": "1"}, "no_number"),
        ({"n": "no2", "v": 1, "bv": "1"}, "no_number"),
        ({"n": "energy", "s": 7}, "unsupported"),
        ({"n": "no2", "v": 1, "t": "now"}, "no_time"),
        ({"n": "no2", "v": 1, "t": -1e300}, "no_time"),
        ({"n": "no2", "v": 1, "t": 1e11}, None),
        ({"n": "no2", "v": 1, "t": 1e12}, "no_time"),
        ({"n": "no2", "v": 1, "u": 5}, "bad_unit"),
        ({"n": "no2", "v": 1, "u": "m" * 201}, "bad_unit"),
        ({"n": "n" * 201, "v": 1}, "unknown_quantity"),
        ({"n": 5, "v": 1}, "unknown_quantity"),
        ({"n": "roof/", "v": 1}, "unknown_quantity"),
        ({"n": "no2.", "v": 1}, "unknown_schema"),
        ({"n": "no2.b c", "v": 1}, "unknown_schema"),
        (5, "unknown_schema"),
    ],
)
def test_one_bad_record_rejects_only_itself(record: Any, reason: str | None) -> None:
    good = {"n": "pm10", "bv": 0, "v": 3, "t": T}
    pack = only(good, record, good)
    assert reasons_of(pack) == ([(1, reason)] if reason else [])
    assert (pack.v[0], pack.v[-1]) == (3.0, 3.0)


@pytest.mark.parametrize(
    "record", [{"n": "a", "v": 1, "x_": 1}, {"bver": 11}, {"bver": "10"}, {"bver": True}]
)
def test_what_must_be_understood_and_is_not_rejects_the_pack(record: Any) -> None:
    with pytest.raises(MalformedPayload, match="unsupported"):
        only({"n": "no2", "v": 1, "t": T}, record)


def test_unknown_fields_are_ignored() -> None:
    assert only({"n": "no2", "v": 1, "t": T, "x": [1], "ut": 5}).v == [1.0]


def test_cbor_records_may_have_decimal_fractions_and_unknown_labels() -> None:
    body = cbor.write([{0: "no2", 6: T, 99: "ignored", 2: 0}])
    assert body[-1] == 0
    pack = decode(body[:-1] + bytes.fromhex("c482211903e8"))
    assert pack.v == [10.0]


def test_cbor_that_is_no_pack_is_named() -> None:
    with pytest.raises(MalformedPayload, match="unknown_schema"):
        decode(cbor.write({"a": 1}))
    with pytest.raises(MalformedPayload, match="unknown_schema"):
        senml_cbor.FORMAT.decode(cbor.write([1]))


@pytest.mark.parametrize(
    "reading",
    [
        Reading(0, "no2", 1.0),
        Reading(T * 1_000_000, "no2", 1.0, rev=1),
        Reading(T * 1_000_000, "no2", 1.0, seq=1),
        Reading(T * 1_000_000, "no2", 1.0, device="a:b"),
    ],
)
def test_what_senml_has_no_words_for_is_not_written(reading: Reading) -> None:
    with pytest.raises(ValueError, match="SenML has no words"):
        senml_cbor.encode([reading])
