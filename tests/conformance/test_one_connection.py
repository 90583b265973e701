"""A pool of one connection is enough: nothing waits for a second while it holds the first."""

import asyncio
from pathlib import Path

import pytest

from cityvitals.domain.outcome import Outcome
from cityvitals.settings import DatabaseSettings, Settings
from cityvitals.store.letter_box import Wanted
from cityvitals.store.pool import open_pool
from cityvitals.store.registry_file import apply_registry
from ingest.replaying import replay
from tests.conformance.test_aggregator_loop import is_taken, owner, running, until
from tests.conformance.test_letters import keep, rejection
from tests.integration.aggregator_town import HOUR, samples, town
from tests.integration.readings import batch, counts, opened, writer
from tests.unit.store.test_registry_format import WHOLE

DAY_US = 86_400_000_000
PATIENCE_S = 90.0


@pytest.fixture
def narrow(database: DatabaseSettings) -> DatabaseSettings:
    return database.model_copy(update={"pool_size": 1})


def test_batches_of_new_months_are_committed(narrow: DatabaseSettings) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), opened(narrow) as pool:
            one, other = await writer(pool), await writer(pool, "ingest-1")
            rows = [(-month * 40 * DAY_US, 1, 1.0, 0) for month in range(5)]
            done = await asyncio.gather(one.commit(batch(rows)), other.commit(batch(rows)))
            assert sorted(map(counts, done)) == [(0, 5, 0), (5, 0, 0)]

    asyncio.run(main())


def test_dead_letters_are_replayed(narrow: DatabaseSettings) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), opened(narrow) as pool:
            await keep(pool, rejection(1), rejection(3))
            done = await replay(Settings(database=narrow), Wanted())
            assert done.counts[Outcome.STORED] == 2

    asyncio.run(main())


def test_a_registry_is_applied(narrow: DatabaseSettings, tmp_path: Path) -> None:
    path = tmp_path / "town.toml"
    path.write_text(WHOLE)

    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), open_pool(narrow, "tests") as pool:
            assert (await apply_registry(pool, path)).changes > 0

    asyncio.run(main())


def test_a_city_is_derived_and_verified(narrow: DatabaseSettings) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), town(narrow) as where:
            await where.write([*samples("a", 0, 3 * HOUR), *samples("c", 0, 3 * HOUR)])
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_leases_are_renewed_between_cycles(narrow: DatabaseSettings) -> None:
    later = "select min(expires_at) > $1::timestamptz + interval '1 second' from shard"

    async def main() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            town(narrow) as where,
            running(where, "one", lease_s=9.0),
        ):
            await where.write(samples("a", 0, HOUR))
            await until(lambda: is_taken(where), "the log is not taken")
            begun = await where.pool.fetchval("select max(expires_at) from shard")
            await until(lambda: where.pool.fetchval(later, begun), "no lease is renewed")
            assert await owner(where) == "one"

    asyncio.run(main())
