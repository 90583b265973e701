"""A changed limit turns the flags of stored readings, and what is derived from them follows."""

import asyncio
from pathlib import Path

import pytest

from cityvitals.domain.limits import Limit
from cityvitals.domain.names import Domain, Flag
from cityvitals.errors import BadRegistry
from cityvitals.settings import DatabaseSettings
from cityvitals.store.registry import DeviceKey, find_devices
from tests.integration.aggregator_town import CITY, HOUR, MINUTE, Row, Town, samples, town
from tests.integration.test_aggregator_news import assert_clean, day, register, value

RULE = "air.pm2_5.day"
OUT, SKEW = int(Flag.OUT_OF_RANGE), int(Flag.CLOCK_SKEW)


def limit(high: float, sensor: str = "", quantity: str = "pm2_5") -> str:
    whose = f"sensor = '{sensor}'" if sensor else ""
    return f"[[limit]]\nquantity = '{quantity}'\nhigh = {high}\nsource = 'test'\n{whose}\n"


async def flagged(where: Town, station: str, bit: int = OUT) -> int:
    return int(
        await where.pool.fetchval(
            "select count(*) from reading where series_id = $1 and flags & $2 <> 0",
            where.ids[station],
            bit,
        )
    )


@pytest.mark.parametrize("restarted", [False, True])
def test_an_indicator_follows_a_changed_limit(
    database: DatabaseSettings,
    tmp_path: Path,
    restarted: bool,  # noqa: FBT001 - a case's name
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(day())
            await assert_clean(where)
            before = await value(where, RULE, "south")
            assert before is not None
            seen = []
            for high in (1e6, 140, 130):
                await register(where, tmp_path, limit(high))
                if restarted:
                    where.worker = None
                await assert_clean(where)
                seen.append((await flagged(where, "c"), await value(where, RULE, "south")))
            (none, same), (few, lower), (more, lowest) = seen
            assert (none, same) == (0, before)
            assert 0 < few < more
            assert lower is not None and lowest is not None and lowest < lower < before
            await register(where, tmp_path, limit(1e6))
            await assert_clean(where)
            assert await value(where, RULE, "south") == before

    asyncio.run(main())


def test_a_limit_turns_its_own_bit_of_readings_that_the_aggregator_has_not_read(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    """The readings stand in another lane with the flags of before; the store's are what counts."""

    async def main() -> None:
        async with town(database) as where:
            await where.run()
            await where.write([*samples("a", 0, HOUR), Row("a", HOUR, 999.0, flags=SKEW)])
            await where.write(samples("a", HOUR + 10 * MINUTE, 3 * HOUR), lane="ingest-1")
            await register(where, tmp_path, limit(7))
            assert await flagged(where, "a", SKEW) == 1
            assert await flagged(where, "a", SKEW | OUT) == await flagged(where, "a") > 5
            await assert_clean(where)

    asyncio.run(main())


def test_a_sensors_own_limit_comes_before_the_citys(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write([*samples("a", 0, 2 * HOUR), *samples("c", 0, 2 * HOUR)])
            await register(where, tmp_path, limit(8, "a") + limit(10))
            assert (await flagged(where, "a"), await flagged(where, "c")) == (8, 6)
            keys = [DeviceKey(CITY, f"gw-{n}", Domain.AIR, s) for n, s in ((1, "a"), (2, "c"))]
            async with where.pool.acquire() as connection:
                found = await find_devices(connection, keys)
            assert [found[key].limits for key in keys] == [
                {"pm2_5": Limit(None, 8)},
                {"pm2_5": Limit(None, 10)},
            ]
            with pytest.raises(BadRegistry, match=r"\[\[limit\]\] sensor 'nobody'"):
                await register(where, tmp_path, limit(8, "nobody"))
            await assert_clean(where)

    asyncio.run(main())


def test_totals_are_judged_by_the_period_that_they_declare(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("e", 0, 10 * HOUR, 30 * MINUTE))
            # 10 kW.h in a quarter hour are 20 in the half hours of this meter.
            await register(where, tmp_path, limit(10, quantity="electricity_energy"))
            assert await flagged(where, "e") == 4
            await assert_clean(where)

    asyncio.run(main())


def test_applying_again_changes_nothing_or_finishes_what_was_broken_off(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("a", 0, 2 * HOUR))
            entries = "select count(*) from commit_log where kind = 6"
            for _ in range(2):
                await register(where, tmp_path, limit(8))
                assert await where.pool.fetchval(entries) == 1
            assert not await where.pool.fetchval('select pending from "limit"')
            # As if killed after the change was committed, before anything was flagged by it.
            await where.pool.execute('update "limit" set pending = true, high = 9')
            await register(where, tmp_path, limit(9))
            assert await flagged(where, "a") == 7
            assert not await where.pool.fetchval('select pending from "limit"')
            await assert_clean(where)

    asyncio.run(main())
