"""Partitions that nobody needs are dropped: by whoever is first, after any crash, unnoticed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import numpy as np
import pytest

from cityvitals.domain.times import to_us
from cityvitals.errors import StoreConflict, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.raw_drop import drop_raw, list_partitions
from tests.integration.aggregator_town import Breaking
from tests.integration.readings import batch, writer

OCTOBER: Final = datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER: Final = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER: Final = datetime(2026, 12, 1, tzinfo=UTC)
_CITIES: Final = """
insert into city (id, name, clock, shard) values
    ('old', 'Old', 'live', 1), ('new', 'New', 'live', 2), ('film', 'Film', 'replay', 3);
insert into gateway (city, name) select id, 'gw' from city order by id;
insert into sensor (city, name, domain, gateway) select city, 'dev', 'air', id from gateway;
insert into series (city, sensor, quantity, sensor_id)
select city, name, 'no2', id from sensor order by id;
"""
_READING: Final = """
insert into reading (observed_at, received_at, value, series_id)
select $1, $1, 1, id from series where city = $2
"""
_REVISION: Final = """
insert into reading_revision (observed_at, received_at, value, rev, series_id, flags)
select $1, $1, 2, 0, id, 0 from series where city = $2
"""


@asynccontextmanager
async def cities(database: DatabaseSettings) -> AsyncIterator[Pool]:
    """Two live cities and a replayed one, partitions from October to December."""
    async with open_pool(database, "tests") as pool:
        await pool.execute(_CITIES)
        months = np.array([to_us(one) for one in (OCTOBER, NOVEMBER, DECEMBER)], np.int64)
        await have_partitions(pool, months)
        yield pool


async def have_partitions(pool: Pool, times_us: Any, table: str = "reading") -> None:
    async with pool.acquire() as connection:
        await Partitions(table).ensure(connection, times_us)


async def say(pool: Pool, city: str, *months: datetime) -> None:
    """A reading of a city in the middle of months, and a value that it had before."""
    for month in months:
        for query in (_READING, _REVISION):
            await pool.execute(query, month + timedelta(days=14), city)


async def let_go(pool: Pool, before: datetime, *names: str) -> None:
    query = "update city set sealed_before = $1, dropped_before = $1 where id = any($2)"
    await pool.execute(query, before, list(names))


async def names(pool: Pool) -> list[str]:
    """The partitions there are, and what is left of others."""
    rows = await pool.fetch(
        "select relname from pg_class where relname ~ '^reading_(gone_)?2' and relkind = 'r'"
    )
    return sorted(row["relname"] for row in rows)


async def readings(pool: Pool, table: str = "reading") -> list[tuple[str, datetime]]:
    rows = await pool.fetch(
        f"select city, date_trunc('month', observed_at, 'UTC') from {table} r "  # noqa: S608
        "join series s on s.id = r.series_id order by 1, 2"
    )
    return [tuple(row) for row in rows]


def test_a_month_goes_when_every_live_city_is_past_it(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with cities(database) as pool:
            await say(pool, "old", OCTOBER, NOVEMBER)
            await say(pool, "new", NOVEMBER, DECEMBER)
            await let_go(pool, DECEMBER, "old")
            assert await drop_raw(pool) == []
            await let_go(pool, NOVEMBER, "new")
            assert await drop_raw(pool) == ["reading_gone_2026_10"]
            assert await names(pool) == ["reading_2026_11", "reading_2026_12"]
            left = [("new", NOVEMBER), ("new", DECEMBER), ("old", NOVEMBER)]
            assert await readings(pool) == left
            assert await readings(pool, "reading_revision") == left
            assert await drop_raw(pool) == []

    asyncio.run(main())


@pytest.mark.parametrize("has_rollups", [False, True])
def test_a_month_that_a_replay_shares_is_kept(
    database: DatabaseSettings, has_rollups: object
) -> None:
    async def main() -> None:
        async with cities(database) as pool:
            await say(pool, "old", OCTOBER, NOVEMBER)
            await say(pool, "film", OCTOBER)
            if has_rollups:
                await have_partitions(pool, np.array([to_us(OCTOBER)], np.int64), "rollup")
                await pool.execute(
                    "insert into rollup select $1, id, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1 "
                    "from series where city = 'film'",
                    OCTOBER,
                )
            await let_go(pool, DECEMBER, "old", "new")
            async with pool.acquire() as connection:
                held = {one.name: one.held_by for one in await list_partitions(connection)}
            assert held["reading_2026_10"] == "film"
            assert await drop_raw(pool) == ["reading_gone_2026_11"]
            assert await readings(pool) == [("film", OCTOBER), ("old", OCTOBER)]

    asyncio.run(main())


def test_readings_that_came_in_the_last_moment_are_given_back(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with cities(database) as pool:
            await say(pool, "old", OCTOBER)
            await let_go(pool, DECEMBER, "old", "new")
            await pool.execute(
                "alter table reading_2026_10 rename to reading_gone_2026_10; "
                "comment on table reading_gone_2026_10 is "
                "'FOR VALUES FROM (''2026-10-01 00:00:00+00'') TO (''2026-11-01 00:00:00+00'')'"
            )
            await say(pool, "film", OCTOBER)  # between the look and the detachment
            await pool.execute("alter table reading detach partition reading_gone_2026_10")
            assert await drop_raw(pool) == ["reading_gone_2026_10", "reading_gone_2026_11"]
            assert await readings(pool) == [("film", OCTOBER)]
            assert await readings(pool, "reading_revision") == [("film", OCTOBER)]
            assert await names(pool) == ["reading_2026_10", "reading_2026_12"]

    asyncio.run(main())


class _OnePool:
    """A pool of one connection, which breaks after so many statements."""

    def __init__(self, connection: Any, after: int) -> None:
        self._breaking = Breaking(connection, after)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        yield self._breaking


def test_a_crash_at_any_step_is_taken_up(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with cities(database) as pool:
            await let_go(pool, DECEMBER, "old", "new")
            broken = 0
            while await is_broken(pool, broken):
                broken += 1
            assert broken > 10  # each of the steps was the last one once

    async def is_broken(pool: Pool, after: int) -> bool:
        """Drop two months, crash after some statements, and do the rest by another process."""
        await have_partitions(pool, np.array([to_us(OCTOBER)], np.int64))
        await say(pool, "old", OCTOBER)
        connection = await asyncpg.connect(database.dsn.get_secret_value())
        pools: Any = _OnePool(connection, after)
        try:
            await drop_raw(pools)
        except StoreUnavailable:
            broke = True
        else:
            broke = False
        finally:
            connection.terminate()
        await until_alone(pool)
        await drop_raw(pool)
        assert await names(pool) == ["reading_2026_12"]
        assert await readings(pool) == []
        assert await readings(pool, "reading_revision") == []
        return broke

    async def until_alone(pool: Pool) -> None:
        held = "select count(*) from pg_locks where locktype = 'advisory' and objid = 1129731922"
        deadline = time.monotonic() + 60
        while await pool.fetchval(held):
            assert time.monotonic() < deadline, "the lost session still holds its lock"
            await asyncio.sleep(0.02)

    asyncio.run(main())


def test_several_processes_drop_each_once(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with cities(database) as pool, open_pool(database, "other") as other:
            await say(pool, "old", OCTOBER, NOVEMBER)
            await let_go(pool, DECEMBER, "old", "new")
            found = await asyncio.gather(*[drop_raw(one) for one in (pool, other, pool, other)])
            done = [name for one in found for name in one]
            assert sorted(done) == ["reading_gone_2026_10", "reading_gone_2026_11"]
            assert await names(pool) == ["reading_2026_12"]

    asyncio.run(main())


@pytest.mark.parametrize("since", [OCTOBER, DECEMBER], ids=["of that month", "of another one"])
def test_a_long_reader_delays_it_and_no_writer_waits(
    database: DatabaseSettings, since: datetime
) -> None:
    async def main() -> None:
        async with cities(database) as pool, open_pool(database, "reader") as reading:
            await say(pool, "old", OCTOBER)
            await let_go(pool, NOVEMBER, "old", "new")
            writes = await writer(pool)
            async with reading.acquire() as reader, reader.transaction():
                query = "select count(*) from reading where observed_at >= $1"
                before = await reader.fetchval(query, since)
                dropping = asyncio.create_task(_attempt(pool))
                longest = 0.0
                while not dropping.done():
                    begun = time.monotonic()
                    await writes.commit(batch([]))
                    await say_now(pool)
                    longest = max(longest, time.monotonic() - begun)
                    await asyncio.sleep(0)
                assert await dropping == "held up"
                assert longest < 2.0
                assert await reader.fetchval(query, since) >= before
            assert await drop_raw(pool) == ["reading_gone_2026_10"]

    async def say_now(pool: Pool) -> None:
        await pool.execute(
            "insert into reading (observed_at, received_at, value, series_id) "
            "values (timestamptz '2026-12-02' + random() * interval '20 days', now(), 1, 1)"
        )

    async def _attempt(pool: Pool) -> str:
        try:
            await drop_raw(pool)
        except StoreConflict:
            return "held up"
        return "done"

    asyncio.run(main())


def test_a_writer_makes_a_partition_again_that_was_dropped(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with cities(database) as pool:
            writes = await writer(pool)
            october = to_us(OCTOBER) + 5_000_000
            one, two = (_at(t) for t in (october, october + 1_000_000))
            await writes.commit(one)
            await pool.execute("drop table reading_2026_10")
            await writes.commit(two)
            assert [month for _, month in await readings(pool)] == [OCTOBER]

    def _at(t: int) -> Any:
        made = batch([(0, 3, 1.0, 0)])
        made.readings["t"] = t
        return made

    asyncio.run(main())
