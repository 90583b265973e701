"""CBOR: examples of RFC 8949, appendices A and F."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.errors import MalformedPayload
from cityvitals.wire import cbor

TREES = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=30)
        | st.dictionaries(st.integers(-100, 100) | st.text(max_size=30), inner, max_size=30)
    ),
    max_leaves=20,
)


@given(TREES)
def test_parse_undoes_write(tree: Any) -> None:
    assert cbor.parse(cbor.write(tree)) == tree


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("00", 0),
        ("1903e8", 1000),
        ("1bffffffffffffffff", 2**64 - 1),
        ("3bffffffffffffffff", -(2**64)),
        ("f93c00", 1.0),
        ("f90001", 5.960464477539063e-8),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
        ("f97c00", math.inf),
        ("f4", False),
        ("f6", None),
        ("f7", None),
        ("c11a514b67b0", 1363896240),
        ("c249010000000000000000", b"\x01" + bytes(8)),
        ("d9d9f780", []),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("62c3bc", "\u00fc"),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("c48221196ab3", 273.15),
        ("c4821b7fffffffffffffff01", math.inf),
    ],
)
def test_the_standards_examples(written: str, value: Any) -> None:
    assert cbor.parse(bytes.fromhex(written)) == value


@pytest.mark.parametrize(
    "written",
    [
        "", "18", "1900", "62c3", "62c328", "8101ff", "81", "a1", "a101", "a1ff01", "a101ff",
        "a2010101", "a201020103", "a18001", "a1f501", "ff", "81ff", "c1ff", "1c", "1f", "3f", "df",
        "f8ff", "f800", "5f00ff", "5f6161ff", "5f5f4100ffff", "7f6180ff", "9f", "bf01ff", "0000",
        "9bffffffffffffffff", "bb7fffffffffffffff00", "5bffffffffffffffff00", "c401", "c4810",
        "81" * 17 + "00", "c1" * 17 + "00", "c482f93c0001",
    ],
)  # fmt: skip
def test_what_is_not_well_formed_or_too_deep_is_undecodable(written: str) -> None:
    with pytest.raises(MalformedPayload, match="undecodable"):
        cbor.parse(bytes.fromhex(written + "0" * (len(written) % 2)))


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_malformed(payload: bytes) -> None:
    try:
        cbor.parse(payload)
    except MalformedPayload:
        return


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(ValueError, match="NoneType"):
        cbor.write([None])
