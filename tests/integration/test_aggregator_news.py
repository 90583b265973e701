"""What is declared later is derived again for all time, and verify finds nothing."""

import asyncio
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from cityvitals.domain.names import Clock, Domain, Flag, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import EARLIEST_US, from_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.declarations import DeclaredCity
from cityvitals.store.registry_file import apply_registry
from tests.integration.aggregator_town import (
    CITY,
    GAUGE,
    HOUR,
    HOURLY,
    MINUTE,
    NOON,
    Row,
    Station,
    Town,
    device,
    device_of,
    rules,
    samples,
    town,
)

REGISTRY: Final = """
[city]
id = "town"
name = "Town"
time_zone = "Europe/Rome"
clock = "replay"
"""


def day() -> list[Row]:
    """Twenty-five hours of everything, so that there are values for a whole day."""
    begin, end = -14 * HOUR, 12 * HOUR
    return [
        *samples("a", begin, end),
        *samples("c", begin, end),
        *samples("b", begin, end, HOUR),
        *samples("e", begin, end, 30 * MINUTE),
        *samples("w", begin, end, 20 * MINUTE),
    ]


async def assert_clean(where: Town) -> None:
    await where.settle()
    found = await where.verify()
    assert found.clean, found.as_text()


async def value(where: Town, rule: str, zone: str = "") -> float | None:
    """The newest value of a day's rule on the day of the tests."""
    found: float | None = await where.pool.fetchval(
        "select value from indicator where rule = $1 and zone = $2 "
        "and window_begin = '2026-11-22 23:00Z' order by revision desc limit 1",
        rule,
        zone,
    )
    return found


async def register(where: Town, folder: Path, text: str) -> None:
    path = folder / "registry.toml"
    path.write_text(REGISTRY + text, "utf-8")
    await apply_registry(where.pool, path)


def population(number: int, since: str = "2020-01-01") -> str:
    return f"""
[[fact]]
name = "population"
value = {number}
unit = "{{inhabitant}}"
valid_from = {since}
source = "test"
quality = "measured"
"""


@pytest.mark.parametrize("restarted", [False, True])
def test_a_fact_is_stated_and_changed(
    database: DatabaseSettings,
    tmp_path: Path,
    restarted: bool,  # noqa: FBT001 - a case's name
) -> None:
    rule = "energy.electricity_per_capita.day"

    async def main() -> None:
        async with town(database) as where:
            await where.write(day())
            await assert_clean(where)
            assert await value(where, rule) is None
            total = 0.0
            for number in (1000, 2000):
                await register(where, tmp_path, population(number))
                if restarted:
                    where.worker = None
                await assert_clean(where)
                found = await value(where, rule)
                assert found is not None
                total = total or found * number
                assert found * number == pytest.approx(total)
            await register(where, tmp_path, population(5, "2026-11-24"))
            await assert_clean(where)
            assert await value(where, rule) == pytest.approx(total / 2000)

    asyncio.run(main())


def test_a_station_moves_from_now_on(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("a", 0, 3 * HOUR) + samples("c", 0, 6 * HOUR))
            await where.run()
            await where.say(device("a", zone="south", at_us=NOON + 3 * HOUR + 5 * MINUTE))
            await where.write(samples("a", 3 * HOUR, 6 * HOUR))
            await where.run()
            await where.say(device("c", zone=None, at_us=NOON + 6 * HOUR))
            await assert_clean(where)
            hours = await where.pool.fetch(
                "select zone, count(distinct window_begin) from indicator "
                "where rule = 'air.pm2_5.hour' and observed > 0 group by zone order by zone"
            )
            assert [tuple(row) for row in hours] == [("", 6), ("north", 4), ("south", 6)]

    asyncio.run(main())


def test_a_station_has_stood_elsewhere(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("a", 0, 6 * HOUR) + samples("c", 0, 6 * HOUR))
            await assert_clean(where)
            await where.say(device("a", zone="south", since_us=NOON + 2 * HOUR))
            await assert_clean(where)

    asyncio.run(main())


def test_a_station_that_never_spoke_counts_from_when_it_is_declared(
    database: DatabaseSettings,
) -> None:
    """Without a zone: nothing but its declaration tells of it."""
    silent = Station("gw-2", Domain.AIR, "pm2_5", GAUGE, None)

    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("a", 0, 6 * HOUR) + samples("c", 0, 6 * HOUR))
            await assert_clean(where)
            coverages = []
            for _ in range(2):
                coverages.append(
                    await where.pool.fetchval(
                        "select coverage from indicator where rule = 'air.pm2_5.hour' and zone = ''"
                        " and window_begin = '2026-11-23 12:00Z' order by revision desc limit 1"
                    )
                )
                await where.say(device_of(CITY, "d", silent))
                await assert_clean(where)
            assert coverages[1] == pytest.approx(coverages[0] * 3 / 4)

    asyncio.run(main())


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "UTC"])
def test_the_time_zone_changes(database: DatabaseSettings, zone: str) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.write(day())
            await where.run()
            await where.say(DeclaredCity(CITY, "Town", zone, Clock.REPLAY))
            await where.settle()
            # All windows of the new clock are right; those of the old one stay as they were said.
            found = await where.verify()
            assert {one.field for one in found.differences} == {"superfluous"}, found.as_text()

    asyncio.run(main())


def test_a_rule_is_added_and_revised(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            where.rules = rules(without="air.pm2_5.day")
            await where.write(day())
            await assert_clean(where)
            where.rules, where.worker = rules(), None
            await assert_clean(where)
            assert await value(where, "air.pm2_5.day") is not None

    asyncio.run(main())


def test_hourly_means_are_declared_after_their_readings(database: DatabaseSettings) -> None:
    minutely = Declaration(Kind.GAUGE, reporting_s=60)

    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["a", "c"])
            await where.say(device("b", declaration=minutely))
            await where.write(samples("b", HOUR, 8 * HOUR, HOUR), seen=minutely)
            await where.run()
            before = (await where.derived())["rollup"]
            await where.say(device("b", declaration=HOURLY, since_us=EARLIEST_US))
            await where.write(samples("b", 8 * HOUR, 10 * HOUR, HOUR))
            await assert_clean(where)
            after = (await where.derived())["rollup"]
            assert len(after) > 3 * len(before)

    asyncio.run(main())


def test_a_declaration_stands_behind_its_readings_in_the_log_that_is_read_again(
    database: DatabaseSettings,
) -> None:
    quick = Declaration(Kind.GAUGE, reporting_s=60)

    async def main() -> None:
        async with town(database) as where:
            await where.run()
            await where.save()
            await where.write(samples("b", HOUR, 8 * HOUR, HOUR) + samples("a", 0, 8 * HOUR))
            await where.run()
            await where.say(device("b", declaration=quick, since_us=EARLIEST_US))
            where.worker = None
            await assert_clean(where)

    asyncio.run(main())


def test_a_series_turns_out_to_be_of_another_kind(database: DatabaseSettings) -> None:
    """One that says totals feeds no rule of means any more."""
    total = Declaration(Kind.INTERVAL_TOTAL, period_s=600, stamp=Stamp.END)

    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("a", 0, 6 * HOUR) + samples("b", HOUR, 7 * HOUR, HOUR))
            await assert_clean(where)
            await where.say(device("a", declaration=total, since_us=EARLIEST_US))
            await assert_clean(where)

    asyncio.run(main())


def test_rollups_reach_far_beyond_what_is_declared_after_a_crash(
    database: DatabaseSettings,
) -> None:
    """A meter's reading that the log has not come to yet was found in the store, for an old one."""
    meter = Declaration(Kind.COUNTER, reporting_s=1800, unit="kW.h")
    state = Declaration(Kind.STATE, reporting_s=1200)

    async def main() -> None:
        async with town(database, cycle_readings=1) as where:
            await where.found(stations=["w"])
            await where.say(device("e", declaration=meter))
            await where.write([Row("e", -2 * HOUR, 1.0)], seen=meter)
            await where.write([Row("e", 2 * HOUR, 9.0)], "ingest-1", seen=meter)
            await where.write([Row("e", 2 * HOUR - 5 * MINUTE, 8.0)], "ingest-1", seen=meter)
            await where.cycle()
            await where.cycle()
            oldest = await where.pool.fetchval("select min(bucket_begin) from rollup")
            assert oldest == from_us(NOON - 2 * HOUR)
            assert where.worker is not None
            row = where.worker.shard.table.rows(np.array([where.ids["e"]], np.int32))[0]
            assert where.worker.shard.buckets.state[row]["oldest"] > NOON
            where.worker = None
            await where.say(device("e", declaration=state, since_us=EARLIEST_US), lane="ingest-1")
            await assert_clean(where)

    asyncio.run(main())


def test_an_open_bucket_that_only_what_was_declared_before_reaches(
    database: DatabaseSettings,
) -> None:
    """It stands in a checkpoint, and the next reading would close it as it is."""
    total = Declaration(Kind.INTERVAL_TOTAL, period_s=900, stamp=Stamp.BEGIN, unit="kW.h")
    quick = Declaration(Kind.EVENT, reporting_s=60)

    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["w"])
            await where.say(device("e", declaration=total))
            await where.write([Row("e", 10 * MINUTE, 1.0)], seen=total)
            await where.run()
            await where.save()
            where.worker = None
            await where.say(device("e", declaration=quick, since_us=EARLIEST_US))
            await where.run()
            await where.write([Row("e", 2 * HOUR, 1.0)], seen=quick)
            await assert_clean(where)

    asyncio.run(main())


def test_what_a_sample_was_seen_to_hold_goes_with_what_it_declared(
    database: DatabaseSettings,
) -> None:
    """A checkpoint has it, and what comes then is written over none of the third quarter hour."""
    quick = Declaration(Kind.GAUGE, reporting_s=60, unit="L/s")

    async def main() -> None:
        async with town(database) as where:
            await where.write([Row("w", 10 * MINUTE, 4.0)])
            await where.run()
            await where.save()
            where.worker = None
            await where.say(device("w", declaration=quick, since_us=EARLIEST_US))
            await where.run()
            await where.write([Row("w", 70 * MINUTE, 5.0)], seen=quick)
            await assert_clean(where)

    asyncio.run(main())


def test_the_only_sample_that_reached_a_window_is_revised_to_a_fault(
    database: DatabaseSettings,
) -> None:
    """Zones of which nothing was ever said have a row too; it says so again, for another reason."""

    async def main() -> None:
        async with town(database) as where:
            await where.write(samples("a", 0, HOUR))
            await assert_clean(where)
            await where.write([Row("a", 50 * MINUTE, 1.0, rev=1, flags=int(Flag.FAULT_CODE))])
            await assert_clean(where)

    asyncio.run(main())


def test_samples_hold_less_long_from_some_time_on(database: DatabaseSettings) -> None:
    """What the last slow sample was seen to hold, beyond the first quick one, is not there."""
    quick = Declaration(Kind.GAUGE, reporting_s=60, unit="ug/m3")

    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["c"])
            slow = Declaration(Kind.GAUGE, reporting_s=3600, unit="ug/m3")
            await where.say(device("a", declaration=slow))
            await where.say(device("a", declaration=quick, since_us=NOON + 10 * MINUTE))
            await where.write([*samples("c", 0, 3 * HOUR), Row("a", 0, 5.0)])
            await where.run()
            await where.write([Row("a", 10 * MINUTE, 6.0)])
            await where.run()
            await where.write([Row("a", 100 * MINUTE, 7.0)])
            await assert_clean(where)

    asyncio.run(main())
