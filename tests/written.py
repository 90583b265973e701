"""Rows that the aggregator writes, read from the wire; and rows put on it, for tests of readers."""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aggregator.outputs import Outputs
from cityvitals.domain.times import from_us, to_us
from cityvitals.store import derived, fields
from cityvitals.store.derived import ChangeRow, IndicatorRow
from cityvitals.store.pool import Connection

_INDICATOR: Final = [
    *("text", "text", "text", "time", "int4", "time", "int4", "text", "bool"),
    *("float8", "float8", "float8", "float8", "int8", "int8"),
    *("text", "int4s", "texts", "time", "time", "int8", "int4", "int8s"),
]
_CHANGE: Final = ["text", "int8", "time", "text", "text"]


def kept(out: Outputs) -> list[IndicatorRow]:
    """Revisions to append."""
    return [
        IndicatorRow(*row) for part in out.written().kept for row in _rows(bytes(part), _INDICATOR)
    ]


def latest(out: Outputs) -> dict[tuple[str, str, str], IndicatorRow]:
    """Latest values by city, rule and zone; each once."""
    rows = [
        IndicatorRow(*row)
        for part in out.written().latest
        for row in _rows(bytes(part), _INDICATOR)
    ]
    found = {(row.city, row.rule, row.zone): row for row in rows}
    assert len(found) == len(rows)
    return found


def changes(out: Outputs) -> list[ChangeRow]:
    """Changes to append."""
    parts = [*out.written().changes, *out.told]
    return [ChangeRow(*row) for part in parts for row in _rows(bytes(part), _CHANGE)]


def _rows(data: bytes, types: Sequence[str]) -> Iterable[list[Any]]:
    at = 0
    while at < len(data):
        assert data[at : at + 2] == fields.row_head(len(types))
        at += 2
        row = []
        for kind in types:
            (size,) = struct.unpack_from(">i", data, at)
            at += 4
            row.append(None if size < 0 else _value(kind, data[at : at + size]))
            at += max(size, 0)
        yield row


def _value(kind: str, data: bytes) -> Any:
    match kind:
        case "text":
            return data.decode()
        case "time":
            return from_us(struct.unpack(">q", data)[0] + fields.PG_EPOCH_US)
        case "bool":
            return data == b"\x01"
        case "int4s" | "int8s" | "texts":
            return _elements(kind.removesuffix("s"), data)
        case _:
            return struct.unpack({"int4": ">i", "int8": ">q", "float8": ">d"}[kind], data)[0]


def _elements(kind: str, data: bytes) -> list[Any]:
    dimensions, _, oid = struct.unpack_from(">iii", data)
    assert oid == {"int4": 23, "int8": 20, "text": 25}[kind]
    found, at = [], 20
    for _ in range(struct.unpack_from(">i", data, 12)[0] if dimensions else 0):
        (size,) = struct.unpack_from(">i", data, at)
        found.append(_value(kind, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def indicator_line(row: IndicatorRow) -> memoryview:
    """A row of `indicator` on the wire, one field after the other."""
    return _line(row, _INDICATOR)


def change_line(row: ChangeRow) -> memoryview:
    """A row of `change` on the wire."""
    return _line(row, _CHANGE)


def _line(row: Sequence[Any], types: Sequence[str]) -> memoryview:
    made = [_field(kind, value) for kind, value in zip(types, row, strict=True)]
    return memoryview(fields.row_head(len(types)) + b"".join(made))


def _field(kind: str, value: Any) -> bytes:
    if kind == "int8s":
        return fields.int8s_field(value)
    return fields.NULL if value is None else _FIELDS[kind](value)


def _int4s_field(values: Sequence[int]) -> bytes:
    return fields.int4s_head(len(values)) + b"".join(fields.int4_field(one) for one in values)


_FIELDS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "text": lambda value: fields.text_field(str(value)),
    "time": lambda value: fields.time_field(to_us(value)),
    "bool": lambda value: fields.bool_field(value=value),
    "texts": fields.texts_field,
    "int4s": _int4s_field,
    "int4": fields.int4_field,
    "int8": fields.int8_field,
    "float8": lambda value: struct.pack(">id", 8, value),
}


async def write_indicators(
    connection: Connection, rows: Iterable[IndicatorRow], newest: Iterable[IndicatorRow]
) -> None:
    """Append revisions and replace latest values, as the aggregator does."""
    lines = [indicator_line(row) for row in rows]
    await derived.write_indicators(connection, lines, [indicator_line(row) for row in newest])


async def write_changes(
    connection: Connection, rows: Iterable[ChangeRow], numbers: dict[str, int]
) -> None:
    """Append changes, as the aggregator does."""
    await derived.write_changes(connection, [change_line(row) for row in rows], numbers)
