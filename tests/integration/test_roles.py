"""Each process runs with its own role's rights only, and these are all that it has."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from cityvitals.domain.times import EARLIEST_US, to_us
from cityvitals.errors import UnfitServer
from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store import retention
from cityvitals.store.drift import expected
from cityvitals.store.failures import translated
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import acquired, open_pool
from cityvitals.store.raw_drop import drop_raw
from cityvitals.store.server import drop_database
from cityvitals.store.upgrade import upgrade
from tests import state
from tests.faults.closing import close
from tests.faults.publisher import publish
from tests.faults.workload import mixed
from tests.roles import AGGREGATOR, OWNER, READER, WRITER, as_role, set_up
from tests.servers import BrokerServer, PostgresServer
from tests.service import Service

NAME = "roles"
RIGHTS = """
select role, t, p from unnest($1::text[]) as role, unnest($2::text[]) as t,
unnest('{select,insert,update,delete,truncate,references,trigger}'::text[]) as p
where has_table_privilege(role, quote_ident(t), p)
"""
TABLES = sorted({fact.owner for fact in expected() if fact.kind == "table"})
MAY = {
    WRITER: {
        "insert": "city zone gateway sensor placement series series_declaration gateway_seq reading"
        " reading_revision lane ledger fact target limit commit_log dead_letter dead_message"
        " lane_worker api_token api_audit alert_event",
        "update": "city zone gateway sensor placement series_declaration gateway_seq reading"
        " lane ledger fact target limit dead_letter dead_message lane_worker api_token",
        "delete": "dead_letter dead_message lane_worker",
    },
    AGGREGATOR: {
        "insert": "rollup indicator indicator_latest checkpoint lane change commit_log rule"
        " seal_neighbour alert alert_event alert_rule alert_judged aggregator",
        "update": "rollup indicator_latest checkpoint lane shard alert alert_judged aggregator",
        "delete": "rollup change commit_log seal_neighbour alert_judged aggregator",
    },
    READER: {},
}
"""Besides seeing everything: which tables each role may change, and how."""

FORBIDDEN = {
    READER: (
        "insert into fact values ('a', '', 'n', now(), 1, 'm', 's', 'q')",
        "update shard set owner = 'me'",
        "delete from reading",
        "truncate ledger",
        "create table mine (id int)",
        "create temp table mine (id int)",
        "select create_partition('reading', '2031_03')",
        "set role cityvitals_owner",
    ),
    WRITER: (
        "drop table reading",
        "delete from reading",
        "truncate reading",
        "alter table reading add column note text",
        "create table mine (id int)",
        "create index on reading (value)",
        "alter table reading disable trigger all",
        "insert into indicator_latest select * from indicator_latest",
        "update shard set owner = 'me'",
        "update alert set state = 'cleared'",
        "delete from commit_log",
        "delete from schema_migration",
        "drop function create_partition",
        "set role cityvitals_owner",
    ),
    AGGREGATOR: (
        "insert into reading values (now(), now(), 1, 0, 1, 0)",
        "update ledger set received = 0",
        "update city set time_zone = 'UTC'",
        "update rule set digest = ''",
        "delete from indicator",
        "drop table rollup",
        "create table mine (id int)",
        "set role cityvitals_owner",
    ),
}


@pytest.fixture(scope="module")
def roles(postgres: PostgresServer) -> Iterator[dict[str, DatabaseSettings]]:
    """How each role reaches a database that they share, migrated by its owner."""
    set_up(postgres, NAME)
    found = {role: as_role(postgres, NAME, role) for role in (OWNER, WRITER, AGGREGATOR, READER)}
    migrated(found)
    yield found
    postgres.call(drop_database(postgres.admin_dsn(), NAME))


def dsn(settings: DatabaseSettings) -> str:
    return settings.dsn.get_secret_value()


def service_of(folder: Path, roles: dict[str, DatabaseSettings], broker: BrokerServer) -> Service:
    """Every process with the role of its own; commands with the reader's, unless told else."""
    service = Service(folder, roles[READER], BrokerSettings(port=broker.port))
    service.override("ingest", DATABASE__DSN=dsn(roles[WRITER]))
    service.override("aggregate", DATABASE__DSN=dsn(roles[AGGREGATOR]))
    return service


def migrated(roles: dict[str, DatabaseSettings]) -> None:
    asyncio.run(upgrade(roles[OWNER], "tests", 10, lambda _: None))


@pytest.mark.mosquitto
def test_each_process_runs_with_its_own_role(
    tmp_path: Path, roles: dict[str, DatabaseSettings], own_broker: BrokerServer, city: str
) -> None:
    service = service_of(tmp_path, roles, own_broker)
    workload = mixed(city, seed=4)
    try:
        service.start()
        publish(own_broker.port, workload.declared)
        publish(own_broker.port, workload.messages)
        close(service, dsn(roles[READER]), own_broker.port, workload)
        assert service.get("/v1/cities")["items"][0]["id"] == city
        assert service.run("ledger").returncode == 0
        words = ("deadletters", "purge", "--reason", "undecodable", "--yes")
        assert service.run(*words).returncode != 0, "a reader may not purge"
        purged = service.run_as(dsn(roles[WRITER]), *words)
        assert purged.returncode == 0, purged.stderr
        replayed = service.run_as(dsn(roles[WRITER]), "deadletters", "replay", "--city", city)
        assert replayed.returncode == 0, replayed.stderr
        registry = Path(__file__).parents[2] / "simulator" / "registries" / "vitalia.toml"
        applied = service.run_as(dsn(roles[WRITER]), "registry", "apply", str(registry))
        assert applied.returncode == 0, applied.stderr
    finally:
        service.stop()


def test_nobody_may_more_than_is_listed(roles: dict[str, DatabaseSettings]) -> None:
    found = {tuple(row) for row in state.fetch(dsn(roles[OWNER]), RIGHTS, list(MAY), TABLES)}
    listed = {
        (role, table, right)
        for role, rights in MAY.items()
        for right, tables in rights.items()
        for table in tables.split()
    } | {(role, table, "select") for role in MAY for table in TABLES}
    assert found == listed


def test_what_is_forbidden_is_refused(roles: dict[str, DatabaseSettings]) -> None:
    for role, statements in FORBIDDEN.items():
        for statement in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                state.run(dsn(roles[role]), statement)


def test_the_aggregator_lets_readings_go_and_the_owner_drops_them(
    roles: dict[str, DatabaseSettings],
) -> None:
    at_us = to_us(datetime(2031, 2, 1, tzinfo=UTC))

    async def let_go_of_january() -> None:
        async with open_pool(roles[AGGREGATOR], "tests") as pool, pool.acquire() as connection:
            async with connection.transaction():
                await retention.raise_seals(connection, 7, ["sealed"], at_us)
                seal = retention.Seal("sealed", at_us, EARLIEST_US)
                await retention.let_go(connection, seal, {})
            with pytest.raises(UnfitServer, match="must be owner"):
                await drop_raw(pool)

    async def drop() -> list[str]:
        async with open_pool(roles[OWNER], "tests") as pool:
            return await drop_raw(pool)

    owner = dsn(roles[OWNER])
    state.run(owner, "insert into city (id, name, shard) values ('sealed', 'Sealed', 7)")
    state.run(
        owner,
        """
        insert into gateway (city, name) values ('sealed', 'gw');
        insert into sensor (city, name, domain, gateway)
            select 'sealed', 'dev', 'air', id from gateway where city = 'sealed';
        insert into series (city, sensor, quantity, sensor_id)
            select 'sealed', 'dev', 'no2', id from sensor where city = 'sealed';
        update city set clock = 'replay' where id <> 'sealed';
        """,
    )
    state.value(dsn(roles[WRITER]), "select create_partition('reading', '2031_01')")
    asyncio.run(let_go_of_january())
    assert "reading_gone_2031_01" in asyncio.run(drop())


def test_partitions_belong_to_the_owner_whoever_needs_them(
    roles: dict[str, DatabaseSettings],
) -> None:
    writer = dsn(roles[WRITER])
    assert state.value(writer, "select create_partition('reading', '2031_03')") is True
    assert state.value(writer, "select create_partition('reading', '2031_03')") is False
    owner = "select pg_get_userbyid(relowner) from pg_class where relname = 'reading_2031_03'"
    assert state.value(writer, owner) == OWNER
    assert state.value(dsn(roles[READER]), "select count(*) from reading_2031_03") == 0
    for parent in ("ledger", "pg_class", "nothing", 'reading"; drop table ledger; --'):
        with pytest.raises(asyncpg.UndefinedTableError, match="no partitioned table of ours"):
            state.fetch(writer, "select create_partition($1, '2031_04')", parent)
    for span in ("2031_4", "2031_13", "20311", "now", "2031_04; drop table ledger"):
        with pytest.raises(asyncpg.DataError):
            state.fetch(writer, "select create_partition('reading', $1)", span)
    # Tables of the caller's own are not what the function means, whatever its search path says.
    trick = "create temp table reading (a int) partition by range (a); set search_path = pg_temp;"
    state.run(writer, f"{trick} select public.create_partition('reading', '2031_05')")
    where = "select inhparent::regclass::text from pg_inherits where inhrelid = $1::regclass"
    assert state.value(writer, where, "reading_2031_05") == "reading"


def test_a_missing_right_is_told_with_its_remedy(
    tmp_path: Path, roles: dict[str, DatabaseSettings], own_broker: BrokerServer
) -> None:
    service = service_of(tmp_path, roles, own_broker)
    done = service.run_as(dsn(roles[READER]), "ingest")
    assert done.returncode == 1
    assert "permission denied for table lane: connect as the role that" in done.stderr
    assert service.run_as(dsn(roles[READER]), "migrate", "status").returncode == 0
    refused = service.run_as(dsn(roles[READER]), "migrate")
    assert refused.returncode == 1
    assert "permission denied for schema public: connect as the role" in refused.stderr

    async def ask() -> None:
        async with open_pool(roles[READER], "tests") as pool, acquired(pool) as one:
            with pytest.raises(UnfitServer, match=r"roles\.sql"), translated("trying"):
                await one.execute("delete from city")

    asyncio.run(ask())


def test_migrating_gives_what_is_missing_and_takes_what_is_too_much(
    roles: dict[str, DatabaseSettings],
) -> None:
    state.run(dsn(roles[OWNER]), "revoke all on ledger from cityvitals_writer")
    state.run(dsn(roles[OWNER]), "grant delete on reading to cityvitals_writer")
    migrated(roles)
    ask = "select has_table_privilege('cityvitals_writer', $1, $2)"
    assert state.value(dsn(roles[OWNER]), ask, "ledger", "insert")
    assert not state.value(dsn(roles[OWNER]), ask, "reading", "delete")


def test_rights_are_granted_beside_those_who_make_partitions(
    roles: dict[str, DatabaseSettings],
) -> None:
    async def grant() -> None:
        async with open_pool(roles[OWNER], "tests") as pool, acquired(pool) as one:
            for _ in range(20):
                await migrate(one)

    async def make(table: str) -> None:
        async with open_pool(roles[WRITER], "tests") as pool, acquired(pool) as one:
            for year, month in itertools.product(range(2040, 2045), range(1, 13)):
                await one.execute("select create_partition($1, $2)", table, f"{year}_{month:02d}")

    async def main() -> None:
        await asyncio.gather(grant(), make("reading"), make("rollup"))

    asyncio.run(main())
