"""What a reading takes at rest, compressed by TimescaleDB; others cannot disturb bytes."""

import lzma
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np
from pydantic import SecretStr

from cityvitals.domain.times import from_us
from cityvitals.settings import DatabaseSettings, StorageSettings
from cityvitals.store.copy import copy_in
from cityvitals.store.hypertables import compress, read_chunks
from cityvitals.store.layouts import READINGS
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import Connection, Pool, open_pool
from tests.benchmarks.readings import blocks
from tests.benchmarks.result import Results, say
from tests.benchmarks.timescale import BEGIN_US, NEVER_HOURS, own_database
from tests.timescaledb import process

_SERIES: Final = 1_000
_STEPS: Final = 1_000
"""As many readings of a series as one compressed batch holds."""
_BATCH: Final = 20_000
_PER_DAY: Final = 86_400_000
"""A chunk for all of it, as for a city of 10,000 series."""


async def measure(results: Results) -> None:
    """`bytes_per_reading` on the server of CITYVITALS_TEST_DSN, else on the one in WebAssembly."""
    dsn = os.environ.get("CITYVITALS_TEST_DSN")
    if not dsn and (why := process.missing()):
        results.absent["bytes_per_reading"] = why
        return
    where = "the given server" if dsn else "TimescaleDB in WebAssembly"
    say(f"  compressing {_SERIES * _STEPS:,} readings on {where}")
    async with own_database(dsn) if dsn else _own_server() as pool, pool.acquire() as connection:
        results.put("bytes_per_reading", [await _compressed(connection)])
    results.ceilings["lzma_bytes_per_reading"] = round(_by_lzma(), 2)


@asynccontextmanager
async def _own_server() -> AsyncIterator[Pool]:
    server = process.TimescaleServer()
    server.start()
    try:
        own = DatabaseSettings(dsn=SecretStr(server.dsn), command_timeout_seconds=900)
        storage = StorageSettings(
            engine="timescaledb", readings_per_day=_PER_DAY, compress_after_hours=NEVER_HOURS
        )
        async with open_pool(own, "benchmark") as pool:
            async with pool.acquire() as connection:
                await connection.execute("create extension if not exists timescaledb")
                await migrate(connection, storage=storage)
            yield pool
    finally:
        server.stop()


async def _compressed(connection: Connection) -> float:
    """Bytes of the hypertable with its indexes, a reading."""
    for block in blocks("sensor", _SERIES, _STEPS, BEGIN_US):
        for start in range(0, len(block), _BATCH):
            await copy_in(connection, READINGS, block[start : start + _BATCH])
    for chunk in await read_chunks(connection, "reading", from_us(0), from_us(BEGIN_US * 2)):
        await compress(connection, chunk)
    size = await connection.fetchval("select hypertable_size('reading')")
    return float(size) / (_SERIES * _STEPS)


def _by_lzma() -> float:
    """The same columns, series after series, differences of stamps, packed as tightly as lzma can.

    No database would do it so: nothing could be read without unpacking all.
    """
    rows = np.concatenate(list(blocks("sensor", _SERIES, _STEPS, BEGIN_US)))
    rows = rows[np.lexsort((rows["t"], rows["series"]))]
    steps = np.diff(rows["t"], prepend=rows["t"][:1])
    lag_ms = (rows["received"] - rows["t"]) // 1000
    tenths = np.round(rows["v"] * 10).astype(np.int32)
    columns = (steps, lag_ms.astype(np.int16), tenths)
    # Bytes of equal weight side by side, since lzma finds what repeats, not what is small.
    planes = [one.view(np.uint8).reshape(len(one), -1).T.tobytes() for one in columns]
    return sum(len(lzma.compress(plane, preset=1)) for plane in planes) / len(rows)
