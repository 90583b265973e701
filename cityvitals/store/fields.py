"""How values lie in the rows of a binary COPY, where columns may be null or of any length.

A field is its length as int32, -1 for null, and its bytes, most significant first.
`cityvitals.store.copy` has rows whose columns all have one width.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01, from which PostgreSQL counts, in microseconds since 1970."""

_INT2: Final = struct.Struct(">h")
_INT4: Final = struct.Struct(">i")
_TIME: Final = struct.Struct(">iq")
_INT8: Final = struct.Struct(">iq")
_ARRAY: Final = struct.Struct(">iiiii")
_NO_ELEMENTS: Final = struct.Struct(">iii")
_TEXT_OID, _INT4_OID, _INT8_OID = 25, 23, 20

NULL: Final = _INT4.pack(-1)
INT4: Final = np.dtype([("length", ">i4"), ("value", ">i4")])
INT8: Final = np.dtype([("length", ">i4"), ("value", ">i8")])
FLOAT8: Final = np.dtype([("length", ">i4"), ("value", ">f8")])


def row_head(columns: int) -> bytes:
    """What a row begins with."""
    return _INT2.pack(columns)


def text_field(text: str) -> bytes:
    """A text."""
    raw = text.encode()
    return _INT4.pack(len(raw)) + raw


def time_field(moment_us: int | None) -> bytes:
    """A timestamptz, from microseconds since 1970."""
    return NULL if moment_us is None else _TIME.pack(8, moment_us - PG_EPOCH_US)


def int4_field(value: int) -> bytes:
    """An integer."""
    return _INT4.pack(4) + _INT4.pack(value)


def int8_field(value: int) -> bytes:
    """A bigint."""
    return _INT8.pack(8, value)


def bool_field(*, value: bool) -> bytes:
    """A boolean."""
    return _INT4.pack(1) + bytes([value])


def texts_field(texts: Sequence[str]) -> bytes:
    """A text[]."""
    return _array_field(_TEXT_OID, [text_field(one) for one in texts])


def int8s_field(values: Sequence[int] | None) -> bytes:
    """A bigint[], or null."""
    if values is None:
        return NULL
    return _array_field(_INT8_OID, [int8_field(one) for one in values])


def _array_field(oid: int, elements: Sequence[bytes]) -> bytes:
    head = _array_head(oid, len(elements))
    return _INT4.pack(len(head) + sum(map(len, elements))) + head + b"".join(elements)


def _array_head(oid: int, count: int) -> bytes:
    return _ARRAY.pack(1, 0, oid, count, 1) if count else _NO_ELEMENTS.pack(0, 0, oid)


def int4s_head(count: int) -> bytes:
    """What an integer[] begins with; its elements, as `INT4`, follow."""
    head = _array_head(_INT4_OID, count)
    return _INT4.pack(len(head) + count * INT4.itemsize) + head


def fixed_fields(dtype: np.dtype[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Fields of INT4, INT8 or FLOAT8 [n]."""
    found = np.empty(len(values), dtype)
    found["length"] = dtype["value"].itemsize
    found["value"] = values
    return found


def side_by_side(*columns: NDArray[Any]) -> NDArray[Any]:
    """Fields of several columns, row by row [n]."""
    found = np.empty(len(columns[0]), [(f"f{at}", one.dtype) for at, one in enumerate(columns)])
    for at, one in enumerate(columns):
        found[f"f{at}"] = one
    return found


def nullable_fields(values: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Fields of FLOAT8 [n], nan as null, and how many bytes of each count."""
    found, missing = fixed_fields(FLOAT8, values), np.isnan(values)
    found["length"][missing] = -1
    return found, np.where(missing, len(NULL), FLOAT8.itemsize)
