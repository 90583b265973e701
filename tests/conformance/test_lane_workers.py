"""Whose lane nobody runs is seen by the others, and emptied by one of them."""

import asyncio

import pytest

from cityvitals.settings import DatabaseSettings
from cityvitals.store.lane_workers import LaneWorker, beat, claimed, other_workers, remove_worker
from cityvitals.store.pool import Pool
from tests.integration.readings import opened, taken


async def worker(pool: Pool, lane: str, share: str = "ingest") -> LaneWorker:
    found = LaneWorker(await taken(pool, lane), share, "localhost:1883")
    async with pool.acquire() as connection:
        await beat(connection, found, 0)
    return found


def test_a_worker_is_seen_until_it_is_removed(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            one, other = await worker(pool, "ingest-0"), await worker(pool, "ingest-1")
            await worker(pool, "ingest-2", "another share")
            seen = (await other_workers(pool, one))["ingest-1"]
            assert list(await other_workers(pool, other)) == ["ingest-0"]
            async with pool.acquire() as connection:
                await beat(connection, other, 7)
            await remove_worker(pool, "ingest-1", seen)  # something was heard of it since
            later = (await other_workers(pool, one))["ingest-1"]
            assert later.seen_at > seen.seen_at
            await remove_worker(pool, "ingest-1", later)
            assert await other_workers(pool, one) == {}

    asyncio.run(main())


def test_who_lost_its_lane_is_no_longer_heard(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            old, new = await worker(pool, "ingest-0"), await worker(pool, "ingest-0")
            watcher = await worker(pool, "ingest-1")
            seen = await other_workers(pool, watcher)
            async with pool.acquire() as connection:
                await beat(connection, old, 1)
            assert await other_workers(pool, watcher) == seen
            assert seen["ingest-0"].epoch == new.lane.epoch

    asyncio.run(main())


@pytest.mark.concurrent
def test_only_one_empties_a_lane(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await worker(pool, "ingest-0")
            watcher = await worker(pool, "ingest-1")
            seen = (await other_workers(pool, watcher))["ingest-0"]
            async with (
                claimed(database, "ingest-0", seen) as first,
                claimed(database, "ingest-0", seen) as second,
            ):
                assert (first, second) == (True, False)

    asyncio.run(main())
