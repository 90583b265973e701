"""Setting up a database on TimescaleDB: hypertables, policies, settings, and what is refused.

On the TimescaleDB of CITYVITALS_TEST_DSN, whose user may create databases.
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cityvitals.errors import UnfitServer
from cityvitals.settings import DatabaseSettings, StorageSettings
from cityvitals.store import hypertables as tables
from cityvitals.store.engine import Engine, engine_of
from cityvitals.store.hypertables import settle
from cityvitals.store.migrate import migrate, require_current
from cityvitals.store.pool import Connection, open_pool
from tests.integration.conftest import STORAGE
from tests.integration.readings import batch, current, opened, writer
from tests.integration.test_timescale_traps import grid


def test_the_tables_are_hypertables_with_their_keys_and_policies(
    hypertables: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with open_pool(hypertables, "tests") as pool, pool.acquire() as connection:
            await require_current(connection)
            assert await engine_of(connection) is Engine.TIMESCALEDB
            keys = await connection.fetch(
                "select indexdef from pg_indexes where schemaname = 'public' and indexname in "
                "('reading_key', 'rollup_key', 'indicator_key') and indexdef like '%UNIQUE%'"
            )
            assert len(keys) == 3
            for table in tables.hypertables(STORAGE):
                after, chunk = await _in_force(connection, table.name)
                assert (after, chunk) == (table.compress_after, table.chunk)

    asyncio.run(main())


async def _in_force(connection: Connection, table: str) -> tuple[Any, Any]:
    row = await connection.fetchrow(
        "select (j.config ->> 'compress_after')::interval as after, d.time_interval as chunk "
        "from timescaledb_information.jobs j join timescaledb_information.dimensions d "
        "using (hypertable_name) where hypertable_name = $1 and proc_name = 'policy_compression'",
        table,
    )
    assert row is not None
    return row["after"], row["chunk"]


def test_settings_are_put_into_force_by_migrating_again(
    hypertables: DatabaseSettings,
) -> None:
    changed = StorageSettings(readings_per_day=600_000_000, compress_after_hours=6)

    async def main() -> None:
        async with open_pool(hypertables, "tests") as pool, pool.acquire() as connection:
            assert await migrate(connection, storage=changed) == []
            assert await _in_force(connection, "reading") == (
                timedelta(hours=6),
                timedelta(hours=1),
            )
            jobs = "select job_id from timescaledb_information.jobs order by 1"
            before = await connection.fetch(jobs)
            await migrate(connection, storage=changed)
            assert await connection.fetch(jobs) == before, "what fits is left alone"

    asyncio.run(main())


def test_a_crash_between_two_tables_is_made_good_by_the_next_run(
    given_empty: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with open_pool(given_empty, "tests") as pool, pool.acquire() as connection:
            plain = StorageSettings(engine="postgresql")
            await migrate(connection, storage=plain)
            await connection.execute("create extension timescaledb")
            await connection.execute("select make_hypertable('reading', 'observed_at', '1 day')")
            # Reading is made, the others and every policy are not.
            assert await settle(connection, STORAGE) is Engine.TIMESCALEDB
            names = await connection.fetch(
                "select hypertable_name from timescaledb_information.hypertables order by 1"
            )
            assert [row[0] for row in names] == ["indicator", "reading", "rollup"]
            with pytest.raises(UnfitServer, match="tables are hypertables: set it"):
                await migrate(connection, storage=plain)

    asyncio.run(main())


def test_a_database_with_readings_stays_on_plain_postgresql(given_empty: DatabaseSettings) -> None:
    async def main() -> None:
        async with open_pool(given_empty, "tests") as pool, pool.acquire() as connection:
            await migrate(connection, storage=StorageSettings(engine="postgresql"))
        async with opened(given_empty) as pool:
            await (await writer(pool)).commit(batch(grid(2, 3)))
            async with pool.acquire() as connection:
                with pytest.raises(UnfitServer, match="holds readings in native partitions"):
                    await migrate(connection, storage=STORAGE)
                await migrate(connection, storage=StorageSettings())
                assert await engine_of(connection) is Engine.POSTGRESQL
            assert len(await current(pool)) == 6

    asyncio.run(main())
