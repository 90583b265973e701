"""A commit whose connection is lost while the server goes on with it counts once."""

import asyncio
from typing import Any

import asyncpg

from cityvitals.domain.outcome import Reason
from cityvitals.settings import DatabaseSettings
from cityvitals.store.batch import Rejection
from tests.integration.readings import BEGIN_US, batch, ledger, opened, writer
from tests.integration.test_ingest import until

SLOW = """
create function slow() returns trigger language plpgsql as
  $$ begin perform pg_sleep(2); return null; end $$;
create constraint trigger slow after insert or update on ledger
  deferrable initially deferred for each row execute function slow();
"""
ASLEEP = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event = 'PgSleep'
"""


def cut(connection: Any) -> None:
    """End the network connection under asyncpg; the server does not notice while it works."""
    connection._transport.abort()  # noqa: SLF001 (nobody outside can reach it)


def test_a_commit_that_outlives_its_connection_counts_once(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            writes = await writer(pool)
            await pool.execute(SLOW)
            one = batch([(0, 1, 1.0, 0), (0, 2, 1.0, 0)])
            one.rejected.append(
                Rejection("t", b"x", 0, "town", "gw", Reason.UNDECODABLE, "d", BEGIN_US)
            )
            committing = asyncio.create_task(writes.commit(one))
            await until(lambda: is_in_commit(pool))
            holders: list[Any] = pool._holders  # type: ignore[attr-defined]  # noqa: SLF001
            held = [one for one in holders if one._in_use is not None]  # noqa: SLF001
            for holder in held:
                cut(holder._con)  # noqa: SLF001
            await committing
            assert await ledger(pool) == (3, 2, 0, 0, 1)
            assert await pool.fetchval("select sum(times) from dead_letter") == 1

    async def is_in_commit(pool: asyncpg.Pool) -> bool:
        return bool(await pool.fetchval(ASLEEP))

    asyncio.run(main())


def test_one_of_very_many_revisions_is_found_by_its_key(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            writes = await writer(pool)
            for value in (1.0, 2.0, 3.0):
                await writes.commit(batch([(0, 1, value, 0)]))
            again = await writer(pool)
            outcomes = await again.commit(batch([(0, 1, 1.0, 0), (0, 1, 2.0, 0), (0, 1, 4.0, 0)]))
            assert {key.value: count for key, count in outcomes.counts.items() if count} == {
                "duplicate": 2,
                "revised": 1,
            }

    asyncio.run(main())
