"""Databases on the TimescaleDB of CITYVITALS_TEST_DSN, whose user may create them."""

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

STORAGE: Final = StorageSettings(engine="timescaledb", readings_per_day=25_000_000)
"""Chunks of a day."""
_numbers = itertools.count(1)


@pytest.fixture
def bare() -> Iterator[DatabaseSettings]:
    """An empty database on the given server."""
    server = os.environ.get("CITYVITALS_TEST_DSN")
    if not server:
        pytest.skip("needs a TimescaleDB: set CITYVITALS_TEST_DSN")
    name = f"cityvitals_traps_{os.getpid()}_{next(_numbers)}"
    asyncio.run(create_database(server, name, "template0"))  # template1 has visitors
    try:
        dsn = urlsplit(server)._replace(path=f"/{name}").geturl()
        yield DatabaseSettings(dsn=SecretStr(dsn))
    finally:
        asyncio.run(drop_database(server, name))


@pytest.fixture
def timescale(bare: DatabaseSettings) -> DatabaseSettings:
    """A migrated database of hypertables."""

    async def main() -> None:
        async with open_pool(bare, "tests") as pool, pool.acquire() as connection:
            await migrate(connection, storage=STORAGE)

    asyncio.run(main())
    return bare
