"""Retention as people meet it: what ingest refuses, and what the command line says and does."""

import asyncio
import json
import time

import pytest
from typer.testing import CliRunner

from cityvitals.cli import app
from cityvitals.domain.times import US
from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.retention import DAY_US, raise_seals, seal_at
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from tests.integration.test_ingest import (
    Message,
    configured,
    has_received,
    published,
    running,
    stored,
    until,
)

SEAL_US = seal_at(time.time_ns() // 1000, 30)


def said(city: str, *after_seal_us: int) -> Message:
    """Readings so long after the seal."""
    readings = [Reading(SEAL_US + after, "no2", 5.0, "ug/m3") for after in after_seal_us]
    return f"city/v1/{city}/air/gw/dev/obs", encode(readings)


async def raise_seal(pool: Pool, city: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        shard = await connection.fetchval("select shard from city where id = $1", city)
        assert await raise_seals(connection, shard, [city], SEAL_US) == [city]


@pytest.mark.parametrize("hears", [True, False], ids=["hears of it", "has not heard of it"])
def test_ingest_takes_a_second_behind_the_seal_and_refuses_a_second_before(
    database: DatabaseSettings, broker: BrokerSettings, city: str, hears: object
) -> None:
    settings = configured(database, broker, city)

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            await published(settings, [said(city, -DAY_US, DAY_US)])
            await until(has_received(pool, 2))
            assert await stored(pool) == 2
            if hears:
                await raise_seal(pool, city)
            else:
                await pool.execute(
                    "update city set sealed_before = to_timestamp($1::bigint / 1000000.0)", SEAL_US
                )
            await published(settings, [said(city, -US, 0, US)])
            await until(has_received(pool, 5))
            assert await stored(pool) == 4
            letters = await pool.fetch("select index, reason, detail from dead_letter")
            assert [(row["index"], row["reason"]) for row in letters] == [(0, "sealed")]
            assert letters[0]["detail"].endswith("before the city's seal")

    asyncio.run(main())


def test_the_command_line_says_what_is_kept_and_lets_go(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", database.dsn.get_secret_value())
    asyncio.run(_fill(database))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["db", "retention", *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "retention.days is not set: all readings are kept" in run("status")
    monkeypatch.setenv("CITYVITALS_RETENTION__DAYS", "30")
    told = run("run", "--dry-run")
    assert "would raise the seal of town to" in told
    assert "town: live, sealed before never, let go before never" in run("status")
    assert "raised the seal of town to" in run("run")
    status = json.loads(run("status", "--json"))
    assert status["cities"][0]["sealed_before"].endswith("T00:00:00+00:00")
    assert status["partitions"][0]["kept"] == "kept for town"
    asyncio.run(_let_go(database))
    assert "reading_2020_01: " in run("status") and ", may go" in run("status")
    assert "would drop reading_2020_01" in run("run", "--dry-run")
    assert run("run").splitlines()[-1] == "dropped reading_gone_2020_01"
    assert run("run").splitlines() == ["nothing to do"]


async def _fill(database: DatabaseSettings) -> None:
    async with open_pool(database, "tests") as pool:
        await pool.execute(
            """
            insert into city (id, name, shard) values ('town', 'Town', 1);
            insert into gateway (city, name) values ('town', 'gw');
            insert into sensor (city, name, domain, gateway) values ('town', 'dev', 'air', 1);
            insert into series (city, sensor, quantity, sensor_id) values ('town', 'dev', 'no2', 1);
            create table reading_2020_01 partition of reading
                for values from ('2020-01-01 00:00Z') to ('2020-02-01 00:00Z');
            insert into reading (observed_at, received_at, value, series_id)
                values ('2020-01-05 00:00Z', now(), 1, 1);
            """
        )


async def _let_go(database: DatabaseSettings) -> None:
    async with open_pool(database, "tests") as pool:
        await pool.execute("update city set dropped_before = sealed_before")
