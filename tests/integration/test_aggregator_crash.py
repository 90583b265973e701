"""The aggregator dies, is taken over, or finds its memory gone: what it derives stays the same."""

import asyncio
from typing import Any

import pytest

from aggregator.worker import ShardWorker
from cityvitals.domain.names import Clock, LogKind
from cityvitals.errors import Fenced, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_story import (
    STORY,
    assert_same,
    begin_again,
    hour,
    reference,
    tell,
)
from tests.integration.aggregator_town import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SHARD,
    Row,
    device,
    town,
)

Derived = dict[str, list[tuple[Any, ...]]]


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
