"""Every test that asks for `database` runs on every engine: what the store does hides which.

- `postgres`: the embedded PostgreSQL, with native partitions;
- `timescaledb`: TimescaleDB in WebAssembly, one backend that clients share by turns;
- `given`: the server of CITYVITALS_TEST_DSN, if set, whose user may create databases: each test
  gets one of its own, dropped afterwards.

What is marked `concurrent` needs clients that work at the same time, and is not made for
`timescaledb`.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from cityvitals.store.server import create_database, drop_database
from tests.conftest import migrated

_GIVEN: Final = "CITYVITALS_TEST_DSN"
_SERIAL: Final = "timescaledb"
_numbers = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" not in metafunc.fixturenames:
        return
    engines = ["postgres", _SERIAL, *(["given"] if os.environ.get(_GIVEN) else [])]
    if metafunc.definition.get_closest_marker("concurrent"):
        engines.remove(_SERIAL)
    metafunc.parametrize("engine", engines)


@pytest.fixture
def database(engine: str, request: pytest.FixtureRequest) -> DatabaseSettings:
    """A fresh, migrated database."""
    found: DatabaseSettings = request.getfixturevalue(f"{engine}_database")
    return found


@pytest.fixture
def given_database() -> Iterator[DatabaseSettings]:
    """A database of the test's own on the server of CITYVITALS_TEST_DSN."""
    server = os.environ[_GIVEN]
    name = f"cityvitals_test_{os.getpid()}_{next(_numbers)}"
    settings = DatabaseSettings(dsn=SecretStr(urlsplit(server)._replace(path=f"/{name}").geturl()))
    asyncio.run(create_database(server, name))
    try:
        asyncio.run(migrated(settings))
        yield settings
    finally:
        asyncio.run(drop_database(server, name))
