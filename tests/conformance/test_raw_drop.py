"""Readings that everybody let go of are dropped whole; what one city still needs keeps the rest."""

import asyncio

from cityvitals.settings import DatabaseSettings
from cityvitals.store.raw_drop import drop_raw, list_partitions
from tests.integration.test_raw_drop import DECEMBER, NOVEMBER, OCTOBER, cities, let_go, say


def test_what_nobody_holds_goes_and_nothing_else(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with cities(database) as pool:
            await say(pool, "old", OCTOBER, NOVEMBER, DECEMBER)
            await say(pool, "new", OCTOBER)
            await say(pool, "film", NOVEMBER)
            assert await drop_raw(pool) == []
            await let_go(pool, NOVEMBER, "new")
            assert await drop_raw(pool) == []  # the other city has not let go
            await let_go(pool, DECEMBER, "old", "new")
            assert len(await drop_raw(pool)) == 1
            left = "select distinct date_trunc('month', observed_at) as month from {} order by 1"
            for table in ("reading", "reading_revision"):
                months = [row["month"] for row in await pool.fetch(left.format(table))]
                assert months == [NOVEMBER, DECEMBER], table
            assert await drop_raw(pool) == []
            async with pool.acquire() as connection:
                held = {one.held_by for one in await list_partitions(connection) if one.due}
            assert held == {"film"}

    asyncio.run(main())
