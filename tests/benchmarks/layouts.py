"""How readings are best laid out in TimescaleDB's columnstore: bytes, and what is asked of them.

CITYVITALS_TEST_DSN=… python -m tests.benchmarks.layouts

Two million readings for each layout, in a database of its own that is dropped at the end; a few
minutes. The winner is what cityvitals/store/hypertables.sql says.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, Final

import numpy as np

from cityvitals.domain.times import US, from_us
from cityvitals.store.copy import copy_in
from cityvitals.store.derived import read_readings
from cityvitals.store.hypertables import compress, read_chunks
from cityvitals.store.layouts import READINGS
from cityvitals.store.lookup import change_current, find_current
from cityvitals.store.pool import Connection
from tests.benchmarks.readings import blocks
from tests.benchmarks.timescale import BEGIN_US, own_database

_LAYOUTS: Final = {
    "series_id | observed_at": ("series_id", "observed_at"),
    "series_id | observed_at desc": ("series_id", "observed_at desc"),
    "none | series_id, observed_at": ("", "series_id,observed_at"),
    "none | observed_at, series_id": ("", "observed_at,series_id"),
}
"""segmentby | orderby."""
_SERIES: Final = 2000
_STEPS: Final = 1000
_SOME: Final = 100
_REPEATS: Final = 5


async def main(dsn: str) -> None:
    """Measure every layout."""
    heads = [("bytes", "hour", "look up", "late", "revise"), ("each", *["ms"] * 4)]
    for title, (first, *others) in zip(("segmentby | orderby", ""), heads, strict=True):
        say = f"{title:32}{first:>8}" + "".join(f"{one:>10}" for one in others)
        sys.stdout.write(say + "\n")
    async with own_database(dsn) as pool, pool.acquire() as connection:
        for name, (segmentby, orderby) in _LAYOUTS.items():
            await connection.execute("truncate reading")
            await connection.execute(
                "alter table reading set (timescaledb.enable_columnstore, "
                f"timescaledb.segmentby = '{segmentby}', timescaledb.orderby = '{orderby}')"
            )
            size, taken = await _measure(connection)
            row = f"{name:32}{size:8.2f}" + "".join(f"{one:10.1f}" for one in taken)
            sys.stdout.write(row + "\n")
            sys.stdout.flush()


async def _measure(connection: Connection) -> tuple[float, list[float]]:
    """Bytes of a reading; milliseconds of an hour of a series, and of writes to 100 series."""
    for block in blocks("sensor", _SERIES, _STEPS, BEGIN_US):
        await copy_in(connection, READINGS, block)
    for chunk in await read_chunks(connection, "reading", from_us(0), from_us(BEGIN_US * 2)):
        await compress(connection, chunk)
    await connection.execute("vacuum analyze reading")
    size = await connection.fetchval("select hypertable_size('reading')")
    first = next(blocks("sensor", _SERIES, 2, BEGIN_US))
    known = first[np.unique(first["series"], return_index=True)[1][:_SOME]]
    late, changed = known.copy(), known.copy()
    late["t"] += 1
    changed["v"] += 1
    hour = 3600 * US
    works: list[Callable[[], Awaitable[Any]]] = [
        lambda: read_readings(connection, [77], BEGIN_US, BEGIN_US + hour),
        lambda: find_current(connection, known),
        lambda: copy_in(connection, READINGS, late),
        lambda: change_current(connection, changed),
    ]
    return size / (_SERIES * _STEPS), [await _undone(connection, work) for work in works]


async def _undone(connection: Connection, work: Callable[[], Awaitable[Any]]) -> float:
    taken = []
    for _ in range(_REPEATS):
        transaction = connection.transaction()
        await transaction.start()
        begun_s = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun_s)
        await transaction.rollback()
    return median(taken) * 1000


if __name__ == "__main__":
    given = os.environ.get("CITYVITALS_TEST_DSN")
    if not given:
        raise SystemExit("set CITYVITALS_TEST_DSN to a superuser's DSN of a TimescaleDB")
    asyncio.run(main(given))
