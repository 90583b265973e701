"""Every test that asks for `database` runs on every engine: what the store does hides which.

- `postgres`: the embedded PostgreSQL, with native partitions;
- `timescaledb`: TimescaleDB in WebAssembly, one backend that clients share by turns;
- `given`: the server of CITYVITALS_TEST_DSN, if set, whose user may create databases: each test
  gets one of its own, dropped afterwards.

What is marked `concurrent` needs clients that work at the same time, and is not made for
`timescaledb`; what is marked `partitions` is made for `postgres` alone.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from cityvitals.store.server import create_database, drop_database
from tests.conftest import migrated

_GIVEN: Final = "CITYVITALS_TEST_DSN"
_SERIAL: Final = "timescaledb"
_CLOSE: Final = """
alter database "{name}" allow_connections false;
select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{name}'
"""
"""A template must have no visitors, and TimescaleDB's workers visit all that they may."""
_numbers = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" not in metafunc.fixturenames:
        return
    engines = ["postgres", _SERIAL, *(["given"] if os.environ.get(_GIVEN) else [])]
    if metafunc.definition.get_closest_marker("concurrent"):
        engines.remove(_SERIAL)
    if metafunc.definition.get_closest_marker("partitions"):
        engines = ["postgres"]
    metafunc.parametrize("engine", engines)


@pytest.fixture
def database(engine: str, request: pytest.FixtureRequest) -> DatabaseSettings:
    """A fresh, migrated database."""
    found: DatabaseSettings = request.getfixturevalue(f"{engine}_database")
    return found


@pytest.fixture(scope="session")
def given_template() -> Iterator[str]:
    """A migrated database on the server of CITYVITALS_TEST_DSN, for tests to copy."""
    server = os.environ[_GIVEN]
    name = f"cityvitals_test_{os.getpid()}"
    asyncio.run(create_database(server, name, "template0"))
    try:
        asyncio.run(migrated(_settings(server, name)))
        asyncio.run(_execute(server, _CLOSE.format(name=name)))
        yield name
    finally:
        asyncio.run(drop_database(server, name))


@pytest.fixture
def given_database(given_template: str) -> Iterator[DatabaseSettings]:
    """A database of the test's own on the server of CITYVITALS_TEST_DSN."""
    server = os.environ[_GIVEN]
    name = f"{given_template}_{next(_numbers)}"
    asyncio.run(create_database(server, name, given_template))
    yield _settings(server, name)
    asyncio.run(drop_database(server, name))


def _settings(server: str, name: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(urlsplit(server)._replace(path=f"/{name}").geturl()))


async def _execute(server: str, sql: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(sql)
    await connection.close()
