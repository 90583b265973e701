"""Readings at rest on a TimescaleDB: bytes, and hot queries beside a naive schema.

CITYVITALS_TEST_DSN=… python -m tests.benchmarks.timescale                50 million readings
CITYVITALS_TEST_DSN=… python -m tests.benchmarks.timescale --million 2    does it work

Makes a database of its own on that server and drops it at the end. Needs 12 GB there, and a quarter
of an hour. Prints a table and writes build/timescale.json.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, Final

import numpy as np
from pydantic import SecretStr

from cityvitals.domain.arrays import Records
from cityvitals.domain.times import US, from_us
from cityvitals.settings import DatabaseSettings, StorageSettings
from cityvitals.store.copy import copy_in
from cityvitals.store.derived import read_readings
from cityvitals.store.hypertables import compress, read_chunks
from cityvitals.store.layouts import READINGS
from cityvitals.store.lookup import change_current, find_current
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import Connection, Pool, open_pool
from cityvitals.store.server import create_database, drop_database
from tests.benchmarks import machine, write
from tests.benchmarks.readings import STEP_US, blocks
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import ROOT

_NAME: Final = "cityvitals_bench_timescale"
_SERIES: Final = 10_000
BEGIN_US: Final = 1_790_000_000 * US // (86_400 * US) * (86_400 * US)
_REPEATS: Final = 21
_FEWEST: Final = 3
_ROUNDS: Final = 40
_LONGEST_S: Final = 10.0
"""Slow queries are asked fewer times."""
_BATCH: Final = 20_000
_PER_DAY: Final = 86_400 * US // STEP_US * _SERIES
NEVER_HOURS: Final = 876_000
"""Nothing is to be compressed but by us."""

Figures = dict[str, Any]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--million", type=float, default=50, help="readings, in millions")
    parser.add_argument("--kind", choices=("sensor", "load"), default="sensor")
    parser.add_argument("--no-naive", action="store_true", help="leave the naive schema out")
    options = parser.parse_args()
    dsn = os.environ.get("CITYVITALS_TEST_DSN")
    if not dsn:
        parser.error("set CITYVITALS_TEST_DSN to a superuser's DSN of a TimescaleDB")
    figures = asyncio.run(_run(dsn, options))
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/timescale.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    for name, value in figures.items():
        sys.stdout.write(f"{name:42} {json.dumps(value)}\n")


async def _run(dsn: str, options: Any) -> Figures:
    steps = round(options.million * 1_000_000 / _SERIES)
    figures: Figures = {"readings": steps * _SERIES, "kind": options.kind}
    async with own_database(dsn) as pool, pool.acquire() as connection:
        figures["write_ratio"] = await _write_ratio(pool)
        figures["versions"] = await connection.fetchval(
            "select version() || ', TimescaleDB ' || extversion from pg_extension "
            "where extname = 'timescaledb'"
        )
        figures["machine"] = machine.describe()
        await _ours(connection, options.kind, steps, figures)
        if not options.no_naive:
            await _naive(connection, options.kind, steps, figures)
    return figures


@asynccontextmanager
async def own_database(dsn: str) -> AsyncIterator[Pool]:
    """A pool of a fresh database that is gone afterwards."""
    await drop_database(dsn, _NAME)
    await create_database(dsn, _NAME, "template0")  # the other one has visitors now and then
    own = DatabaseSettings(
        dsn=SecretStr(dsn.rpartition("/")[0] + "/" + _NAME), command_timeout_seconds=900
    )
    storage = StorageSettings(
        engine="timescaledb", readings_per_day=_PER_DAY, compress_after_hours=NEVER_HOURS
    )
    try:
        async with open_pool(own, "benchmark") as pool:
            async with pool.acquire() as connection:
                await migrate(connection, storage=storage)
            yield pool
    finally:
        await drop_database(dsn, _NAME)


class _Given:
    """The given server, where the writer's benchmark expects one of its own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def database(self, _: str) -> AsyncIterator[Pool]:
        """The database that we are in already."""
        yield self._pool


async def _write_ratio(pool: Pool) -> Figures:
    """The writer against bare COPY, as `make bench` has it; its rows go again."""
    results = Results()
    with results.counting("write_ratio"):
        await write.measure(_Given(pool), results, _ROUNDS)
    await pool.execute("truncate reading, commit_log, ledger; drop table bare, keyed")
    found: Figures = {
        "ratio": results.figures.get("write_ratio"),
        "quartiles": results.spread.get("write_ratio"),
        **results.ceilings,
        **results.invalid,
    }
    return {
        name: [round(one, 3) for one in value] if isinstance(value, list) else value
        for name, value in found.items()
    }


async def _ours(connection: Connection, kind: Any, steps: int, figures: Figures) -> None:
    total = steps * _SERIES
    say(f"our hypertable: {total:,} readings")
    figures["load_rows_per_s"] = await _load(connection, "reading", kind, steps)
    await connection.execute("analyze reading")
    figures["bytes_before"] = await _bytes(connection, total)
    figures["queries_before_ms"] = await _queries(connection, "reading", steps)
    chunks = await read_chunks(connection, "reading", from_us(0), from_us(BEGIN_US * 2))
    say(f"compressing {len(chunks)} chunks")
    begun_s = time.perf_counter()
    for chunk in chunks:
        await compress(connection, chunk)
    figures["compress_rows_per_s"] = round(total / (time.perf_counter() - begun_s))
    await connection.execute("vacuum analyze reading")
    figures["chunks"] = len(chunks)
    figures["bytes_after"] = await _bytes(connection, total)
    figures["queries_after_ms"] = await _queries(connection, "reading", steps)
    figures["compressed_writes_ms"] = await _writes(connection, kind, steps)


async def _naive(connection: Connection, kind: Any, steps: int, figures: Figures) -> None:
    say("a plain table with a (series, time) index")
    await connection.execute("create table naive (like reading)")
    await connection.execute("create unique index on naive (series_id, observed_at)")
    figures["naive_load_rows_per_s"] = await _load(connection, "naive", kind, steps)
    await connection.execute("vacuum analyze naive")
    size = await connection.fetchval("select pg_total_relation_size('naive')")
    figures["naive_bytes"] = round(size / (steps * _SERIES), 2)
    figures["queries_naive_ms"] = await _queries(connection, "naive", steps)


async def _load(connection: Connection, table: str, kind: Any, steps: int) -> int:
    """Rows a second of COPY in batches of a commit each; making them is not counted."""
    taken_s, rows, told = 0.0, 0, 0
    for block in blocks(kind, _SERIES, steps, BEGIN_US):
        for start in range(0, len(block), _BATCH):
            batch = block[start : start + _BATCH]
            begun_s = time.perf_counter()
            await copy_in(connection, READINGS, batch, table)
            taken_s += time.perf_counter() - begun_s
            rows += len(batch)
        if rows - told >= 5_000_000:
            told = rows
            say(f"  {rows:,} rows, {rows / taken_s:,.0f} a second")
    return round(rows / taken_s)


async def _bytes(connection: Connection, total: int) -> float:
    size = await connection.fetchval("select hypertable_size('reading')")
    return float(round(size / total, 2))


async def _queries(connection: Connection, table: str, steps: int) -> dict[str, float]:
    """Milliseconds of each hot query, the median over different series; every page is cached."""
    drawn = np.random.default_rng(9)
    end = BEGIN_US + steps * STEP_US
    middle = BEGIN_US + steps // 2 * STEP_US
    quarter = 900 * US

    def some(count: int) -> list[int]:
        return [int(one) for one in drawn.choice(_SERIES, count, replace=False) + 1]

    one, few = "series_id = any($1::integer[])", "observed_at >= $2 and observed_at < $3"
    rows = f"select observed_at, value from {table} where {one} and {few} order by observed_at"  # noqa: S608 (our names)
    latest = (
        "select s.id, r.observed_at, r.value from unnest($1::integer[]) s (id) cross join lateral "  # noqa: S608
        f"(select observed_at, value from {table} where series_id = s.id and observed_at >= $2 "
        "order by observed_at desc limit 1) r"
    )
    whole = f"select count(*), min(value), max(value) from {table} where {one}"  # noqa: S608
    wide = (
        f"select series_id, avg(value) from {table} where observed_at >= $1 and observed_at < $2 "  # noqa: S608
        "group by series_id"
    )
    begin, hour = from_us(end - 900 * US), from_us(middle + 3600 * US)
    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "latest value of 10 series": lambda: connection.fetch(latest, some(10), begin),
        "an hour of one series": lambda: connection.fetch(rows, some(1), from_us(middle), hour),
        "a bucket and its neighbours of one series": lambda: connection.fetch(
            rows, some(1), from_us(middle - quarter), from_us(middle + 2 * quarter)
        ),
        "a bucket and its neighbours of 1,000 series": lambda: connection.fetch(
            rows, some(1000), from_us(middle - quarter), from_us(middle + 2 * quarter)
        ),
        "count, min and max of one series, all time": lambda: connection.fetch(whole, some(1)),
        "mean of every series over 5 minutes": lambda: connection.fetch(
            wide, from_us(middle), from_us(middle + 300 * US)
        ),
    }
    return {name: await _timed(ask) for name, ask in asked.items()}


async def _timed(ask: Callable[[], Awaitable[Any]]) -> float:
    await ask()
    taken: list[float] = []
    while len(taken) < _FEWEST or (len(taken) < _REPEATS and sum(taken) < _LONGEST_S):
        begun_s = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - begun_s)
    return round(median(taken) * 1000, 2)


async def _writes(connection: Connection, kind: Any, steps: int) -> dict[str, float]:
    """Milliseconds of a batch that touches compressed chunks, each rolled back."""
    block = next(blocks(kind, _SERIES, min(steps, 4), BEGIN_US))
    known = block[np.argsort(block["series"], kind="stable")][: 2 * _BATCH : 2]
    known = known[np.lexsort((known["series"], known["t"]))]
    late = known.copy()
    late["t"] += 1
    changed = block[np.unique(block["series"], return_index=True)[1][:1000]].copy()
    changed["v"] += 1

    async def fold(_: Records) -> None:
        ids = [int(one) for one in np.unique(known["series"])[:1000]]
        await read_readings(connection, ids, BEGIN_US, BEGIN_US + 900 * US)

    return {
        f"{len(late):,} late readings, COPY": await _undone(
            connection, late, lambda rows: copy_in(connection, READINGS, rows)
        ),
        f"{len(known):,} readings looked up": await _undone(
            connection, known, lambda rows: find_current(connection, rows)
        ),
        "1,000 series revised at one time": await _undone(
            connection, changed, lambda rows: change_current(connection, rows)
        ),
        "1,000 series' bucket read again": await _undone(connection, known, fold),
    }


async def _undone(
    connection: Connection, rows: Records, work: Callable[[Records], Awaitable[Any]]
) -> float:
    taken = []
    for _ in range(3):
        transaction = connection.transaction()
        await transaction.start()
        begun_s = time.perf_counter()
        await work(rows)
        taken.append(time.perf_counter() - begun_s)
        await transaction.rollback()
    return round(median(taken) * 1000, 1)


if __name__ == "__main__":
    main()
