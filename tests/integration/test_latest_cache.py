"""What the API keeps of latest indicators, brought up to date, is what it would read anew."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.latest import LatestCache, Snapshot
from api.rulebook import RuleBook
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool, open_pool
from tests.api_city import CITY, ZONES, indicator, make_city, write

_RULES = ("air.pm2_5.hour", "water.supplied.day")
_PLACES = [(rule, zone) for rule in _RULES for zone in ("", *ZONES)]
_STEPS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(_PLACES), st.integers(0, 2), st.floats(0, 99)),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=5,
)


class _OnePool:
    """Connections of a pool, as `api.database.Database` gives them."""

    def __init__(self, pool: Pool) -> None:
        self.connection = pool.acquire


def cache(pool: Pool) -> LatestCache:
    database: Any = _OnePool(pool)
    return LatestCache(database, RuleBook())


def test_what_is_kept_is_what_would_be_read(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            await play(pool)

    asyncio.run(main())


async def play(pool: Pool) -> None:
    runner = asyncio.get_running_loop()
    async with pool.acquire() as connection:
        await make_city(connection)
    kept = cache(pool)

    @settings(max_examples=15, deadline=None, database=None)
    @given(_STEPS)
    def steps(told: list[list[tuple[tuple[str, str], int, float]]]) -> None:
        for rows in told:
            asyncio.run_coroutine_threadsafe(step(pool, kept, rows), runner).result(30)

    await asyncio.to_thread(steps)


async def step(pool: Pool, kept: LatestCache, rows: list[Any]) -> None:
    """Some indicators change, to a newer window or an older one; both say the same of it."""
    said = [
        indicator(rule, zone, back=back)._replace(value=value) for (rule, zone), back, value in rows
    ]
    async with pool.acquire() as connection:
        await write(connection, said)
    ours: Snapshot = await kept.get(CITY)
    assert ours == await cache(pool).get(CITY)
    assert ours is await kept.get(CITY)
