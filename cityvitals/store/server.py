"""A server as a whole: whether it answers, and its databases. For set-up and tests."""

import asyncpg

from cityvitals.store.failures import translated


async def answers(dsn: str) -> bool:
    """Whether the server accepts a connection now."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def create_database(dsn: str, name: str, template: str = "template1") -> bool:
    """Make a database unless it is there; returns whether it was made.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"creating database {name}"):
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            query = "select 1 from pg_database where datname = $1"
            if await connection.fetchval(query, name) is not None:
                return False
            await connection.execute(f'create database "{name}" template "{template}"')
        finally:
            await connection.close()
    return True


async def drop_database(dsn: str, name: str) -> None:
    """Drop a database, whoever is connected to it.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"dropping database {name}"):
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            await connection.execute(f'drop database if exists "{name}" with (force)')
        finally:
            await connection.close()
