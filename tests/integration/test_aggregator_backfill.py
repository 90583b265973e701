"""A million readings of the past, beside readings of now: what is live does not wait for them."""

import asyncio
import time
from statistics import quantiles

import numpy as np

from aggregator.loop import Loop
from aggregator.metrics import Metrics
from aggregator.warmup import warm_up
from cityvitals.domain.arrays import READING
from cityvitals.settings import DatabaseSettings, Settings
from cityvitals.store.batch import Batch
from cityvitals.telemetry import Health
from tests.integration.aggregator_town import (
    CITY,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    Row,
    Town,
    samples,
    town,
)

READINGS = 1_000_000
BATCH = 20_000
DAYS = 60
"""Of the past that the readings fill."""
SECOND = 1_000_000
QUIET = 6
"""Readings of now before the past comes."""
DELAYED_S = 2.0
LONGEST_S = 200.0


class Probe:
    """Readings of now, each waited for until its indicator counts it."""

    def __init__(self, where: Town) -> None:
        self._where = where
        self._sent = 0
        self.taken_s: list[float] = []

    async def ask(self) -> None:
        """Commit one reading more, and take the time from then until the hour's value has it."""
        self._sent += 1
        at = 30 * MINUTE + self._sent * SECOND
        await self._where.write([Row("a", at, float(self._sent))], "ingest-1")
        begun = time.monotonic()
        while await self._counted() < self._sent:
            assert time.monotonic() - begun < LONGEST_S, f"reading {self._sent} is not derived"
            await asyncio.sleep(0.02)
        self.taken_s.append(time.monotonic() - begun)

    async def _counted(self) -> int:
        found = await self._where.pool.fetchval(
            "select observed from indicator_latest "
            "where city = $1 and rule = 'air.pm2_5.hour' and zone = 'north'",
            CITY,
        )
        return int(found or 0)


def past(where: Town, number: int) -> Batch:
    """The batch of so many readings that lie a number of batches back, newest last."""
    step = DAYS * DAY // READINGS
    at = NOON - DAY - (np.arange(BATCH)[::-1] + number * BATCH) * step
    readings = np.zeros(BATCH, READING)
    readings["t"], readings["received"] = at, NOON
    readings["v"] = np.random.default_rng(number).uniform(0, 50, BATCH)
    readings["series"] = where.ids["c"]
    template = where.batch([Row("c", 0, 0.0)])
    sender = int(template.sender[0])
    return Batch(readings, at.copy(), np.full(BATCH, sender, np.int32), template.senders)


async def fill(where: Town) -> None:
    for number in range(READINGS // BATCH):
        await where.writers["ingest-0"].commit(past(where, number))


async def backlog(where: Town) -> int:
    """Readings of the past that no stored bucket counts yet."""
    counted = await where.pool.fetchval(
        "select coalesce(sum(count), 0)::bigint from rollup where series_id = $1", where.ids["c"]
    )
    return READINGS - int(counted)


def test_a_million_old_readings_delay_no_live_indicator(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            # Both gateways have said something of this hour, so it is spoken of.
            await where.write([*samples("b", 0, 4 * HOUR, HOUR), Row("c", HOUR, 1.0)])
            stop = asyncio.Event()
            settings = Settings(database=where.database, aggregator=where.settings)
            loop = Loop(
                where.pool, settings, where.rules, "one", Health("store"), Metrics(),
                lambda: where.now_us,
            )  # fmt: skip
            await asyncio.to_thread(warm_up)
            async with asyncio.TaskGroup() as group:
                group.create_task(loop.run(stop))
                probe = Probe(where)
                for _ in range(QUIET):
                    await probe.ask()
                filling = group.create_task(fill(where))
                while not filling.done() or await backlog(where) > 0:
                    await probe.ask()
                stop.set()
            # One in ten may have met the machine's other work; who waits for the past always does.
            quiet, busy = max(probe.taken_s[1:QUIET]), quantiles(probe.taken_s[QUIET:], n=10)[-1]
            assert len(probe.taken_s) > 2 * QUIET
            assert busy - quiet <= DELAYED_S, f"{busy:.2f} s, without the past {quiet:.2f} s"

    asyncio.run(main())
