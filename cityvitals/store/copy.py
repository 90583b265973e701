"""Binary COPY between tables and numpy record arrays, both ways through one wire dtype.

A row on the wire is: int16 field count, then per field int32 length and the big-endian bytes.
With fixed-width columns that never are null this is one packed record, so a whole batch encodes as
vectorised assignments and decodes as one `np.frombuffer`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.store.failures import translated
from cityvitals.store.fields import PG_EPOCH_US
from cityvitals.store.pool import Connection

_PIECE: Final = 4096
"""Rows encoded at a time: the server works on one piece while the next is encoded."""
_BYTES: Final = 2**18
"""Of rows that are sent at a time."""
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_WIRE: Final = {
    "timestamptz": ">i8",
    "float8": ">f8",
    "int8": ">i8",
    "int4": ">i4",
    "int2": ">i2",
    "bool": "?",
}
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its PostgreSQL type, and the numpy field that feeds it.

    Attributes:
        after: another field, of microseconds as this one: the column holds by how many whole
            milliseconds this one is later.
    """

    name: str
    type: str
    field: str
    after: str = ""

    def put(self, records: Records) -> NDArray[Any]:
        """The column's values of records."""
        values: NDArray[Any] = records[self.field]
        if self.after:
            values = (values - records[self.after]) // _MS
        elif self.type == "timestamptz":
            values = values - PG_EPOCH_US
        return values

    def take(self, values: NDArray[Any], records: Records) -> NDArray[Any]:
        """The field's values, where those that it is counted from are in `records`."""
        if self.after:
            values = values * _MS + records[self.after]
        elif self.type == "timestamptz":
            values = values + PG_EPOCH_US
        return values


class Layout:
    """How records of one numpy dtype lie on the COPY wire.

    Args:
        table: the table that `copy_in` fills.
        dtype: the in-memory dtype, with times in microseconds since 1970.
        columns: in the table's order, after what they are counted from; nullable or variable-width
            columns cannot take this way.
    """

    def __init__(self, table: str, dtype: np.dtype[Any], columns: Sequence[Column]) -> None:
        self.table = table
        self.dtype = dtype
        self.columns = tuple(columns)
        fields: list[tuple[str, str]] = [("fields", ">i2")]
        for column in columns:
            fields += [(f"{column.name}_len", ">i4"), (column.name, _WIRE[column.type])]
        self.wire = np.dtype(fields)
        self._blank = np.zeros(_PIECE, self.wire)
        self._blank["fields"] = len(self.columns)
        for column in self.columns:
            self._blank[f"{column.name}_len"] = self.wire[column.name].itemsize

    @property
    def names(self) -> list[str]:
        """The table's column names, in wire order."""
        return [column.name for column in self.columns]

    def encode(self, records: Records) -> bytes:
        """The COPY stream of records: signature, rows, trailer."""
        return b"".join((_SIGNATURE, self.encode_rows(records), _TRAILER))

    def encode_rows(self, records: Records) -> bytes:
        """Records as rows of a COPY stream."""
        pieces = [
            self._encode_piece(records[start : start + _PIECE])
            for start in range(0, len(records), _PIECE)
        ]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _encode_piece(self, records: Records) -> bytes:
        """Few enough records to write over the values of the blank ones, lengths being there."""
        rows = self._blank[: len(records)]
        for column in self.columns:
            rows[column.name] = column.put(records)
        return rows.tobytes()

    def decode(self, stream: bytes) -> Records:
        """The records of a COPY stream; the inverse of `encode`.

        Raises:
            ValueError: a row holds a null or another width, so the layout does not fit the query.
        """
        body = len(stream) - len(_SIGNATURE) - len(_TRAILER)
        count, rest = divmod(body, self.wire.itemsize)
        if rest:
            msg = f"COPY stream of {body} bytes is not whole rows of {self.wire.itemsize}"
            raise ValueError(msg)
        rows = np.frombuffer(stream, self.wire, count, len(_SIGNATURE))
        if count and not (rows["fields"] == len(self.columns)).all():
            msg = f"COPY rows do not have the {len(self.columns)} fields of {self.table}"
            raise ValueError(msg)
        records = np.zeros(count, self.dtype)
        for column in self.columns:
            records[column.field] = column.take(rows[column.name], records)
        return records


async def copy_in(
    connection: Connection,
    layout: Layout,
    records: Records,
    table: str = "",
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """COPY records into the layout's table, or another of the same columns.

    Args:
        connection: in a transaction, where it matters.
        layout: how the records lie on the wire.
        records: of the layout's dtype.
        table: another table than the layout's.
        meanwhile: what is worth doing here while the server still takes in the last rows.

    Raises:
        StoreConflict: a row's unique key exists already.
        StoreUnavailable: the server is away.
    """
    with translated(f"copying {len(records)} rows into {table or layout.table}"):
        await connection.copy_to_table(
            table or layout.table,
            source=_stream(layout, records, meanwhile),
            columns=layout.names,
            format="binary",
        )


async def copy_out(
    connection: Connection,
    layout: Layout,
    query: str,
    *arguments: Any,
    timeout_s: float | None = None,
) -> Records:
    """The result of a query, whose columns are the layout's, as records.

    Args:
        connection: any.
        layout: how the records lie on the wire.
        query: with parameters.
        arguments: for these.
        timeout_s: how long to wait for it; None as long as for any other.

    Raises:
        StoreUnavailable: the server is away.
    """
    parts: list[bytes] = []

    async def take(part: bytes) -> None:
        parts.append(part)

    with translated(f"copying out of {layout.table}"):
        await connection.copy_from_query(
            query, *arguments, output=take, format="binary", timeout=timeout_s
        )
    return layout.decode(b"".join(parts))


async def copy_rows(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    parts: Sequence[bytes | memoryview],
) -> None:
    """COPY rows that lie on the wire already (`cityvitals.store.fields`), some in each part.

    Raises:
        StoreConflict: a row's unique key exists already.
        StoreUnavailable: the server is away.
    """
    with translated(f"copying rows into {table}"):
        await connection.copy_to_table(
            table, source=_around(parts), columns=list(columns), format="binary"
        )


async def _around(parts: Sequence[bytes | memoryview]) -> AsyncIterator[bytes]:
    yield _SIGNATURE
    for part in parts:
        for start in range(0, len(part), _BYTES):
            yield bytes(part[start : start + _BYTES])
    yield _TRAILER


async def _stream(
    layout: Layout, records: Records, meanwhile: Callable[[], None]
) -> AsyncIterator[bytes]:
    """A COPY stream in pieces that the socket's buffer can take."""
    yield _SIGNATURE
    for start in range(0, len(records), _PIECE):
        yield layout.encode_rows(records[start : start + _PIECE])
    meanwhile()
    yield _TRAILER
