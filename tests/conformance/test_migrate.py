"""Migrations, applied again and by several at once."""

import asyncio

import pytest

from cityvitals.errors import UnfitServer
from cityvitals.settings import DatabaseSettings
from cityvitals.store.migrate import applied, migrate, require_current, shipped
from cityvitals.store.pool import open_pool


def test_a_second_migration_has_nothing_to_do(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            before = await applied(connection)
            assert sorted(before) == [one.version for one in shipped()]
            assert await migrate(connection) == []
            assert await applied(connection) == before
            await require_current(connection)

    asyncio.run(main())


@pytest.mark.concurrent
def test_only_one_of_several_applies_a_migration(database: DatabaseSettings) -> None:
    async def main() -> None:
        async def run() -> int:
            async with open_pool(database, "tests") as pool, pool.acquire() as connection:
                return len(await migrate(connection))

        async with open_pool(database, "tests") as pool:
            await pool.execute("drop schema public cascade; create schema public")
        done = await asyncio.gather(*(run() for _ in range(3)))
        assert sorted(done) == [0, 0, len(shipped())]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("delete from schema_migration where version = 3", r"lacks migrations \[3\]"),
        ("insert into schema_migration values (9999, 'later', 'x')", r"\[9999\].*upgrade"),
        ("update schema_migration set digest = 'x' where version = 2", "was changed after"),
    ],
)
def test_a_schema_that_is_not_this_builds_is_named(
    database: DatabaseSettings, change: str, reason: str
) -> None:
    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            await connection.execute(change)
            with pytest.raises(UnfitServer, match=reason):
                await require_current(connection)

    asyncio.run(main())
