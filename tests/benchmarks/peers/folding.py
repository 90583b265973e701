"""Quarter hours of the same readings: ours beside duckdb, polars, pandas, continuous aggregates.

All compute count, sum, sum of squares, least, most, first and last, with their times; all but the
continuous aggregate the integral too, of how long each sample holds, which is worked out for the
others beforehand. What they find must equal the fold's buckets.
"""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import duckdb
import numpy as np
import pandas as pd
import polars as pl

from aggregator.kernels.partial import BUCKET
from cityvitals.domain.arrays import Records
from tests.benchmarks import fold
from tests.benchmarks.peers.contenders import OURS
from tests.benchmarks.peers.found import Found
from tests.benchmarks.result import say
from tests.timescaledb import process

CAGG: Final = "continuous aggregate"
_SERIES: Final = 10_000
_READINGS: Final = 5_000_000
_SERIES_OF_CAGG: Final = 1_000
_READINGS_OF_CAGG: Final = 500_000
_NAME: Final = "cityvitals_bench_peers"
_CREATE: Final = """
create table reading (observed_at timestamptz not null, sensor_id integer not null, value float8);
select create_hypertable('reading', 'observed_at');
create index on reading (sensor_id, observed_at desc)
"""
_VIEW: Final = """
create materialized view quarter with (timescaledb.continuous) as
select sensor_id, time_bucket('15 minutes', observed_at) as bucket, count(*) as count,
       sum(value) as sum, sum(value * value) as sumsq, min(value) as min, max(value) as max,
       min(observed_at) as first_t, max(observed_at) as last_t,
       first(value, observed_at) as first_v, last(value, observed_at) as last_v
from reading group by 1, 2 with no data
"""
_REFRESH: Final = "call refresh_continuous_aggregate('quarter', null, null)"
_FOUND: Final = """
select sensor_id as series, (extract(epoch from bucket) * 1000000)::bigint as bucket, count, sum,
       sumsq, min, max, (extract(epoch from first_t) * 1000000)::bigint as first_t,
       (extract(epoch from last_t) * 1000000)::bigint as last_t, first_v, last_v
from quarter
"""

Query = Callable[[], pl.DataFrame]


async def measure(
    found: Found, rounds: int, series: int = _SERIES, readings: int = _READINGS
) -> None:
    """All in turn, round after round; the continuous aggregate on fewer readings, with ours."""
    say(f"  {readings:,} readings of {series:,} series, {rounds} rounds")
    await asyncio.to_thread(in_process, found, rounds, fold.make(series, readings))
    await _continuous(found, rounds)


def in_process(found: Found, rounds: int, readings: fold.Readings) -> None:
    """Ours and those that are libraries.

    Raises:
        Invalid: one found other buckets than ours.
    """
    fold.fold(readings)
    others = queries(fold.columns(readings))
    for number in range(rounds):
        taken_s, closed, _ = fold.fold(readings)
        _put(found, OURS, len(readings.t) / taken_s)
        for name, ask in others.items():
            begun_s = time.perf_counter()
            answer = ask()
            _put(found, name, len(readings.t) / (time.perf_counter() - begun_s))
            if not number:
                fold.compare(closed, answer, name)


def queries(table: pl.DataFrame) -> dict[str, Query]:
    """How each library is asked: as its own documents say that it is fast."""
    database = duckdb.connect()
    frame = fold.as_pandas(table)
    database.register("given", frame)
    database.execute("create table reading as select * from given")
    return {
        "duckdb": lambda: pl.DataFrame(database.execute(fold.DUCKDB_SQL).fetchnumpy()),
        "polars": lambda: fold.by_polars(table),
        "pandas": lambda: by_pandas(frame),
    }


def by_pandas(frame: pd.DataFrame) -> pl.DataFrame:
    """One groupby with named built-in aggregations, which are compiled, unlike functions."""
    v = frame["v"]
    given = frame.assign(
        bucket=frame["t"] // BUCKET * BUCKET, square=v * v, weighted=v * frame["held"]
    )
    found = given.groupby(["series", "bucket"], sort=False).agg(
        count=("v", "size"),
        sum=("v", "sum"),
        sumsq=("square", "sum"),
        min=("v", "min"),
        max=("v", "max"),
        first_t=("t", "first"),
        last_t=("t", "last"),
        first_v=("v", "first"),
        last_v=("v", "last"),
        integral=("weighted", "sum"),
        covered=("held", "sum"),
    )
    columns = found.reset_index()
    return pl.DataFrame({name: columns[name].to_numpy() for name in columns})


async def _continuous(found: Found, rounds: int) -> None:
    """A refresh of all readings, on the given server or the one in WebAssembly."""
    dsn = os.environ.get("CITYVITALS_TEST_DSN")
    if not dsn and (why := process.missing()):
        found.invalid[CAGG] = why
        return
    where = "the given TimescaleDB" if dsn else "TimescaleDB in WebAssembly, which is no fair speed"
    found.what[CAGG] = where
    say(f"  {CAGG}, {_READINGS_OF_CAGG:,} readings, {where}")
    readings = fold.make(_SERIES_OF_CAGG, _READINGS_OF_CAGG)
    if dsn:
        await _on_given(found, rounds, readings, dsn)
        return
    server = process.TimescaleServer()
    await asyncio.to_thread(server.start)
    try:
        await _refreshes(found, rounds, readings, server.dsn)
    finally:
        server.stop()


async def _on_given(found: Found, rounds: int, readings: fold.Readings, dsn: str) -> None:
    """In a database of its own, dropped at the end."""
    parts = urlsplit(dsn)
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f"create database {_NAME} template template0")
        try:
            own = urlunsplit(parts._replace(path=f"/{_NAME}"))
            await _refreshes(found, rounds, readings, own)
        finally:
            await admin.execute(f"drop database {_NAME} with (force)")
    finally:
        await admin.close()


async def _refreshes(found: Found, rounds: int, readings: fold.Readings, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("create extension if not exists timescaledb")
        await connection.execute(_CREATE)
        stamps = (np.datetime64(0, "us") + readings.t).astype(object)
        rows = zip(stamps, readings.series.tolist(), readings.v.tolist(), strict=True)
        await connection.copy_records_to_table("reading", records=[_utc(row) for row in rows])
        for number in range(rounds):
            await connection.execute("drop materialized view if exists quarter")
            await connection.execute(_VIEW)
            begun_s = time.perf_counter()
            await connection.execute(_REFRESH)
            _put(found, CAGG, len(readings.t) / (time.perf_counter() - begun_s))
            if not number:
                _, closed, _ = fold.fold(readings)
                await _check(connection, closed)
    finally:
        await connection.close()


def _utc(row: tuple[Any, int, float]) -> tuple[Any, int, float]:
    return row[0].replace(tzinfo=UTC), row[1], row[2]


async def _check(connection: "asyncpg.Connection[Any]", closed: Records) -> None:
    rows = [dict(row) for row in await connection.fetch(_FOUND)]
    fold.compare(closed, pl.DataFrame(rows), CAGG)


def _put(found: Found, name: str, rate: float) -> None:
    found.folded.setdefault(name, []).append(rate)
