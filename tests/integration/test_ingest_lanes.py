"""Ingest and who runs its lanes: a worker that returns while it is drained, a late database."""

import asyncio
import contextlib

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from cityvitals.errors import SettingsError
from cityvitals.settings import BrokerSettings, DatabaseSettings, Settings
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import Pool, open_pool
from deploy.local.ports import free_port
from ingest.main import serve
from tests.integration.test_ingest import (
    DEADLINE_S,
    configured,
    has_stored,
    is_ready,
    kill,
    pack,
    published,
    ready_or_dead,
    running,
    stored,
    until,
)
from tests.servers import PostgresServer

DRAINS = "select count(*) from pg_stat_activity where application_name like '%drain'"


def of_lane(settings: Settings, lane: str) -> Settings:
    update = {"lane": lane, "health_port": free_port()}
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update=update)})


async def is_draining(pool: Pool) -> bool:
    return bool(await pool.fetchval(DRAINS))


def test_a_worker_that_returns_while_it_is_drained_has_its_lane_again(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    first = configured(database, broker, city, orphan_after_seconds=3)
    second = of_lane(first, "other-" + city[-20:])

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(second) as staying:
            async with running(first) as gone:
                await published(first, [pack(city, "dev", number) for number in range(20)])
                await kill(gone)
            await published(first, [pack(city, "dev", number) for number in range(20, 40)])
            await until(lambda: is_draining(pool))
            async with running(first):
                await published(first, [pack(city, "dev", number) for number in range(40, 80)])
                await until(lambda: has_stored(pool, 800))
                await until(lambda: is_over(pool))
                assert await pool.fetchval("select count(*) from lane_worker") == 2
                assert not staying.done()
            assert await stored(pool) == 800

    async def is_over(pool: Pool) -> bool:
        return not await is_draining(pool)

    with capture_logs() as said:
        asyncio.run(main())
    events = [one["event"] for one in said]
    assert "lane_drain_interrupted" in events
    assert "lane_drained" not in events


def test_ingest_waits_for_a_database_that_is_away_at_the_start(
    own_postgres: PostgresServer, broker: BrokerSettings, city: str
) -> None:
    database = DatabaseSettings(dsn=SecretStr(own_postgres.dsn("cityvitals")))
    settings = configured(database, broker, city)

    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            await migrate(connection)
        await asyncio.to_thread(own_postgres.stop)
        stop = asyncio.Event()
        task = asyncio.create_task(serve(settings, stop))
        with capture_logs() as said:
            await until(lambda: was_told("store_away", said))
        assert not await asyncio.to_thread(is_ready, settings)
        assert not task.done()
        stop.set()
        await asyncio.wait_for(task, DEADLINE_S)  # asked to stop, it does not wait on
        again = asyncio.Event()
        task = asyncio.create_task(serve(settings, again))
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: ready_or_dead(settings, task))
        again.set()
        await asyncio.wait_for(task, DEADLINE_S)

    asyncio.run(main())


async def was_told(event: str, said: object) -> bool:
    return event in str(said)


def test_a_wrong_database_ends_ingest(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    wrong = SecretStr(database.dsn.get_secret_value().replace("/test_", "/none_"))
    settings = configured(DatabaseSettings(dsn=wrong), broker, city)

    async def main() -> None:
        with contextlib.suppress(ExceptionGroup):
            await asyncio.wait_for(serve(settings, asyncio.Event()), DEADLINE_S)

    with pytest.raises(SettingsError, match="DATABASE__DSN"):
        asyncio.run(main())
