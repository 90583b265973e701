"""What once went wrong with compressed chunks, on the server's own version (numbers: their issues).

On the TimescaleDB in WebAssembly, and on the one of CITYVITALS_TEST_DSN if given.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import numpy as np
import pytest

from cityvitals.domain.arrays import ROLLUP
from cityvitals.domain.times import US, from_us
from cityvitals.errors import StoreConflict
from cityvitals.settings import DatabaseSettings
from cityvitals.store.copy import copy_in
from cityvitals.store.derived import append_rollups, read_readings, write_rollups
from cityvitals.store.hypertables import compress, drop_chunks, read_chunks
from cityvitals.store.layouts import READINGS
from cityvitals.store.lookup import change_current, find_current
from cityvitals.store.migrate import shipped
from cityvitals.store.pool import Connection, Pool, open_pool
from tests.integration.readings import BEGIN_US, Row, batch, counts, current, opened, writer

HOUR = 3600 * US


@asynccontextmanager
async def filled(database: DatabaseSettings, rows: list[Row]) -> AsyncIterator[Pool]:
    """Readings, all in compressed chunks."""
    async with opened(database) as pool:
        await (await writer(pool)).commit(batch(rows))
        await compressed(pool)
        yield pool


async def compressed(pool: Pool, table: str = "reading") -> None:
    async with pool.acquire() as connection:
        chunks = await read_chunks(connection, table, from_us(0), from_us(BEGIN_US * 2))
        assert chunks
        for chunk in chunks:
            await compress(connection, chunk)


async def batches(connection: Connection) -> int:
    """Compressed batches of readings: one that was decompressed is gone."""
    # The catalogue of 2.29 names a chunk's compressed table in its settings.
    tables = await connection.fetch(
        "select compress_relid::text as name from _timescaledb_catalog.compression_settings "
        "where compress_relid is not null and exists (select from show_chunks('reading') c "
        "where c = relid)"
    )
    return sum(
        [await connection.fetchval(f"select count(*) from {one['name']}") for one in tables]  # noqa: S608
    )


def grid(series: int, steps: int) -> list[Row]:
    """One reading of each series a second."""
    return [
        (step * US, one, float(step), 0) for step in range(steps) for one in range(1, series + 1)
    ]


def test_on_conflict_goes_on_after_the_first_conflict(hypertables: DatabaseSettings) -> None:
    """#7672: DO NOTHING ended at the first conflict, and the rows behind it were lost."""

    async def main() -> None:
        async with filled(hypertables, grid(3, 10)) as pool:
            done = await pool.execute(
                "insert into reading (observed_at, received_at, value, series_id) "
                "select timestamptz 'epoch' + ($1::int8 + s * 500000) * interval '1 microsecond', "
                "now(), 7, 2 from generate_series(0, 19) s on conflict do nothing",
                BEGIN_US,
            )
            assert done == "INSERT 0 10"
            assert len(await current(pool)) == 40

    asyncio.run(main())


def test_a_key_in_a_compressed_chunk_is_unique(hypertables: DatabaseSettings) -> None:
    """#6302: a second row with the same key went in."""

    async def main() -> None:
        async with filled(hypertables, grid(3, 10)) as pool, pool.acquire() as connection:
            again = batch([(4 * US, 2, 9.0, 0)]).readings
            with pytest.raises(StoreConflict):
                await copy_in(connection, READINGS, again)
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute(
                    "insert into reading (observed_at, received_at, value, series_id) "
                    "select observed_at, received_at, 9, series_id from reading where series_id = 2"
                )
            assert len(await current(pool)) == 30

    asyncio.run(main())


def test_late_duplicate_and_revised_readings_find_their_compressed_keys(
    hypertables: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with filled(hypertables, grid(3, 10)) as pool:
            writes = await writer(pool)  # a new process, which knows nothing of them
            mixed: list[Row] = [
                (4 * US, 1, 4.0, 0),  # as it was
                (4 * US, 2, 9.0, 0),  # revised
                (4 * US + 1, 3, 1.0, 0),  # late
                (-HOUR, 3, 1.0, 0),  # late, before everything
            ]
            assert counts(await writes.commit(batch(mixed))) == (2, 1, 1)
            assert counts(await writes.commit(batch(mixed))) == (0, 4, 0)
            again = await writer(pool)
            old: list[Row] = [(4 * US, 2, 4.0, 0)]
            assert counts(await again.commit(batch(old))) == (0, 1, 0), "it was said before"
            await compressed(pool)
            assert counts(await again.commit(batch([(4 * US, 2, 8.0, 0)]))) == (0, 0, 1)
            rows = await current(pool)
            assert len(rows) == 32
            assert (4 * US, 2, 8.0, 0) in rows

    asyncio.run(main())


def test_any_history_is_the_same_whenever_chunks_are_compressed(
    hypertables: DatabaseSettings,
) -> None:
    """The same batches, with compression at random moments, against a dict."""
    drawn = random.Random(5)  # noqa: S311 (no secret)

    async def main() -> None:
        wanted: dict[tuple[int, int], float] = {}
        said: set[tuple[int, int, float]] = set()
        async with opened(hypertables) as pool:
            for _ in range(40):
                writes = await writer(pool)
                rows: list[Row] = [
                    (
                        drawn.randrange(40) * HOUR,
                        drawn.randrange(1, 4),
                        float(drawn.randrange(3)),
                        0,
                    )
                    for _ in range(drawn.randrange(1, 30))
                ]
                await writes.commit(batch(rows))
                for after, series, value, _ in rows:
                    if (after, series, value) not in said:
                        wanted[after, series] = value
                        said.add((after, series, value))
                if drawn.random() < 0.4:
                    await compressed(pool)
            held = {(after, series): value for after, series, value, _ in await current(pool)}
            assert held == wanted

    asyncio.run(main())


def test_a_thousand_series_revised_at_one_time_decompress_their_own_batches_only(
    hypertables: DatabaseSettings,
) -> None:
    """More than the server's limit of decompressed rows, in one transaction; 2,000 lie beside."""

    async def main() -> None:
        series, steps = 3000, 120
        async with (
            filled(hypertables, grid(series, steps)) as pool,
            pool.acquire() as connection,
        ):
            before = await batches(connection)
            rows: list[Row] = [(60 * US, one, -1.0, 0) for one in range(1, 1001)]
            changed = await (await writer(pool)).commit(batch(rows))
            assert counts(changed) == (0, 0, 1000)
            assert before - await batches(connection) == 1000
            assert await connection.fetchval("select count(*) from reading") == series * steps
            revised = "select count(*) from reading where value = -1"
            assert await connection.fetchval(revised) == 1000

    asyncio.run(main())


def test_a_change_decompresses_one_batch_however_far_apart_changes_lie(
    hypertables: DatabaseSettings,
) -> None:
    """An UPDATE by a join decompresses all between the first and the last."""

    async def main() -> None:
        rows = [(step * 60 * US, one, 1.0, 0) for step in range(4000) for one in (1, 2)]
        async with filled(hypertables, rows) as pool, pool.acquire() as connection:
            before = await batches(connection)
            ends: list[Row] = [(0, 1, 2.0, 0), (3999 * 60 * US, 1, 2.0, 0)]
            await change_current(connection, batch(ends).readings)
            assert before - await batches(connection) == 2

    asyncio.run(main())


def test_looking_readings_up_decompresses_nothing_and_reads_their_batches_only(
    hypertables: DatabaseSettings,
) -> None:
    """#5801: a look-up for each key, not a scan of all that lies between them."""

    async def main() -> None:
        rows = [(step * 60 * US, one, 1.0, 0) for step in range(1000) for one in range(1, 21)]
        async with filled(hypertables, rows) as pool, pool.acquire() as connection:
            before = await batches(connection)
            keys = batch([(0, 1, 0.0, 0), (7, 1, 0.0, 0), (999 * 60 * US, 20, 0.0, 0)]).readings
            _, known = await find_current(connection, keys)
            assert known.tolist() == [True, False, True]
            assert await batches(connection) == before

    asyncio.run(main())


def test_late_readings_into_a_compressed_chunk_decompress_nothing(
    hypertables: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with filled(hypertables, grid(500, 60)) as pool, pool.acquire() as connection:
            before = await batches(connection)
            late = batch([(30 * US + 1, one, 1.0, 0) for one in range(1, 501)])
            assert counts(await (await writer(pool)).commit(late)) == (500, 0, 0)
            assert await batches(connection) == before
            read = await read_readings(connection, [7], BEGIN_US, BEGIN_US + 60 * US)
            assert len(read) == 61

    asyncio.run(main())


@pytest.mark.concurrent
def test_writing_while_chunks_are_compressed_loses_and_doubles_nothing(
    hypertables: DatabaseSettings,
) -> None:
    """#5480: upserts beside a running compression broke the key."""
    drawn = random.Random(6)  # noqa: S311 (no secret)

    async def main() -> None:
        async with opened(hypertables) as pool:
            writes = await writer(pool)
            await writes.commit(batch(grid(3, 300)))
            stop = asyncio.Event()

            async def compressing() -> int:
                rounds = 0
                async with pool.acquire() as connection:
                    while not stop.is_set():
                        for chunk in await read_chunks(
                            connection, "reading", from_us(0), from_us(BEGIN_US * 2)
                        ):
                            try:
                                await compress(connection, chunk)
                                rounds += 1
                            except StoreConflict:  # we were the deadlock's victim
                                continue
                return rounds

            task = asyncio.create_task(compressing())
            wanted = {(after, series): value for after, series, value, _ in grid(3, 300)}
            for number in range(30):
                rows: list[Row] = [
                    (drawn.randrange(600) * US // 2, drawn.randrange(1, 4), 1000.0 + number, 0)
                    for _ in range(20)
                ]
                wanted |= {(after, series): value for after, series, value, _ in rows}
                await writes.commit(batch(rows))
            stop.set()
            assert await task > 1
            held = await current(pool)
            assert len(held) == len(wanted)
            assert {(after, series): value for after, series, value, _ in held} == wanted

    asyncio.run(main())


def test_rollups_in_compressed_chunks_are_replaced_and_dropped(
    hypertables: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with open_pool(hypertables, "tests") as pool, pool.acquire() as connection:
            rows = np.zeros(2000, ROLLUP)
            rows["bucket"] = BEGIN_US // (900 * US) * 900 * US + np.arange(2000) // 20 * 900 * US
            rows["series"] = np.arange(2000) % 20 + 1
            rows["count"] = 1
            async with connection.transaction():
                await append_rollups(connection, rows)
            await compressed(pool, "rollup")
            rows["count"][5], rows["sum"][:10] = 0, 3.0
            async with connection.transaction():
                await append_rollups(connection, rows[:30])  # they are there: it falls back
            found = await connection.fetch("select sum from rollup where sum > 0")
            assert len(found) == 9
            assert await connection.fetchval("select count(*) from rollup") == 1999
            async with connection.transaction():
                await write_rollups(connection, rows[5:6])
            assert await connection.fetchval("select count(*) from rollup") == 1999

    asyncio.run(main())


def test_old_chunks_are_dropped_whole_and_newer_ones_stay(
    hypertables: DatabaseSettings,
) -> None:
    async def main() -> None:
        rows: list[Row] = [(day * 24 * HOUR, 1, 1.0, 0) for day in range(5)]
        async with filled(hypertables, rows) as pool, pool.acquire() as connection:
            until = from_us(BEGIN_US + 60 * HOUR)
            dropped = await drop_chunks(connection, "reading", from_us(0), until)
            assert len(dropped) == 2
            assert [row[0] // (24 * HOUR) for row in await current(pool)] == [2, 3, 4]

    asyncio.run(main())


def test_direct_compress_is_not_for_a_table_with_a_key(hypertables: DatabaseSettings) -> None:
    """The server says so and goes on without; docs/performance.md says what follows."""
    said: list[str] = []

    async def main() -> None:
        async with open_pool(hypertables, "tests") as pool, pool.acquire() as connection:

            def note(_: object, message: object) -> None:
                said.append(str(message))

            connection.add_log_listener(note)
            async with connection.transaction():
                await connection.execute("set local timescaledb.enable_direct_compress_copy = on")
                await copy_in(connection, READINGS, batch(grid(1, 2000)).readings)
            connection.remove_log_listener(note)
            assert await batches(connection) == 0

    asyncio.run(main())
    assert any("unique constraints" in one for one in said)


def test_nothing_of_ours_rests_on_continuous_aggregates(
    hypertables: DatabaseSettings,
) -> None:
    """2.28's skip_cagg_invalidation would leave them stale: we have none, and never set it."""

    async def main() -> None:
        async with open_pool(hypertables, "tests") as pool:
            none = "select count(*) from timescaledb_information.continuous_aggregates"
            assert await pool.fetchval(none) == 0
            skips = "select current_setting('timescaledb.skip_cagg_invalidation', true)"
            assert await pool.fetchval(skips) in {None, "off"}

    asyncio.run(main())
    assert not any("skip_cagg" in migration.sql for migration in shipped())
