"""While the log goes on, longer windows wait for their turn: what changed meanwhile is not lost."""

import asyncio
from typing import Final

import pytest

from aggregator.worker import ShardWorker
from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_town import HOUR, Row, Town, samples, town

_HOUR: Final = "air.pm2_5.hour"
_DAY: Final = "air.pm2_5.day"


class Stopwatch:
    """A clock that goes on whenever somebody looks, or stands still."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step = 1.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def begin(where: Town, clock: Stopwatch) -> ShardWorker:
    worker = ShardWorker(await where.claim(), where.rules, where.settings, seconds=clock)
    async with where.pool.acquire() as connection:
        await worker.load(connection, where.now_us)
    where.worker = worker
    return worker


async def said(where: Town, rule: str) -> list[object]:
    """Of a rule's newest window in the city what the latest revision counts."""
    rows = await where.pool.fetch(
        "select window_begin, value, observed from indicator_latest where rule = $1 and zone = ''",
        rule,
    )
    return [value for row in rows for value in row]


@pytest.mark.parametrize("what_then", ["their turn", "a crash", "a checkpoint", "a take"])
def test_what_changed_until_their_turn_is_not_lost(
    database: DatabaseSettings, what_then: str
) -> None:
    async def main() -> None:
        async with town(database, provisional_every_seconds=0) as where:
            clock = Stopwatch()
            worker = await begin(where, clock)
            await where.write(samples("a", -13 * HOUR, HOUR) + samples("c", -13 * HOUR, HOUR))
            await where.run()
            day, hour = await said(where, _DAY), await said(where, _HOUR)
            clock.step = 0.0
            half = HOUR + HOUR // 2
            await where.write(samples("a", HOUR, half) + samples("c", HOUR, half))
            done = await where.cycle()
            assert await said(where, _HOUR) != hour
            assert await said(where, _DAY) == day
            assert done.more
            waiting = await where.pool.fetchval("select max(waiting) from shard")
            assert waiting > 0
            match what_then:
                case "a crash":
                    where.worker = None
                case "a checkpoint":
                    await where.save()
                    where.worker = None
                case "a take":
                    await where.write([Row("w", HOUR, 99.0)], "ingest-1")
                    async with where.pool.acquire() as connection:
                        await worker.take(connection, await where.heads(), where.now_us)
                case _:
                    pass
            clock.now += 1e6
            await where.run()
            assert await said(where, _DAY) != day
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())
