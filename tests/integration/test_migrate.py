"""Migrations on a real PostgreSQL: killed at every statement, blocked, run by two at a time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from cityvitals.errors import StoreConflict, StoreUnavailable, UnfitServer
from cityvitals.settings import DatabaseSettings
from cityvitals.store.drift import Fact, read_facts
from cityvitals.store.migrate import (
    OUTSIDE,
    Migration,
    Patience,
    applied,
    migrate,
    require_current,
    shipped,
    status,
)
from cityvitals.store.pool import Connection
from cityvitals.store.statements import split
from tests.integration.bare import bare, cityvitals, two
from tests.integration.test_ingest import until
from tests.servers import PostgresServer

DIE = "select pg_terminate_backend(pg_backend_pid())"
SLEEPS = "select count(*) from pg_stat_activity where pid = $1 and query ~ 'pg_sleep'"
HURRY = Patience(lock_s=0.2, pause_s=0.05, total_s=0.5)
TABLES = Migration(9001, "tables", "create table big (a int, b int); insert into big values (1, 2)")
INDEXED = Migration(
    9002,
    "indexes",
    f"{OUTSIDE} an index is built beside those who write\n"
    "drop index concurrently if exists big_a;\n"
    "create index concurrently big_a on big (a);\n"
    "drop index concurrently if exists big_b;\n"
    "create index concurrently big_b on big (b);\n",
)


def poisoned(migration: Migration, place: int) -> Migration:
    """A migration whose session is ended before its statement number `place`."""
    head = f"{OUTSIDE}\n" if not migration.is_whole else ""
    statements = split(migration.sql.removeprefix(head))
    statements.insert(place, DIE)
    return Migration(migration.version, migration.name, head + "\n;\n".join(statements))


async def everything(connection: Connection) -> tuple[list[Fact], dict[str, list[Any]]]:
    """The catalogue, and the rows that migrations put into tables; not when they did."""
    facts = await read_facts(connection)
    tables = [fact.owner for fact in facts if fact.kind == "table"]
    rows: dict[str, list[Any]] = {}
    for table in tables:
        found = await connection.fetch(
            f'select to_jsonb(t) - $1 as row from "{table}" t',  # noqa: S608 - from the catalogue
            "applied_at",
        )
        rows[table] = sorted(str(row["row"]) for row in found)
    return facts, rows


async def run(database: DatabaseSettings, migrations: Sequence[Migration]) -> Any:
    async with two(database) as (one, _):
        await migrate(one, migrations=migrations)
        return await everything(one)


async def crash(database: DatabaseSettings, before: list[Migration], last: Migration) -> Any:
    """Run a migration that is killed; what there is afterwards."""
    async with two(database) as (one, _):
        with pytest.raises(StoreUnavailable):
            await migrate(one, migrations=[*before, last])
    async with two(database) as (one, _):
        assert last.version not in await applied(one)
        return await everything(one)


@pytest.mark.parametrize("number", range(len(shipped())), ids=[str(one) for one in shipped()])
def test_killed_at_any_statement_and_run_again_is_a_clean_run(
    postgres: PostgresServer, number: int
) -> None:
    before, last = shipped()[:number], shipped()[number]
    places = range(len(split(last.sql)) + 1)  # before each statement, and before the books' line
    assert len(places) > 1
    with bare(postgres) as clean, bare(postgres) as database:
        wanted = asyncio.run(run(clean, [*before, last]))
        untouched = asyncio.run(run(database, before))
        for place in places:
            found = asyncio.run(crash(database, before, poisoned(last, place)))
            assert found == untouched, f"killed before statement {place}"
        assert asyncio.run(run(database, [*before, last])) == wanted != untouched


def test_so_is_one_that_runs_statement_by_statement(postgres: PostgresServer) -> None:
    for place in range(5):
        with bare(postgres) as clean, bare(postgres) as database:
            wanted = asyncio.run(run(clean, [TABLES, INDEXED]))
            asyncio.run(crash(database, [TABLES], poisoned(INDEXED, place)))
            assert asyncio.run(run(database, [TABLES, INDEXED])) == wanted, f"killed at {place}"


def test_a_kill_between_statements_of_such_a_one_leaves_the_first_ones_done(
    postgres: PostgresServer,
) -> None:
    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, _):
            with pytest.raises(StoreUnavailable):
                await migrate(one, migrations=[TABLES, poisoned(INDEXED, 2)])
        async with two(database) as (one, _):
            assert await one.fetchval("select to_regclass('big_a') is not null")
            assert await applied(one) == {9001: TABLES.digest}

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_who_blocks_is_named_and_the_migration_gives_up_without_a_trace(
    postgres: PostgresServer,
) -> None:
    change = Migration(9002, "widen", "alter table big add column c int")

    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, observer), two(database) as (blocker, other):
            await migrate(one, migrations=[TABLES])
            told: list[str] = []
            transaction = blocker.transaction()
            await transaction.start()
            await blocker.execute("set application_name = 'a long report'")
            await blocker.execute("select * from big")
            pid = blocker.get_server_pid()
            working = asyncio.create_task(
                migrate(
                    one,
                    observer=observer,
                    patience=HURRY,
                    on_wait=told.append,
                    migrations=[TABLES, change],
                )
            )
            # Between its attempts everybody else gets through, although its lock excludes all.
            for _ in range(3):
                assert await other.fetchval("select count(*) from big", timeout=60) == 1
            with pytest.raises(StoreConflict) as failed:
                await working
            said = str(failed.value)
            assert f"process {pid} (a long report, user cityvitals, idle in transaction" in said
            assert "migration 9002 widen" in said and "pg_terminate_backend" in said
            assert told and f"process {pid}" in told[0]
            assert set(await applied(one)) == {9001}
            assert await one.fetchval("show lock_timeout") == "0"
            await transaction.rollback()
            assert await migrate(one, migrations=[TABLES, change]) == [change]

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_a_blocker_that_ends_in_time_only_delays(postgres: PostgresServer) -> None:
    change = Migration(9002, "widen", "alter table big add column c int")
    patience = Patience(lock_s=0.1, pause_s=0.05, total_s=60)

    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, observer), two(database) as (blocker, _):
            await migrate(one, migrations=[TABLES])
            transaction = blocker.transaction()
            await transaction.start()
            await blocker.execute("select * from big")
            waited = asyncio.Event()
            working = asyncio.create_task(
                migrate(
                    one,
                    observer=observer,
                    patience=patience,
                    on_wait=lambda _: waited.set(),
                    migrations=[TABLES, change],
                )
            )
            async with asyncio.timeout(30):
                await waited.wait()
                await transaction.rollback()
                assert await working == [change]

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_an_index_built_concurrently_waits_names_who_for_and_is_built_by_the_next_run(
    postgres: PostgresServer,
) -> None:
    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, observer), two(database) as (writer, other):
            await migrate(one, migrations=[TABLES])
            transaction = writer.transaction()
            await transaction.start()
            await writer.execute("insert into big values (3, 4)")
            pid, every = writer.get_server_pid(), [TABLES, INDEXED]
            working = asyncio.create_task(
                migrate(one, observer=observer, patience=HURRY, migrations=every)
            )
            assert await other.execute("insert into big values (5, 6)", timeout=60)
            with pytest.raises(StoreConflict, match=f"statement 2: not done, since process {pid} "):
                await working
            invalid = "select not indisvalid from pg_index where indexrelid = 'big_a'::regclass"
            assert await one.fetchval(invalid)
            await transaction.rollback()
            assert await migrate(one, migrations=every) == [INDEXED]
            assert not await one.fetchval(invalid)

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_a_schema_that_does_not_fit_is_told(postgres: PostgresServer) -> None:
    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, _):
            await one.execute("create table big (of int)")
            with pytest.raises(
                UnfitServer, match=r'9001 tables cannot be applied: .*"big" already'
            ):
                await migrate(one, migrations=[TABLES])
            assert await applied(one) == {}

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_of_two_at_a_time_one_does_the_work(postgres: PostgresServer) -> None:
    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, other):
            done = await asyncio.gather(migrate(one), migrate(other))
            assert sorted(map(len, done)) == [0, len(shipped())]
            assert (await status(one)).is_fit

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_whoever_migrates_too_long_is_named_to_the_next(postgres: PostgresServer) -> None:
    slow = Migration(9001, "slow", "select pg_sleep(60)")

    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, _), two(database) as (other, observer):
            working = asyncio.create_task(migrate(one, migrations=[slow]))
            pid = one.get_server_pid()
            await until(lambda: observer.fetchval(SLEEPS, pid))
            with pytest.raises(StoreConflict, match=f"process {pid} "):
                await migrate(other, observer=observer, patience=HURRY, migrations=[slow])
            working.cancel()
            await asyncio.wait({working})

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_the_command_says_who_is_in_its_way(postgres: PostgresServer) -> None:
    slow = Migration(9001, "slow", "select pg_sleep(60)")

    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, observer):
            working = asyncio.create_task(migrate(one, migrations=[slow]))
            pid = one.get_server_pid()
            await until(lambda: observer.fetchval(SLEEPS, pid))
            done = await asyncio.to_thread(cityvitals, database, "migrate", "--wait", "3")
            assert done.returncode == 1
            assert f"taking turns: waiting for process {pid} (tests, user" in done.stderr
            assert f"taking turns: not done, since process {pid} " in done.stderr
            working.cancel()
            await asyncio.wait({working})

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_looking_touches_nothing_and_needs_no_right_to(postgres: PostgresServer) -> None:
    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, _):
            await one.execute("set default_transaction_read_only = on")
            found = await status(one)
            assert (found.done, found.drift, found.is_fit) == ((), (), False)
            assert list(found.pending) == shipped()
            with pytest.raises(UnfitServer, match="run `cityvitals migrate`"):
                await require_current(one)
            assert await read_facts(one) == []

    with bare(postgres) as database:
        asyncio.run(main(database))


def test_a_newer_schema_and_a_changed_file_are_refused(postgres: PostgresServer) -> None:
    async def main(database: DatabaseSettings) -> None:
        async with two(database) as (one, _):
            await migrate(one, migrations=[TABLES, INDEXED])
            with pytest.raises(UnfitServer, match=r"migrations \[9002\] that this build does not"):
                await migrate(one, migrations=[TABLES])
            other = Migration(9002, "indexes", "select 1")
            with pytest.raises(UnfitServer, match=r"9002 \(indexes\) was changed after"):
                await migrate(one, migrations=[TABLES, other])

    with bare(postgres) as database:
        asyncio.run(main(database))
