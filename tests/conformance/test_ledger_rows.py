"""Whoever makes up gateways fills neither registry nor ledger, and is counted all the same."""

import asyncio

from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.pool import open_pool
from tests.integration.test_ingest import configured, has_received, pack, published, running, until


def test_made_up_gateways_share_a_row_of_the_ledger(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    settings = configured(database, broker, city, new_gateways_per_hour=1)

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            await published(settings, [pack(city, "dev", 0)])
            await until(has_received(pool, 10))
            made_up = [
                (f"city/v1/{place}/air/gw-{number}/dev/obs", payload)
                for number in range(20)
                for place, payload in ((city, pack(city, "dev", 1)[1]), (f"no-{city}", b"poison"))
            ]
            await published(settings, made_up)
            await until(has_received(pool, 230))
            rows = await pool.fetch(
                "select city, gateway, received, stored, rejected from ledger order by 1, 2"
            )
            assert [tuple(row) for row in rows] == [
                ("", "", 20, 0, 20),
                (city, "", 200, 0, 200),
                (city, "gw", 10, 10, 0),
            ]
            assert await pool.fetchval("select count(*) from gateway") == 1

    asyncio.run(main())
