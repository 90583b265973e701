"""Batches of readings for tests of the writer, and what the store holds of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from cityvitals.domain.arrays import READING
from cityvitals.domain.names import Domain, Kind, shard_of
from cityvitals.domain.outcome import Outcome
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.settings import DatabaseSettings
from cityvitals.store.batch import Batch, Outcomes, Sender
from cityvitals.store.lanes import Lane, take_lane
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.registry import DeviceKey, register_devices, register_series
from cityvitals.store.writer import ReadingWriter

CITY = "town"
SHARD = shard_of(CITY)
BEGIN_US = 1_795_428_900_000_000
"""2026-11-23T10:15Z."""
Row = tuple[int, int, float, int]
"""Observed at (µs after BEGIN_US), series, value, rev."""


@asynccontextmanager
async def opened(database: DatabaseSettings) -> AsyncIterator[Pool]:
    """A pool on a city with one gateway and a sensor of series 1 to 3."""
    async with open_pool(database, "tests") as pool:
        async with pool.acquire() as connection:
            await register_devices(connection, [DeviceKey(CITY, "gw", Domain.AIR, "dev")])
            gauge = Declaration(Kind.GAUGE, reporting_s=60)
            await register_series(
                connection,
                {SeriesKey(CITY, "dev", name): gauge for name in ("no2", "o3", "pm10")},
            )
        yield pool


async def taken(pool: Pool, name: str = "ingest-0") -> Lane:
    async with pool.acquire() as connection:
        return await take_lane(connection, name)


async def writer(pool: Pool, name: str = "ingest-0") -> ReadingWriter:
    return ReadingWriter(pool, await taken(pool, name))


def batch(rows: Sequence[Row]) -> Batch:
    readings = np.zeros(len(rows), READING)
    for place, (after, series, value, rev) in enumerate(rows):
        readings[place] = (BEGIN_US + after, BEGIN_US + 10, value, rev, series, 0)
    sender = Sender(CITY, "gw", 1, SHARD, live=True)
    return Batch(readings, readings["t"].copy(), np.zeros(len(rows), np.int32), (sender,))


def counts(outcomes: Outcomes) -> tuple[int, int, int]:
    """Stored, duplicate, revised."""
    found = outcomes.counts
    return found[Outcome.STORED], found[Outcome.DUPLICATE], found[Outcome.REVISED]


async def current(pool: Pool) -> list[tuple[Any, ...]]:
    """The current rows as (µs after BEGIN_US, series, value, rev)."""
    rows = await pool.fetch(
        "select (extract(epoch from observed_at) * 1000000)::bigint - $1, series_id, value, rev "
        "from reading order by 1, 2",
        BEGIN_US,
    )
    return [tuple(row) for row in rows]


async def ledger(pool: Pool) -> tuple[int, ...]:
    """Received, stored, duplicate, revised, rejected over all lanes and gateways."""
    row = await pool.fetchrow(
        "select sum(received)::bigint, sum(stored)::bigint, sum(duplicate)::bigint, "
        "sum(revised)::bigint, sum(rejected)::bigint from ledger"
    )
    assert row is not None
    return tuple(value or 0 for value in row)
