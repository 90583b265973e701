"""Lanes, revisions and rebuilding: whatever order things are read in, the result is one."""

import asyncio
from typing import Any

from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_story import (
    STORY,
    begin_again,
    hour,
    reference,
)
from tests.integration.aggregator_town import (
    DAY,
    HOUR,
    MINUTE,
    SHARD,
    Row,
    Town,
    device,
    rules,
    samples,
    town,
)

Derived = dict[str, list[tuple[Any, ...]]]


def test_two_lanes_come_to_the_same_as_one(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await reference(where)
            await where.settle()
            expected = await where.derived()
            await begin_again(where)
            for number, part in enumerate(STORY):
                for place, row in enumerate(part):
                    await where.write([row], f"ingest-{(number + place) % 2}")
                    if place % 7 == 0:
                        await where.cycle()
                where.now_us += MINUTE
            await where.settle()
            found = await where.derived()
            assert found["rollup"] == expected["rollup"]
            assert found["newest"] == expected["newest"]

    asyncio.run(main())


def test_a_revision_may_be_read_before_its_reading(database: DatabaseSettings) -> None:
    """The other lane's log is longer, and a cycle takes one entry of each."""

    async def main() -> None:
        async with town(database, cycle_readings=1) as where:
            await where.run()
            await where.write([Row("a", 0, 1.0)])
            await where.write([Row("a", 10 * MINUTE, 1.0)])
            await where.write(hour(0)[2:])
            await where.write([Row("a", 20 * MINUTE, 50.0, rev=1), Row("c", 0, 6.0)], "ingest-1")
            await where.write(hour(1))
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_a_revision_may_be_read_before_anything_is_known_of_its_series(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database, cycle_readings=1) as where:
            await where.found(stations=["a"])
            await where.run()
            await where.write([Row("a", 0, 1.0)])
            async with where.pool.acquire() as connection:
                heads = await where.heads()
                await where.say(device("c"))
                await where.write(samples("c", 0, HOUR))
                await where.write([Row("c", 0, 2.0)], "ingest-1")
                worker = where.worker
                assert worker is not None
                heads["ingest-1"] = (await where.heads())["ingest-1"]
                await worker.cycle(connection, heads, where.now_us)
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def months(where: Town) -> list[Row]:
    """Forty days, more than what is done again in one cycle."""
    del where
    return samples("b", -40 * DAY, 4 * HOUR, HOUR) + samples("a", 0, 4 * HOUR)


def test_a_crash_while_a_new_rule_is_derived_for_all_time(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            where.rules = rules(without="air.pm2_5.day")
            await where.write(months(where))
            await where.settle()
            await where.save()
            where.rules, where.worker = rules(), None
            await where.cycle()
            where.worker = None
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_a_crash_while_a_shard_is_rebuilt(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(months(where))
            await where.settle()
            await where.save()
            await where.pool.execute("delete from rollup where bucket_begin < '2026-10-20Z'")
            await where.pool.execute("update shard set rebuild = true")
            where.worker = None
            await where.write([Row("a", 5 * HOUR, 1.0)])
            await where.cycle()
            where.worker = None
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()
            assert not await where.pool.fetchval(
                "select rebuild from shard where shard = $1", SHARD
            )

    asyncio.run(main())


def test_the_open_bucket_is_seen_after_a_restart(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write([Row("e", 0, 5.0), Row("a", 0, 5.0)])
            await where.run()
            await where.save()
            where.worker = None
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_a_broken_series_with_several_stretches_is_recomputed_once(
    database: DatabaseSettings,
) -> None:
    """Overlapping hours, each reading the newest and yet late, with an hour's silence between."""

    async def main() -> None:
        async with town(database) as where:
            await where.write([Row("b", HOUR, 1.0)])
            await where.run()
            await where.write(
                [Row("b", HOUR + 10 * MINUTE, 2.0), Row("b", 4 * HOUR, 3.0), Row("b", -DAY, 4.0)]
            )
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_a_cycle_may_close_buckets_again_and_recompute_others(
    database: DatabaseSettings,
) -> None:
    """Both go by the same staging table, in one transaction."""

    async def main() -> None:
        async with town(database) as where:
            await where.run()
            await where.save()
            await where.write(hour(0))
            await where.run()
            await where.write(hour(1))
            await where.run()
            where.worker = None
            await where.write([Row("a", 10 * MINUTE, 8.0), Row("c", HOUR + 10 * MINUTE, 8.0)])
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())
