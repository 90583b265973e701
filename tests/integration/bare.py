"""Databases that a test migrates itself."""

import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Connection, acquired, open_pool
from cityvitals.store.server import create_database, drop_database
from tests.servers import PostgresServer

_numbers = itertools.count(1)


@contextmanager
def bare(server: PostgresServer, template: str = "template1") -> Iterator[DatabaseSettings]:
    """A database with nothing in it, or with what a template has."""
    name = f"bare_{next(_numbers)}"
    server.call(create_database(server.dsn("postgres"), name, template))
    yield DatabaseSettings(dsn=SecretStr(server.dsn(name)))
    server.call(drop_database(server.admin_dsn(), name))


@asynccontextmanager
async def two(database: DatabaseSettings) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two connections to it."""
    async with (
        open_pool(database, "tests") as pool,
        acquired(pool) as one,
        acquired(pool) as other,
    ):
        yield one, other


def cityvitals(database: DatabaseSettings, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the command line, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cityvitals", *words],
        env={**os.environ, "CITYVITALS_DATABASE__DSN": database.dsn.get_secret_value()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
