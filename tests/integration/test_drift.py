"""Schemas that are not what the migrations make, each named with its remedy, which works."""

import asyncio
import re
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from cityvitals.errors import UnfitServer
from cityvitals.settings import DatabaseSettings
from cityvitals.store.drift import Drift, find_drift
from cityvitals.store.migrate import migrate, require_current
from cityvitals.store.partitions import create_partition, month_of
from tests.catalogue import FILE, made
from tests.integration.bare import bare, cityvitals, two
from tests.integration.readings import BEGIN_US
from tests.servers import PostgresServer

ENOUGH_S = 1.0
"""Many times what asking the catalogue takes: this is no benchmark."""

VERBS = ("create", "alter", "drop")
EDITS = {
    "drop index dead_letter_last_at": "index dead_letter.dead_letter_last_at is missing",
    "drop index reading_key": "index reading.reading_key is missing",
    "alter table reading add column note text": "column reading.note is not ours",
    "alter table fact drop column quality": "column fact.quality is missing",
    "alter table ledger drop constraint ledger_check": "constraint ledger.ledger_check is missing",
    "alter table city drop constraint city_shard_check": "city.city_shard_check is missing",
    "alter table zone add constraint short check (length(id) < 9)": "zone.short is not ours",
    "create unique index one on indicator_latest (change_number)": "index indicator_latest.one",
    "alter table city rename column change_number to number": "city.change_number is missing",
    "create index slow on reading (value)": "index reading.slow is not ours (harmless",
    "alter table lane_worker drop constraint lane_worker_pkey": "lane_worker_pkey is missing",
    "drop index city_shard; create index city_shard on city (id)": "city.city_shard is `btree",
}
"""What somebody did by hand, and what is said; a remedy in backquotes undoes it."""

LOSSES = {
    "alter table reading alter value type real": (
        "reading.value is `real not null`, but the migrations make `measured not null`"
    ),
    "alter table city alter name drop not null": "column city.name is `text`",
    "alter table lane alter next_seq drop default": "column lane.next_seq is `bigint not null`",
    "drop table checkpoint": "table checkpoint is missing: restore it from a backup",
    "alter table ledger set unlogged": "table ledger is `unlogged`",
    "alter table fact enable row level security": "table fact is `logged row level security`",
    "create function f() returns trigger language plpgsql as 'begin return null; end';"
    "create trigger nothing before insert on fact for each row execute function f()": (
        "trigger fact.nothing is not ours: remove it with `drop trigger nothing on fact`"
    ),
    "create rule deaf as on insert to fact do instead nothing": "rule fact.deaf is not ours",
    "create or replace function create_partition(parent text, span text)"
    " returns boolean language sql as 'select true'": "function create_partition(",
}
"""The same, where a remedy is no single statement, or not one for a test."""


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer) -> Iterator[DatabaseSettings]:
    """A migrated database in which whatever a test does is undone."""
    with bare(postgres, "template_cityvitals") as database:
        yield database


async def drift(database: DatabaseSettings, edit: str) -> list[Drift]:
    """What is found after an edit, which stays."""
    async with two(database) as (one, _):
        await one.execute(edit)
        return await find_drift(one)


async def undone(database: DatabaseSettings, edit: str, *, repair: bool) -> list[list[str]]:
    """What is found after an edit, and after the remedies in backquotes; nothing stays."""
    async with two(database) as (one, _):
        transaction = one.transaction()
        await transaction.start()
        await one.execute(edit)
        found = [[str(drift) for drift in await find_drift(one)]]
        if repair:
            said = [text for drift in found[0] for text in re.findall("`([^`]+)`", drift)]
            await one.execute("; ".join(text for text in said if text.split()[0] in VERBS))
            found.append([str(drift) for drift in await find_drift(one)])
        await transaction.rollback()
        return found


def test_the_shipped_facts_are_what_the_migrations_make(postgres: PostgresServer) -> None:
    with bare(postgres) as database:
        text = postgres.call(made(database.dsn.get_secret_value()))
    assert text == FILE.read_text("utf-8"), "run `python -m tests.catalogue`"


def test_a_migrated_database_has_none_whatever_else_is_in_it(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with two(database) as (one, _):
            for table in ("reading", "rollup", "indicator"):
                await create_partition(one, table, month_of(BEGIN_US))
            await one.execute("create index on reading_2026_11 (series_id)")
            await one.execute("create table reports (id int primary key)")
            await one.execute("create view newest as select max(observed_at) from reading")
            await one.execute("alter table ledger set (fillfactor = 60)")
            assert await find_drift(one) == []
            assert await require_current(one) == ()

    asyncio.run(main())


@pytest.mark.parametrize("edit", EDITS)
def test_a_hand_edit_is_named_and_its_remedy_undoes_it(shared: DatabaseSettings, edit: str) -> None:
    found, repaired = asyncio.run(undone(shared, edit, repair=True))
    assert any(EDITS[edit] in one for one in found)
    assert repaired == []


@pytest.mark.parametrize("edit", LOSSES)
def test_a_hand_edit_that_loses_something_is_named(shared: DatabaseSettings, edit: str) -> None:
    ((found,),) = asyncio.run(undone(shared, edit, repair=False))
    assert LOSSES[edit] in found


def test_another_schema_than_public_does_as_well(postgres: PostgresServer) -> None:
    async def main(empty: DatabaseSettings) -> None:
        async with two(empty) as (one, _):
            await one.execute('create schema "our own"; create table reading (a int)')
        dsn = f"{empty.dsn.get_secret_value()}?search_path=%22our%20own%22"
        async with two(DatabaseSettings(dsn=SecretStr(dsn))) as (one, _):
            await migrate(one)
            assert await require_current(one) == ()
            await create_partition(one, "reading", month_of(BEGIN_US))
            made = "select count(*) from pg_tables where schemaname = 'our own' and tablename = $1"
            assert await one.fetchval(made, "reading_2026_11") == 1

    with bare(postgres) as empty:
        asyncio.run(main(empty))


def test_a_hypertable_instead_of_a_partitioned_table_is_no_drift(
    database: DatabaseSettings,
) -> None:
    """What TimescaleDB makes of a table is a plain one to the catalogue, with the same parts."""

    async def main() -> None:
        async with two(database) as (one, _):
            await one.execute("create table plain (like reading including all)")
            await one.execute("drop table reading; alter table plain rename to reading")
            await one.execute("alter index plain_observed_at_series_id_idx rename to reading_key")
            assert await find_drift(one) == []

    asyncio.run(main())


@pytest.mark.parametrize("process", ["ingest", "aggregate"])
def test_who_cannot_wait_for_the_remedy_refuses_a_broken_schema(
    database: DatabaseSettings, process: str
) -> None:
    assert asyncio.run(drift(database, "alter table fact drop column quality"))
    said = cityvitals(database, process)
    assert said.returncode != 0
    assert "the schema is not what the migrations make: column fact.quality is missing" in (
        said.stderr
    )


def test_who_only_looks_says_so_and_goes_on(database: DatabaseSettings) -> None:
    assert asyncio.run(drift(database, "alter table ledger drop constraint ledger_check"))
    said = cityvitals(database, "verify")
    assert said.returncode == 0
    assert "note: schema: constraint ledger.ledger_check is missing: make it with" in said.stdout


def test_what_does_no_harm_stops_nobody(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with two(database) as (one, _):
            await one.execute("create index slow on reading (value)")
            (note,) = await require_current(one)
            assert not note.breaks
            await one.execute("alter table fact drop column quality")
            with pytest.raises(UnfitServer, match=r"fact\.quality is missing"):
                await require_current(one)

    asyncio.run(main())


def test_looking_is_fast(database: DatabaseSettings) -> None:
    async def main() -> float:
        async with two(database) as (one, _):
            for month in range(36):
                for table in ("reading", "rollup", "indicator"):
                    later_us = BEGIN_US + month * 31 * 86_400_000_000
                    await create_partition(one, table, month_of(later_us))
            taken = []
            for _ in range(5):
                begun = time.perf_counter()
                await require_current(one)
                taken.append(time.perf_counter() - begun)
            return min(taken)

    assert asyncio.run(main()) < ENOUGH_S


def test_migrate_says_how_things_are(postgres: PostgresServer) -> None:
    with bare(postgres) as database:
        before = cityvitals(database, "migrate", "status")
        assert before.returncode == 1
        assert "pending  0001 backbone" in before.stdout
        dry = cityvitals(database, "migrate", "--dry-run")
        assert dry.returncode == 0
        assert "-- would apply 0001 backbone" in dry.stdout and "create table city" in dry.stdout
        assert cityvitals(database, "migrate", "status").stdout == before.stdout
        done = cityvitals(database, "migrate", "up")
        assert "applied 0001 backbone" in done.stdout and "the schema is current" in done.stdout
        assert cityvitals(database, "migrate").stdout == "the schema is current\n"
        assert cityvitals(database, "migrate", "up", "--dry-run").stdout == (
            "-- nothing was touched\n"
        )
        assert cityvitals(database, "migrate", "status").returncode == 0
        asyncio.run(drift(database, "drop index reading_key"))
        broken = cityvitals(database, "migrate", "status")
        assert broken.returncode == 1
        assert "DRIFT: index reading.reading_key is missing: make it with" in broken.stdout
        assert cityvitals(database, "migrate").returncode == 1
