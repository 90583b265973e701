"""Queries that take too long are ended by the server and named; who they were is seen there too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from aggregator.loop import Loop
from aggregator.metrics import Metrics
from api.schemas import Problem
from cityvitals.errors import StoreUnavailable
from cityvitals.settings import AggregatorSettings, DatabaseSettings, Settings
from cityvitals.store import derived, shards
from cityvitals.store.pool import ENDLESS, Patience, Pool, acquired, application, open_pool
from cityvitals.telemetry import Health
from tests import plain
from tests.api_city import CITY, make_city
from tests.api_server import eventually, running_api, status_of, with_pool
from tests.conformance.test_aggregator_loop import is_taken, until
from tests.integration.aggregator_town import HOUR, Town, samples, town
from tests.integration.readings import batch, ledger, opened, writer
from tests.service import Service

ZONES = f"/v1/cities/{CITY}/zones"
NAMES = """
select application_name from pg_stat_activity
where datname = current_database() and application_name like 'cityvitals %'
"""
WAITED = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
  and clock_timestamp() - query_start > interval '500 ms'
"""


@asynccontextmanager
async def locked(database: DatabaseSettings, table: str) -> AsyncIterator[None]:
    """Nobody else gets at a table meanwhile."""
    connection: Any = await asyncpg.connect(database.dsn.get_secret_value())
    try:
        async with connection.transaction():
            await connection.execute(f'lock table "{table}" in access exclusive mode')
            yield
    finally:
        await connection.close()


def test_processes_are_told_apart_on_the_server(
    service: Service, database: DatabaseSettings
) -> None:
    def names() -> set[str]:
        async def ask(pool: Pool) -> set[str]:
            return {row["application_name"] for row in await pool.fetch(NAMES)}

        return with_pool(database, ask)

    service.start("ingest", "aggregate", "api")
    found = names()
    assert "cityvitals ingest ingest-0" in found
    assert any(name.startswith("cityvitals aggregate ") and ":" in name for name in found)
    assert any(name.removeprefix("cityvitals api ").isdigit() for name in found)


def test_a_name_fits_what_the_server_keeps() -> None:
    assert len(application("aggregate", "h" * 80)) == 63


def test_the_api_says_what_took_too_long_and_what_to_do(database: DatabaseSettings) -> None:
    with_pool(database, _with_city)

    async def ask(base: str) -> httpx.Response:
        async with locked(database, "zone"):
            return await asyncio.to_thread(plain.get, base + ZONES, timeout=60)

    with running_api(database, statement_timeout_seconds=0.2) as base:
        answer = asyncio.run(ask(base))
        assert answer.status_code == 504
        assert answer.headers["content-type"] == "application/problem+json"
        told = Problem.model_validate(answer.json()).detail
        assert told.startswith(f"reading the zones of {CITY}: the database ended the query")
        assert "CITYVITALS_API__STATEMENT_TIMEOUT_SECONDS" in told
        assert status_of(f"{base}/readyz") == 200  # the database is not away for that
        eventually(lambda: status_of(base + ZONES) == 200)


def test_the_api_waits_for_a_lock_only_so_long(database: DatabaseSettings) -> None:
    with_pool(database, _with_city)
    impatient = database.model_copy(update={"lock_timeout_seconds": 0.2})

    async def ask(base: str) -> httpx.Response:
        async with locked(database, "zone"):
            return await asyncio.to_thread(plain.get, base + ZONES, timeout=60)

    with running_api(impatient) as base:
        answer = asyncio.run(ask(base))
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "others held up the database" in Problem.model_validate(answer.json()).detail


async def _with_city(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await make_city(connection)


@pytest.mark.parametrize("patience", [Patience(0.2, 10.0), Patience(10.0, 0.2)])
def test_ingest_says_so_and_tries_again(database: DatabaseSettings, patience: Patience) -> None:
    async def main() -> None:
        async with opened(database) as pool, open_pool(database, "i", patience) as impatient:
            writes = await writer(pool)
            writes._pool = impatient  # noqa: SLF001 (the same lane, by a pool that waits less)
            with capture_logs() as logs:
                async with locked(database, "ledger"):
                    committing = asyncio.create_task(writes.commit(batch([(0, 1, 1.0, 0)])))
                    await until(lambda: said(logs), "ingest did not say that it waits")
                await committing
            assert await ledger(pool) == (1, 1, 0, 0, 0)

    async def said(logs: Any) -> bool:
        return any(
            one["event"] in {"store_timeout", "store_conflict"} and "timeout" in str(one)
            for one in logs
        )

    asyncio.run(main())


def test_the_aggregator_says_so_and_tries_again(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where, open_pool(database, "a", Patience(0.3, 10.0)) as pool:
            await where.write(samples("a", 0, HOUR))
            stop = asyncio.Event()
            settings = Settings(database=database, aggregator=AggregatorSettings(poll_seconds=0.05))
            loop = Loop(
                pool, settings, where.rules, "a", Health("store"), Metrics(), lambda: where.now_us
            )
            with capture_logs() as logs:
                async with locked(database, "indicator_latest"):
                    running = asyncio.create_task(loop.run(stop))
                    await until(lambda: said(logs), "the aggregator did not say that it waits")
                await until(lambda: is_taken(where), "the log is not taken")
                stop.set()
                await running

    async def said(logs: Any) -> bool:
        named = [one for one in logs if one["event"] == "a query took too long; trying again"]
        return any("the database ended the query" in one["reason"] for one in named)

    asyncio.run(main())


def test_who_falls_asleep_in_a_transaction_keeps_no_shard(database: DatabaseSettings) -> None:
    async def main() -> None:
        patience = Patience(idle_s=0.3)
        async with town(database) as where, open_pool(database, "asleep", patience) as pool:
            mine = await where.claim()
            await where.pool.execute("update shard set expires_at = '-infinity'")
            with pytest.raises(StoreUnavailable):
                await sleep_on(pool, where, mine)

    async def sleep_on(pool: Pool, where: Town, mine: shards.Claim) -> None:
        async with acquired(pool) as connection, connection.transaction():
            await shards.hold(connection, mine.shard, mine.epoch)
            # Its row stays locked until the server has had enough of the silence.
            await until(lambda: is_taken_over(where, mine), "nobody could take it over")
            await shards.hold(connection, mine.shard, mine.epoch)

    async def is_taken_over(where: Town, mine: shards.Claim) -> bool:
        async with where.pool.acquire() as connection:
            found = await shards.claim(connection, "awake", 1000)
        return any(one.shard == mine.shard and one.epoch > mine.epoch for one in found)

    asyncio.run(main())


def test_recomputing_takes_as_long_as_it_takes(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with open_pool(database, "a", Patience(0.2)) as pool, pool.acquire() as connection:
            async with locked(database, "reading"):
                reading = asyncio.create_task(derived.read_readings(connection, [1], 0, 1))
                await until(lambda: has_waited(pool), "the query did not outlast the timeout")
                assert not reading.done()
            assert len(await reading) == 0
            assert await connection.fetchval("show statement_timeout") == "200ms"

    async def has_waited(pool: Pool) -> bool:
        return bool(await pool.fetchval(WAITED))

    asyncio.run(main())


def test_what_may_last_is_told_no_limit(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with open_pool(database, "m", ENDLESS) as pool:
            assert await pool.fetchval("show statement_timeout") == "0"
            assert await pool.fetchval("show lock_timeout") == "0"

    asyncio.run(main())
