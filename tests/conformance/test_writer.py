"""The writer against a real server."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityvitals.domain.logbody import decode_readings, decode_revisions
from cityvitals.domain.names import LogKind
from cityvitals.domain.outcome import Reason
from cityvitals.errors import Fenced
from cityvitals.settings import DatabaseSettings
from cityvitals.store.batch import Batch, Rejection
from cityvitals.store.lanes import LogEntry, has_committed, write_log
from cityvitals.store.partitions import create_partition, month_of
from cityvitals.store.pool import Pool
from cityvitals.store.writer import ReadingWriter
from tests.integration.readings import (
    BEGIN_US,
    SHARD,
    Row,
    batch,
    counts,
    current,
    ledger,
    opened,
    taken,
    writer,
)
from tests.integration.test_ingest import until


def test_every_reading_ends_as_one_outcome(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            writes = await writer(pool)
            first: list[Row] = [(0, 1, 1.0, 0), (5, 1, 2.0, 0), (0, 2, 3.0, 0)]
            assert counts(await writes.commit(batch(first))) == (3, 0, 0)
            assert counts(await writes.commit(batch(first))) == (0, 3, 0)
            mixed: list[Row] = [(0, 1, 9.0, 0), (5, 1, 2.0, 0), (6, 1, 4.0, 0), (6, 1, 4.0, 0)]
            assert counts(await writes.commit(batch(mixed))) == (1, 2, 1)
            # The old value comes again, and does not undo the new one.
            assert counts(await writes.commit(batch(first[:1]))) == (0, 1, 0)
            assert await current(pool) == [
                (0, 1, 9.0, 0),
                (0, 2, 3.0, 0),
                (5, 1, 2.0, 0),
                (6, 1, 4.0, 0),
            ]
            assert await pool.fetchval("select value from reading_revision") == 1.0
            assert await ledger(pool) == (11, 4, 6, 1, 0)

    asyncio.run(main())


def test_a_new_process_finds_what_an_older_one_stored(database: DatabaseSettings) -> None:
    async def main() -> None:
        rows: list[Row] = [(second, 1, float(second), 0) for second in range(100)]
        async with opened(database) as pool:
            await (await writer(pool)).commit(batch(rows))
            again = await writer(pool)
            assert counts(await again.commit(batch(rows[:60]))) == (0, 60, 0)
            assert counts(await again.commit(batch(rows[50:]))) == (0, 50, 0)
            assert counts(await again.commit(batch([(200, 1, 1.0, 0)]))) == (1, 0, 0)
            assert len(await current(pool)) == 101

    asyncio.run(main())


def test_the_log_tells_what_is_new_and_what_changed(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            writes = await writer(pool)
            await writes.commit(batch([(0, 1, 1.0, 0), (20, 2, 1.0, 0)]))
            await writes.commit(batch([(0, 1, 5.0, 0), (7, 3, 2.0, 0)]))
            rows = await pool.fetch(
                "select shard, lane, seq, kind, body from commit_log order by seq"
            )
        assert [(row["shard"], row["lane"], row["seq"], row["kind"]) for row in rows] == [
            (SHARD, "ingest-0", 1, LogKind.READINGS),
            (SHARD, "ingest-0", 2, LogKind.READINGS),
            (SHARD, "ingest-0", 3, LogKind.REVISIONS),
        ]
        seen, readings = decode_readings(rows[0]["body"])
        assert (readings["t"] - BEGIN_US).tolist() == [0, 20]
        # One reading lies in the future of its arrival; the watermark does not follow it there.
        assert seen.tolist() == [(BEGIN_US + 10, BEGIN_US + 10, 1, 2)]
        assert decode_readings(rows[1]["body"]).readings["series"].tolist() == [3]
        revised = decode_revisions(rows[2]["body"])
        assert revised[["t", "series"]].tolist() == [(BEGIN_US, 1)]

    asyncio.run(main())


def test_rejected_readings_are_dead_letters_and_poison_only_counts(
    database: DatabaseSettings,
) -> None:
    poison = [
        Rejection("t", b"\x00bad", index, "", "", Reason.UNDECODABLE, "why", BEGIN_US)
        for index in (0, 0, 1)
    ]

    async def main() -> None:
        async with opened(database) as pool:
            writes = await writer(pool)
            for _ in range(2):
                await writes.commit(Batch(rejected=poison))
            rows = await pool.fetch(
                "select index, times, payload from dead_letter join dead_message using (hash) "
                "order by index"
            )
            assert [tuple(row) for row in rows] == [(0, 4, b"\x00bad"), (1, 2, b"\x00bad")]
            assert await ledger(pool) == (6, 0, 0, 0, 6)

    asyncio.run(main())


def test_who_lost_the_lane_writes_nothing_more(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            old = await writer(pool)
            new = await writer(pool)
            with pytest.raises(Fenced):
                await old.commit(batch([(0, 1, 1.0, 0)]))
            assert await current(pool) == []
            assert counts(await new.commit(batch([(0, 1, 1.0, 0)]))) == (1, 0, 0)

    asyncio.run(main())


@pytest.mark.concurrent
def test_a_commit_whose_answer_was_lost_is_found_again(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            lane = await taken(pool)
            async with pool.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                entries = [LogEntry(shard, LogKind.RULES, b"") for shard in (SHARD, 1, SHARD)]
                numbers = await write_log(connection, lane, entries)
                async with pool.acquire() as other:
                    # It may still commit: whoever asks waits for its end.
                    asking = asyncio.create_task(has_committed(other, lane, numbers))
                    await until(lambda: is_waiting(pool))
                    await transaction.commit()
                    assert await asking
                assert not await has_committed(connection, lane, {SHARD: numbers[SHARD] + 2})
                await taken(pool)
                with pytest.raises(Fenced):
                    await has_committed(connection, lane, numbers)

    asyncio.run(main())


async def is_waiting(pool: Pool) -> bool:
    query = "select count(*) from pg_locks where not granted"
    return bool(await pool.fetchval(query))


class LosesAnswer:
    """A pool whose connection breaks right after what was done on it, once when armed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.is_armed = False

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection:
            yield connection
        if self.is_armed:
            self.is_armed = False
            raise ConnectionResetError("the answer to COMMIT was lost")


def test_a_batch_whose_answer_was_lost_is_not_committed_twice(database: DatabaseSettings) -> None:
    waits: list[str] = []

    async def main() -> None:
        async with opened(database) as pool:
            lossy: Any = LosesAnswer(pool)
            writes = ReadingWriter(lossy, await taken(pool), waits.append)
            await writes.commit(batch([(0, 1, 1.0, 0)]))
            lossy.is_armed = True
            assert counts(await writes.commit(batch([(1, 1, 2.0, 0), (0, 1, 1.0, 0)]))) == (1, 1, 0)
            assert await ledger(pool) == (3, 2, 1, 0, 0)
            assert await pool.fetchval("select count(*) from commit_log") == 2
            assert [bool(wait) for wait in waits] == [False, True, False]

    asyncio.run(main())


def test_two_workers_may_get_the_same_readings_at_the_same_time(
    database: DatabaseSettings,
) -> None:
    shuffled = random.Random(5)  # noqa: S311 - a seeded shuffle
    rows: list[Row] = [(t, series, float(t % 3), 0) for t in range(300) for series in (1, 2, 3)]

    async def work(writes: ReadingWriter, mine: list[Row]) -> int:
        stored = 0
        for start in range(0, len(mine), 100):
            stored += counts(await writes.commit(batch(mine[start : start + 100])))[0]
        return stored

    async def main() -> None:
        async with opened(database) as pool:
            workers = [await writer(pool, f"ingest-{number}") for number in range(3)]
            async with asyncio.TaskGroup() as tasks:
                done = [
                    tasks.create_task(work(one, shuffled.sample(rows, len(rows))))
                    for one in workers
                ]
            assert sum(task.result() for task in done) == len(rows)
            assert len(await current(pool)) == len(rows)
            assert await ledger(pool) == (2700, 900, 1800, 0, 0)

    asyncio.run(main())


ROWS = st.tuples(
    st.integers(0, 3), st.integers(1, 3), st.sampled_from([0.0, 1.5, -2.0]), st.integers(0, 2)
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=4))
def test_the_tables_end_as_one_reading_after_the_other_would_leave_them(
    database: DatabaseSettings, batches: list[list[Row]]
) -> None:
    said: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for after, series, value, rev in (row for rows in batches for row in rows):
        known = said.setdefault((after, series), [])
        if (rev, value) in known:
            continue
        place = len(known) if not known or rev >= known[-1][0] else len(known) - 1
        known.insert(place, (rev, value))

    async def main() -> None:
        async with opened(database) as pool:
            await pool.execute("truncate reading, reading_revision, ledger")
            writes = await writer(pool)
            for rows in batches:
                await writes.commit(batch(rows))
            assert await current(pool) == [
                (*key, known[-1][1], known[-1][0]) for key, known in sorted(said.items())
            ]
            beside = await pool.fetchval("select count(*) from reading_revision")
            assert beside == sum(len(known) - 1 for known in said.values())
            received, *outcomes = await ledger(pool)
            assert received == sum(outcomes) == sum(map(len, batches))

    asyncio.run(main())


def test_a_batch_of_many_months_finds_its_partitions(database: DatabaseSettings) -> None:
    day = 86_400_000_000
    rows: list[Row] = [(-number * 40 * day, 1, 1.0, 0) for number in range(30)]

    async def main() -> None:
        async with opened(database) as pool:
            writes = await writer(pool)
            assert counts(await writes.commit(batch(rows))) == (30, 0, 0)
            assert counts(await writes.commit(batch(rows))) == (0, 30, 0)
            assert np.array([row[0] for row in await current(pool)]).max() == 0

    asyncio.run(main())


@pytest.mark.partitions
def test_invented_times_make_few_partitions(database: DatabaseSettings) -> None:
    year_us = 365 * 86_400_000_000
    rows: list[Row] = [(-number * year_us // 2, 1, 1.0, 0) for number in range(2000)]

    async def main() -> None:
        async with opened(database) as pool:
            assert counts(await (await writer(pool)).commit(batch(rows))) == (2000, 0, 0)
            made = await pool.fetchval(
                "select count(*) from pg_inherits where inhparent = 'reading'::regclass"
            )
            assert made < 40
            assert counts(await (await writer(pool)).commit(batch(rows))) == (0, 2000, 0)

    asyncio.run(main())


@pytest.mark.partitions
def test_months_of_an_older_build_go_on_beside_years(database: DatabaseSettings) -> None:
    month_us = 31 * 86_400_000_000
    back = (BEGIN_US - 1_357_000_000_000_000) // month_us  # early in 2013
    rows: list[Row] = [(-(back - number) * month_us, 1, 1.0, 0) for number in range(24)]

    async def main() -> None:
        async with opened(database) as pool:
            async with pool.acquire() as connection:
                await create_partition(connection, "reading", month_of(BEGIN_US + rows[1][0]))
            writes = await writer(pool)
            assert counts(await writes.commit(batch(rows))) == (24, 0, 0)
            assert counts(await writes.commit(batch(rows))) == (0, 24, 0)
            names = await pool.fetch(
                "select inhrelid::regclass::text as name from pg_inherits "
                "where inhparent = 'reading'::regclass order by name"
            )
            assert {row["name"] for row in names} >= {"reading_2013_03", "reading_2014"}
            assert counts(await (await writer(pool)).commit(batch(rows))) == (0, 24, 0)

    asyncio.run(main())
