"""A dump of a TimescaleDB, restored as docs/operations.md says, verifies. Needs a server of it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings, StorageSettings
from cityvitals.store.server import create_database, drop_database
from cityvitals.store.upgrade import look, upgrade
from cityvitals.verify.main import verify
from kpi_rules.load import load_rules
from tests import state
from tests.acceptance.operator_shell import Operator, blocks
from tests.integration.verify_city import CITY, plant

SOURCE, TARGET = f"dumped_{os.getpid()}", f"target_{os.getpid()}"


@pytest.fixture
def admin() -> Iterator[str]:
    """How a superuser reaches a server with TimescaleDB."""
    dsn = os.environ.get("CITYVITALS_TEST_DSN")
    if not dsn:
        pytest.skip("needs a TimescaleDB: set CITYVITALS_TEST_DSN to a superuser's DSN")
    if not state.value(
        dsn, "select count(*) from pg_available_extensions where name ~ 'timescale'"
    ):
        pytest.skip("the server of CITYVITALS_TEST_DSN has no TimescaleDB")
    yield dsn
    for name in (SOURCE, TARGET):
        asyncio.run(drop_database(dsn, name))


def on(admin: str, name: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(urlsplit(admin)._replace(path=f"/{name}").geturl()))


def test_a_restored_timescaledb_verifies(admin: str, tmp_path: Path) -> None:
    for name in (SOURCE, TARGET):
        asyncio.run(create_database(admin, name, "template0"))  # nobody visits that one
    source, target = on(admin, SOURCE), on(admin, TARGET)
    state.run(source.dsn.get_secret_value(), "create extension if not exists timescaledb")
    asyncio.run(upgrade(source, "tests", 10, lambda _: None))
    asyncio.run(plant(source.dsn.get_secret_value()))
    before = state.fetch(source.dsn.get_secret_value(), "select * from reading order by 1, 5")
    assert before

    words = {"restored": TARGET, "--dbname=cityvitals ": f"--dbname={SOURCE} "}
    shell = Operator(admin, tmp_path, **words, cityvitals_reader="postgres")
    back_up, _, _, restore = blocks("Backup and restore")
    shell.types(back_up)
    shell.types(restore)
    restored = target.dsn.get_secret_value()
    assert state.fetch(restored, "select * from reading order by 1, 5") == before
    assert asyncio.run(look(target, "tests")).is_fit
    assert asyncio.run(verify(target, load_rules(None), CITY)).clean
    # Chunks are made, and revised, as before: the extension's own books came along.
    asyncio.run(upgrade(target, "tests", 10, lambda _: None))


def test_what_plain_postgresql_holds_moves_to_timescaledb(admin: str, tmp_path: Path) -> None:
    for name in (SOURCE, TARGET):
        asyncio.run(create_database(admin, name, "template0"))
    source, target = on(admin, SOURCE), on(admin, TARGET)
    plain = StorageSettings(engine="postgresql")
    asyncio.run(upgrade(source, "tests", 10, lambda _: None, plain))
    asyncio.run(plant(source.dsn.get_secret_value()))
    readings = "select * from reading order by 1, 5"
    before = state.fetch(source.dsn.get_secret_value(), readings)

    words = {"moved": TARGET, "--dbname=cityvitals ": f"--dbname={SOURCE} "}
    (commands,) = blocks("From plain PostgreSQL to TimescaleDB")
    said = Operator(admin, tmp_path, **words, cityvitals_owner="postgres").types(commands)
    assert said.rstrip().endswith("clean")
    moved = target.dsn.get_secret_value()
    assert state.fetch(moved, readings) == before
    hypertables = "select count(*) from timescaledb_information.hypertables"
    assert state.value(moved, hypertables) == 3
