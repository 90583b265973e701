"""Databases on TimescaleDB: in WebAssembly, and on the server of CITYVITALS_TEST_DSN."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings, StorageSettings
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import open_pool
from cityvitals.store.server import create_database, drop_database
from tests.timescaledb.process import TimescaleServer

STORAGE: Final = StorageSettings(
    engine="timescaledb", readings_per_day=25_000_000, compress_after_hours=800_000
)
"""Chunks of a day, compressed by tests alone."""
_GIVEN: Final = "CITYVITALS_TEST_DSN"
_LACKING: Final = "needs a TimescaleDB: set CITYVITALS_TEST_DSN"
_NEEDS: Final = pytest.mark.skip(reason=_LACKING)
_numbers = itertools.count(1)


@pytest.fixture
def given_empty() -> Iterator[DatabaseSettings]:
    """An empty database on the given server."""
    server = os.environ.get(_GIVEN)
    if not server:
        pytest.skip(_LACKING)
    name = f"cityvitals_traps_{os.getpid()}_{next(_numbers)}"
    asyncio.run(create_database(server, name, "template0"))  # template1 has visitors
    try:
        dsn = urlsplit(server)._replace(path=f"/{name}").geturl()
        yield DatabaseSettings(dsn=SecretStr(dsn))
    finally:
        asyncio.run(drop_database(server, name))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of hypertables runs on the TimescaleDB in WebAssembly, and on the server if given."""
    if "hypertables" in metafunc.fixturenames:
        given = ["given"] if os.environ.get(_GIVEN) else []
        if metafunc.definition.get_closest_marker("concurrent"):
            metafunc.parametrize("server", given or [pytest.param("given", marks=_NEEDS)])
        else:
            metafunc.parametrize("server", ["wasm", *given])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where no test may be skipped, what needs a server that nobody gave is left out, by name."""
    if os.environ.get(_GIVEN) or not os.environ.get("CITYVITALS_FAIL_ON_SKIP"):
        return
    lacking = [one for one in items if _needs_given(one)]
    config.hook.pytest_deselected(items=lacking)
    items[:] = [one for one in items if one not in lacking]


def _needs_given(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return "given_empty" in getattr(item, "fixturenames", ()) or parameters.get("server") == "given"


@pytest.fixture
def hypertables(server: str, request: pytest.FixtureRequest) -> DatabaseSettings:
    """A migrated database of hypertables with chunks of a day."""
    empty: DatabaseSettings = request.getfixturevalue(f"{server}_empty")

    async def main() -> None:
        async with open_pool(empty, "tests") as pool, pool.acquire() as connection:
            await migrate(connection, storage=STORAGE)

    asyncio.run(main())
    return empty


@pytest.fixture
def wasm_empty(timescale: TimescaleServer) -> DatabaseSettings:
    """The one database of the TimescaleDB in WebAssembly, emptied."""
    timescale.empty()
    return DatabaseSettings(dsn=SecretStr(timescale.dsn))
