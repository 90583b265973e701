"""Migration 11 takes readings and rollups as they are: nothing is rewritten, nothing lost."""

import asyncio

from cityvitals.domain.times import US
from cityvitals.store.derived import read_readings
from cityvitals.store.lookup import find_current
from cityvitals.store.migrate import migrate, shipped
from cityvitals.store.pool import Connection
from tests.integration.bare import bare, two
from tests.integration.readings import BEGIN_US, batch
from tests.servers import PostgresServer

FILES = """
select relname::text, pg_relation_filenode(oid) as file from pg_class
where relname ~ '^(reading|rollup)_' and relkind in ('r', 'i') order by 1
"""


async def fill(connection: Connection) -> None:
    for table in ("reading", "rollup"):
        await connection.execute(f"create table {table}_all partition of {table} default")
    await connection.execute(
        "insert into reading (observed_at, received_at, value, series_id) "
        "select timestamptz 'epoch' + t * interval '1 microsecond', "
        "timestamptz 'epoch' + (t + 1500999) * interval '1 microsecond', 4.5, 7 "
        "from unnest($1::bigint[]) t",
        [BEGIN_US, BEGIN_US + US],
    )


def test_rows_from_before_stay_where_they_are_and_say_when_they_came(
    postgres: PostgresServer,
) -> None:
    async def main() -> None:
        async with two(database) as (one, _):
            await migrate(one, migrations=[found for found in shipped() if found.version < 11])
            await fill(one)
            before = await one.fetch(FILES)
            await migrate(one)
            assert await one.fetch(FILES) == before
            stored, known = await find_current(one, batch([(0, 7, 0.0, 0)]).readings)
            assert known.all()
            assert (stored["v"][0], stored["received"][0] - BEGIN_US) == (4.5, 1_500_999)
            read = await read_readings(one, [7], BEGIN_US, BEGIN_US + 2 * US)
            # The wire of readings has whole milliseconds.
            assert (read["received"] - read["t"]).tolist() == [1_501_000, 1_501_000]

    with bare(postgres) as database:
        asyncio.run(main())
