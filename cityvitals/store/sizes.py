"""How much room each table takes, and what compression saves."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cityvitals.errors import UnfitServer
from cityvitals.store.engine import Engine, look
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_READING: Final = "reading"


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table with all its partitions or chunks.

    Attributes:
        rows_bytes: what its rows take. keys_bytes: what its indexes take.
        rows: how many there are, by the server's estimate; None where it has none yet.
        parts: partitions or chunks; 0 for a table that is one.
        compressed_parts: chunks that are compressed.
        before_bytes: what those took before. after_bytes: what they took once they were compressed.
    """

    name: str
    rows_bytes: int
    keys_bytes: int
    rows: int | None
    parts: int
    compressed_parts: int = 0
    before_bytes: int = 0
    after_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """Rows and indexes."""
        return self.rows_bytes + self.keys_bytes

    @property
    def bytes_per_row(self) -> float | None:
        """What a row takes with its share of the indexes."""
        return self.total_bytes / self.rows if self.rows else None

    @property
    def ratio(self) -> float | None:
        """How many times smaller compressed chunks are than they were."""
        return self.before_bytes / self.after_bytes if self.after_bytes else None


@dataclass(frozen=True, slots=True)
class Sizes:
    """All tables of ours, the largest first.

    Attributes:
        server: what it is and its version.
        flaw: why it could not be TimescaleDB, and the remedy; empty where it could, or is.
    """

    engine: Engine
    server: str
    flaw: str
    tables: tuple[TableSize, ...]

    @property
    def total_bytes(self) -> int:
        """Of all tables."""
        return sum(table.total_bytes for table in self.tables)

    @property
    def reading(self) -> TableSize:
        """The table of readings."""
        return next(table for table in self.tables if table.name == _READING)


async def read_sizes(connection: Connection, *, exact: bool = False) -> Sizes:
    """How much room the tables take.

    Args:
        connection: one.
        exact: count readings instead of taking the server's estimate; reads all of them.

    Raises:
        UnfitServer: there are no tables yet.
        StoreUnavailable: the server is away, or takes longer than `command_timeout_seconds`.
    """
    offer = await look(connection)
    engine = Engine.TIMESCALEDB if offer.in_use else Engine.POSTGRESQL
    sql = queries("sizes")
    with translated("reading how large the tables are"):
        found = {row["name"]: TableSize(**row) for row in await connection.fetch(sql["plain"])}
        if engine is Engine.TIMESCALEDB:
            found |= {row["name"]: TableSize(**row) for row in await connection.fetch(sql["hyper"])}
        if _READING not in found:
            raise UnfitServer("the database has none of our tables: run `cityvitals migrate`")
        if exact or found[_READING].rows is None:
            count = await connection.fetchval(sql["count_reading"])
            found[_READING] = replace(found[_READING], rows=count)
        server = await connection.fetchval(sql["server"])
    return Sizes(engine, server, offer.flaw(), _by_size(found.values()))


def _by_size(tables: Iterable[TableSize]) -> tuple[TableSize, ...]:
    return tuple(sorted(tables, key=lambda one: (-one.total_bytes, one.name)))
