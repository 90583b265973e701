"""The tables as hypertables: made where TimescaleDB is the engine, and kept as the settings say.

Runs after the migrations, every time: what is as it should be is left alone, and each step is one
transaction, so that a crash anywhere is made good by the next run (docs/adr/0009).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from cityvitals.errors import UnfitServer
from cityvitals.settings import StorageSettings
from cityvitals.store.engine import Engine, choose
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_CHUNK_READINGS: Final = 25_000_000
"""Readings of a chunk at most: 2.5 GB with its key before it is compressed."""
_CHUNK_HOURS: Final = (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 168)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hypertable:
    """A table cut into chunks by time.

    Attributes:
        by: the column that tells a row's time.
        segmentby: columns whose equal values are compressed together; as TimescaleDB writes them.
        orderby: how rows lie in a compressed batch.
        chunk: how long a chunk is.
        compress_after: the age at which one is compressed.
        look_every: how often chunks of that age are looked for.
    """

    name: str
    by: str
    segmentby: str
    orderby: str
    chunk: timedelta
    compress_after: timedelta
    look_every: timedelta


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk, or what of it lies in a range of time.

    Attributes:
        name: with its schema, quoted.
    """

    name: str
    begin: datetime
    end: datetime
    is_compressed: bool


def hypertables(settings: StorageSettings) -> tuple[Hypertable, ...]:
    """All of them, as the settings want them."""
    after = timedelta(hours=settings.compress_after_hours)
    later = timedelta(days=settings.compress_indicators_after_days)
    return (
        Hypertable(
            "reading",
            "observed_at",
            "series_id",
            "observed_at",
            chunk_length(settings.readings_per_day),
            after,
            timedelta(hours=1),
        ),
        Hypertable(
            "rollup", "bucket_begin", "series_id", "bucket_begin", 7 * _DAY, after + 7 * _DAY, _DAY
        ),
        Hypertable(
            "indicator",
            "window_begin",
            "city,rule,zone",
            "window_begin,revision",
            30 * _DAY,
            later,
            _DAY,
        ),
    )


def chunk_length(readings_per_day: int) -> timedelta:
    """How long a chunk of readings may be for so many a day; an hour at least."""
    hours = 24 * _CHUNK_READINGS / readings_per_day
    return timedelta(hours=max((one for one in _CHUNK_HOURS if one <= hours), default=1))


async def settle(connection: Connection, settings: StorageSettings) -> Engine:
    """Choose the engine, and have its tables be as the settings want them.

    Args:
        connection: of the schema's owner, with every migration applied.
        settings: the engine that is wanted, and how it keeps what it is given.

    Raises:
        UnfitServer: the engine cannot be had; names the remedy.
        StoreUnavailable: the server is away.
    """
    engine = await choose(connection, settings.engine)
    if engine is Engine.TIMESCALEDB:
        for table in hypertables(settings):
            with translated(f"making {table.name} a hypertable"):
                await _make(connection, table)
                await _lay_out(connection, table)
    return engine


async def _make(connection: Connection, table: Hypertable) -> None:
    sql = queries("hypertables")
    made = await connection.fetchval(sql["make"], table.name, table.by, table.chunk)
    if made == "holds rows":
        raise UnfitServer(
            f"{table.name} was given rows while it was being made a hypertable: stop ingest and "
            "aggregate, and run `cityvitals migrate` again"
        )


async def _lay_out(connection: Connection, table: Hypertable) -> None:
    """Bring chunk length, layout and policy to what is wanted; nothing is locked that fits."""
    sql = queries("hypertables")
    if await connection.fetchval(sql["chunk_interval"], table.name) != table.chunk:
        await connection.execute(sql["set_chunk_interval"], table.name, table.chunk)
    laid = await connection.fetchrow(sql["columnstore"], table.name)
    if laid is None or (laid["segmentby"], laid["orderby"]) != (table.segmentby, table.orderby):
        await connection.execute(sql[f"columnstore_{table.name}"])
    if await connection.fetchval(sql["policy"], table.name) != table.compress_after:
        async with connection.transaction():
            await connection.execute(sql["drop_policy"], table.name)
            await connection.execute(
                sql["add_policy"], table.name, table.compress_after, table.look_every
            )


async def read_chunks(
    connection: Connection, table: str, begin: datetime, end: datetime
) -> list[Chunk]:
    """The chunks of a hypertable that end in (begin, end], oldest first.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"looking for chunks of {table}"):
        rows = await connection.fetch(queries("hypertables")["chunks"], table, begin, end)
    return [
        Chunk(row["name"], row["range_start"], row["range_end"], row["is_compressed"])
        for row in rows
    ]


async def compress(connection: Connection, chunk: Chunk) -> None:
    """Bring a chunk into the columnstore, with what came to it since it was last.

    About a second for a million readings: mind `command_timeout_seconds`. Not in a transaction.

    Raises:
        StoreConflict: another process is at it.
        StoreUnavailable: the server is away.
    """
    with translated(f"compressing {chunk.name}"), suppress(asyncpg.DuplicateObjectError):
        # The policy was at it as well, and faster.
        await connection.execute(queries("hypertables")["compress"], chunk.name)


async def drop_chunks(
    connection: Connection, table: str, begin: datetime, end: datetime
) -> list[str]:
    """Drop the chunks of a hypertable that lie wholly in [begin, end); returns their names.

    The caller sees to the seal: nothing above it may go.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"dropping chunks of {table}"):
        rows = await connection.fetch(queries("hypertables")["drop_chunks"], table, begin, end)
    return [row[0] for row in rows]
