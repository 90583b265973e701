"""The loop: it keeps up with what is written, gives back what it holds, and takes what is free."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aggregator.loop import Loop
from aggregator.metrics import Metrics
from aggregator.warmup import warm_up
from cityvitals.settings import AggregatorSettings, DatabaseSettings, Settings
from cityvitals.telemetry import Health
from tests.integration.aggregator_town import HOUR, MINUTE, SHARD, Row, Town, samples, town

DEADLINE_S = 60.0


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def is_taken(where: Town) -> bool:
    """Whether the store says that the whole log is taken."""
    cursors = await where.pool.fetchval("select cursors from shard where shard = $1", SHARD)
    return bool(cursors == await where.heads())


async def owner(where: Town) -> str | None:
    found: str | None = await where.pool.fetchval(
        "select owner from shard where shard = $1 and expires_at > clock_timestamp()", SHARD
    )
    return found


async def is_owned(where: Town) -> bool:
    return await owner(where) is not None


@asynccontextmanager
async def running(where: Town, name: str, lease_s: float = 30.0) -> AsyncIterator[None]:
    """A loop beside the test, stopped in order at the end."""
    settings = Settings(
        database=where.database,
        aggregator=AggregatorSettings(
            final_after_seconds=0, poll_seconds=0.05, lease_seconds=lease_s
        ),
    )
    await asyncio.to_thread(warm_up)  # as the process does, before it takes any lease
    stop = asyncio.Event()
    loop = Loop(
        where.pool,
        settings,
        where.rules,
        name,
        Health("store"),
        Metrics(),
        lambda: where.now_us,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(loop.run(stop))
        try:
            yield
        finally:
            stop.set()


def test_it_keeps_up_saves_and_gives_back(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            async with running(where, "one"):
                for number in range(3):
                    begin = number * HOUR
                    await where.write(samples("a", begin, begin + HOUR))
                    await until(lambda: is_taken(where), "the log is not taken")
                assert await owner(where) == "one"
            assert await owner(where) is None
            saved = await where.pool.fetchval("select cursors from checkpoint")
            assert saved == await where.heads()
            assert await where.pool.fetchval("select count(*) from commit_log") == 0
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_who_lost_its_shards_takes_them_again_when_they_are_free(
    database: DatabaseSettings,
) -> None:
    async def is_owned(where: Town) -> bool:
        return await owner(where) == "one"

    async def main() -> None:
        async with town(database) as where, running(where, "one", lease_s=0.6):
            await where.write(samples("a", 0, HOUR))
            await until(lambda: is_taken(where), "the log is not taken")
            await where.pool.execute(
                "update shard set owner = 'other', epoch = epoch + 1, "
                "expires_at = clock_timestamp() + interval '1 second'"
            )
            await where.write([Row("a", 5 * MINUTE, 9.0), *samples("a", HOUR, 2 * HOUR)])
            await until(lambda: is_owned(where), "the shard is not taken back")
            await until(lambda: is_taken(where), "the log is not taken")

    asyncio.run(main())


def test_one_takes_over_from_another(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            async with running(where, "one"):
                await where.write(samples("a", 0, HOUR))
                await until(lambda: is_owned(where), "nobody takes the shard")
                async with running(where, "two"):
                    await until(lambda: is_taken(where), "the log is not taken")
                    assert await owner(where) == "one"
            async with running(where, "two"):
                await where.write(samples("a", HOUR, 2 * HOUR))
                await until(lambda: is_taken(where), "the log is not taken")
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_two_share_and_what_moves_goes_on_where_it_stopped(database: DatabaseSettings) -> None:
    """The city's shard is the first one's by name, whoever had it before."""

    async def holds(where: Town, name: str) -> tuple[bool, int]:
        held = await where.pool.fetchval("select count(*) from shard where owner = $1", name)
        return await owner(where) == name, held

    async def main() -> None:
        async with town(database) as where:
            async with running(where, "two", lease_s=0.6):
                await where.write(samples("a", 0, HOUR))
                await until(lambda: is_taken(where), "the log is not taken")
                assert await holds(where, "two") == (True, 64)
                async with running(where, "one", lease_s=0.6):
                    await until(lambda: is_shared(where), "they do not share")
                    assert await holds(where, "one") == (True, 32)
                    assert await holds(where, "two") == (False, 32)
                    await where.write(samples("a", HOUR, 2 * HOUR))
                    await until(lambda: is_taken(where), "the log is not taken")
                await where.write(samples("a", 2 * HOUR, 3 * HOUR))
                await until(lambda: is_taken(where), "what one left is not gone on with")
                assert await holds(where, "two") == (True, 64)
            assert await where.pool.fetchval("select count(*) from aggregator") == 0
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    async def is_shared(where: Town) -> bool:
        parts = await where.pool.fetch("select count(*) from shard group by owner")
        return [row["count"] for row in parts] == [32, 32] and await owner(where) == "one"

    asyncio.run(main())
