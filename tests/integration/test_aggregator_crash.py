"""The aggregator dies, is taken over, or finds its memory gone: what it derives stays the same."""

import asyncio
from typing import Any

import pytest

from aggregator.worker import ShardWorker
from cityvitals.domain.names import Clock, LogKind
from cityvitals.errors import Fenced, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_town import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SHARD,
    Row,
    Town,
    device,
    rules,
    samples,
    town,
)

Derived = dict[str, list[tuple[Any, ...]]]


def hour(number: int) -> list[Row]:
    """All that the stations say in one hour."""
    begin, end = number * HOUR, (number + 1) * HOUR
    return [
        *samples("a", begin, end, value=number),
        *samples("c", begin, end, value=2 * number),
        *samples("b", end, end + 1, HOUR, value=3 * number),
        *samples("e", begin, end, 30 * MINUTE),
        *samples("w", begin, end, 20 * MINUTE),
    ]


STORY = [
    hour(0),
    [*hour(1), Row("a", 30 * MINUTE + 1, 90.0)],
    [*hour(2), Row("c", HOUR, -4.0), Row("e", 0, 70.0)],
    [*hour(3), Row("b", 3 * HOUR, 1.0, flags=8), Row("w", -2 * DAY, 1.0)],
]
"""Hours in order, each with something late or revised."""


async def tell(where: Town, *, upto: int = len(STORY)) -> None:
    """The story without accidents, a cycle after each part."""
    for part in STORY[:upto]:
        await where.write(part)
        await where.run()
        where.now_us += MINUTE


async def reference(where: Town) -> Derived:
    await where.run()
    await where.save()
    await tell(where)
    return await where.derived()


async def begin_again(where: Town) -> None:
    """The same city without a reading, at the time the first one began; a checkpoint is there."""
    where.now_us = NOON + DAY
    await where.found()
    await where.run()
    await where.save()


def assert_same(found: Derived, expected: Derived) -> None:
    for name, rows in expected.items():
        assert found[name] == rows, name


def test_a_crash_after_any_cycle_leaves_no_trace(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            expected = await reference(where)
            await begin_again(where)
            for part in STORY:
                await where.write(part)
                await where.run()
                where.worker = None
                await where.run()
                where.now_us += MINUTE
            assert_same(await where.derived(), expected)

    asyncio.run(main())


def test_a_crash_before_any_statement_leaves_no_trace(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            expected = await reference(where)
            broken = 0
            while True:
                await begin_again(where)
                await tell(where, upto=2)
                await where.write(STORY[2])
                try:
                    await where.cycle(breaks_after=broken)
                except StoreUnavailable:
                    broken += 1
                else:
                    break
                await where.run()
                where.now_us += MINUTE
                await where.write(STORY[3])
                await where.run()
                assert_same(await where.derived(), expected)
            assert broken > 10

    asyncio.run(main())


def test_a_crash_before_any_statement_of_loading_is_harmless(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            expected = await reference(where)
            broken = 0
            while True:
                try:
                    await where.start(breaks_after=broken)
                except StoreUnavailable:
                    broken += 1
                else:
                    break
            await where.run()
            assert_same(await where.derived(), expected)
            assert broken > 10

    asyncio.run(main())


def test_what_was_said_is_not_said_again_while_the_log_is_read_again(
    database: DatabaseSettings,
) -> None:
    """The log since the checkpoint is longer than one cycle takes."""

    async def main() -> None:
        async with town(database, cycle_readings=1) as where:
            await where.run()
            await where.save()
            for part in STORY:
                await where.write(part)
                await where.run()
            expected = await where.derived()
            where.worker = None
            await where.run()
            assert_same(await where.derived(), expected)

    asyncio.run(main())


def test_an_unsaved_revision_is_saved_when_a_newer_window_begins(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database, final_after_seconds=3600) as where:
            await where.run()
            await where.save()
            for part in (hour(0)[:-1], [Row("a", 50 * MINUTE + 1, 3.0)], hour(1)):
                await where.write(part)
                await where.run()
            expected = await where.derived()
            where.worker = None
            await where.run()
            assert_same(await where.derived(), expected)

    asyncio.run(main())


def test_a_fenced_worker_writes_nothing(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await tell(where, upto=2)
            before, old = await where.derived(), where.worker
            epoch = await where.pool.fetchval("select epoch from shard where shard = $1", SHARD)
            await where.claim()
            assert epoch + 1 == await where.pool.fetchval(
                "select epoch from shard where shard = $1", SHARD
            )
            await where.write(STORY[2])
            assert old is not None
            async with where.pool.acquire() as connection:
                heads = await where.heads()
                with pytest.raises(Fenced):
                    await old.cycle(connection, heads, where.now_us)
                with pytest.raises(Fenced):
                    await old.save(connection, where.now_us)
            assert_same(await where.derived(), before)
            assert not await where.pool.fetchval("select count(*) from checkpoint where epoch > 1")
            where.worker = None
            await where.settle()
            assert (await where.verify()).clean

    asyncio.run(main())


def test_a_fenced_worker_does_not_call_gateways_silent(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            where.now_us = NOON + HOUR
            await tell(where, upto=1)
            old = where.worker
            await where.claim()
            assert isinstance(old, ShardWorker)
            async with where.pool.acquire() as connection:
                with pytest.raises(Fenced):
                    await old.cycle(connection, await where.heads(), where.now_us + 30 * DAY)
            assert not await where.pool.fetchval(
                "select count(*) from commit_log where kind = $1 and lane = 'aggregator'",
                int(LogKind.SILENCE),
            )

    asyncio.run(main())


@pytest.mark.parametrize("spoiled", ["another format", "cut short", "no archive", "empty"])
def test_a_checkpoint_that_cannot_be_read_is_rebuilt(
    database: DatabaseSettings, spoiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await tell(where, upto=2)
            await where.save()
            if spoiled == "another format":
                monkeypatch.setattr("aggregator.checkpoint.FORMAT", 99)
            elif spoiled == "cut short":
                await where.pool.execute("update checkpoint set body = substr(body, 1, 1000)")
            else:
                body = b"" if spoiled == "empty" else b"once upon a time"
                await where.pool.execute("update checkpoint set body = $1", body)
            where.worker = None
            await where.write(STORY[2])
            await where.run()
            await where.write(STORY[3])
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


@pytest.mark.parametrize("restarted", [False, True])
def test_a_gap_in_the_log_is_rebuilt(
    database: DatabaseSettings,
    restarted: bool,  # noqa: FBT001 - a case's name
) -> None:
    """What is missing tells of readings, of a series nobody knew, and of a declaration."""

    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["a", "b", "e"])
            await where.write([row for row in STORY[0] if row.station in {"a", "b", "e"}])
            await where.run()
            await where.save()
            last = (await where.heads())["ingest-0"]
            await where.say(device("c"), device("w"))
            await where.write(STORY[1])
            await where.write(STORY[2])
            await where.pool.execute(
                "delete from commit_log where lane = 'ingest-0' and seq between $1 and $2",
                last + 1,
                last + 4,
            )
            if restarted:
                where.worker = None
            await where.run()
            await where.write(STORY[3])
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


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
