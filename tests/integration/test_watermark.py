"""The watermark, what waits for it, and what becomes of values after it has passed."""

import asyncio
from typing import Any, Final

import pytest

from cityvitals.domain.names import Clock
from cityvitals.domain.times import from_us, to_us
from cityvitals.errors import SealRisen
from cityvitals.settings import DatabaseSettings, RetentionSettings
from cityvitals.store.declarations import DeclaredCity, DeclaredStatus
from tests.integration.aggregator_town import (
    CITY,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    Row,
    Town,
    samples,
    town,
)

_HOURS: Final = """
select distinct on (window_begin) window_begin, state, revision, value, observed, silent, closed
from indicator where rule = 'air.pm2_5.hour' and zone = $1
order by window_begin, revision desc
"""


async def hours(where: Town, zone: str = "") -> dict[int, Any]:
    """The newest revisions of final hours, by their number after noon."""
    rows = await where.pool.fetch(_HOURS, zone)
    return {(to_us(row["window_begin"]) - NOON) // HOUR: row for row in rows if row["closed"]}


async def assert_clean(where: Town) -> None:
    await where.settle(400)
    found = await where.verify()
    assert found.clean, found.as_text()


def test_a_clock_a_day_fast_closes_nobody_elses_windows(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            await where.found(stations=["a", "c"])
            where.now_us = NOON + 3 * HOUR
            for at in range(3):
                await where.write(
                    [
                        *samples("a", DAY + at * HOUR, DAY + (at + 1) * HOUR),
                        *samples("c", at * HOUR, (at + 1) * HOUR),
                    ]
                )
                await where.run()
            assert set(await hours(where)) == {0, 1}, "the city goes by the right clock"
            assert set(await hours(where, "south")) == {0, 1}
            north = await hours(where, "north")
            assert {24, 25} <= set(north), "its own zone goes by it"
            assert {north[at]["state"] for at in set(north) - {24, 25}} == {"insufficient"}
            await assert_clean(where)

    asyncio.run(main())


def test_a_silent_gateway_is_left_out_named_and_corrected_when_it_comes_back(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            await where.found(stations=["a", "c"])
            where.now_us = NOON + HOUR
            await where.write([*samples("a", 0, HOUR), *samples("c", 0, HOUR)])
            await where.run()
            where.now_us = NOON + 3 * HOUR
            await where.write_late(samples("a", HOUR, 3 * HOUR))
            await where.cycle()
            assert set(await hours(where)) <= {0}, "nobody is known to be silent yet"
            await where.run()
            found = await hours(where)
            assert [(at, found[at]["silent"]) for at in found] == [(0, ["gw-2"]), (1, ["gw-2"])]
            assert found[1]["observed"] == 6
            await where.write_late(samples("c", HOUR, 3 * HOUR))
            await where.run()
            found = await hours(where)
            assert (found[1]["state"], found[1]["observed"]) == ("corrected", 12)
            await assert_clean(where)

    asyncio.run(main())


def test_stations_that_are_replayed_one_after_another_correct_nothing(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["a", "c"])
            for at in range(6):
                await where.write(samples("a", at * HOUR, (at + 1) * HOUR))
                await where.run()
            assert not await hours(where), "the other gateway was announced and is waited for"
            for at in range(6):
                await where.write(samples("c", at * HOUR, (at + 1) * HOUR))
                await where.run()
            assert set(await hours(where)) == set(range(5))
            await assert_clean(where)
            assert await corrected(where) == 0

    asyncio.run(main())


async def corrected(where: Town) -> int:
    found: int = await where.pool.fetchval(
        "select count(*) from indicator where state = 'corrected'"
    )
    return found


def test_a_value_that_was_final_is_corrected_by_a_revision(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["a"])
            await where.write(samples("a", 0, 3 * HOUR))
            await where.run()
            before = (await hours(where))[0]
            await where.write([Row("a", 10 * MINUTE, 66.0, rev=1)])
            await where.run()
            after = (await hours(where))[0]
            assert (before["state"], after["state"]) == ("final", "corrected")
            assert after["revision"] == before["revision"] + 1
            assert after["value"] == pytest.approx(before["value"] + 60 / 6)
            kinds = await where.pool.fetch(
                "select kind from change where body::jsonb ->> 'rule' = 'air.pm2_5.hour'"
                " order by number desc limit 1"
            )
            assert [row["kind"] for row in kinds] == ["correction"]
            await assert_clean(where)

    asyncio.run(main())


def test_a_second_on_each_side_of_the_seal(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            await where.found(stations=["a", "c"])
            where.keeping = RetentionSettings(days=1, check_seconds=1e-6)
            where.now_us = NOON + 2 * DAY
            await where.write([*samples("a", -DAY, 2 * DAY), *samples("c", -DAY, 2 * DAY)])
            await where.run(400)
            sealed = to_us(await where.pool.fetchval("select sealed_before from city"))
            assert sealed == NOON + DAY // 2, "a midnight, a day ago at least"
            second = 1_000_000
            with pytest.raises(SealRisen):
                await where.write_late([Row("a", sealed - second - NOON, 777.0)])
            first = (sealed - NOON) // HOUR
            before = await hours(where)
            await where.write_late([Row("a", sealed + second - NOON, 777.0)])
            await where.run()
            stored = await where.pool.fetch("select observed_at from reading where value = 777")
            assert [row["observed_at"] for row in stored] == [from_us(sealed + second)]
            after = await hours(where)
            assert (before[first]["state"], after[first]["state"]) == ("final", "corrected")
            assert after[first]["observed"] == before[first]["observed"] + 1
            assert after[first - 1] == before[first - 1], "what lies behind the seal stays"
            await assert_clean(where)

    asyncio.run(main())


def test_a_year_that_is_filled_in_chunks_ends_final(database: DatabaseSettings) -> None:
    """Beside live readings, long behind the watermark; chunks follow each other within a minute."""

    async def main() -> None:
        async with town(database, clock=Clock.LIVE, final_after_seconds=60) as where:
            await where.found(stations=["b", "c"])
            where.now_us = NOON + 3 * HOUR
            await where.write(samples("c", 0, 3 * HOUR))
            await where.run(400)
            chunk = 365 * DAY // 12
            for number in range(12):
                begin = number * chunk - 366 * DAY
                begin -= begin % HOUR
                await where.write_late(samples("b", begin, begin + chunk + HOUR, HOUR))
                await where.run(400)
                where.now_us += 30_000_000
            await assert_clean(where)
            said = await where.pool.fetch(
                "select state, count(*) from indicator where rule = 'air.pm2_5.hour'"
                " and zone = 'north' and closed group by 1"
            )
            states = {row["state"]: row["count"] for row in said}
            assert states["final"] > 365 * 24 - 24
            assert "corrected" not in states

    asyncio.run(main())


DAYS: Final = {
    "23 hours": ("Europe/Rome", "2026-03-29 11:00Z", 23),
    "25 hours": ("Europe/Rome", "2026-10-25 11:00Z", 25),
    "half an hour less": ("Australia/Lord_Howe", "2026-10-04 02:00Z", 23.5),
    "half an hour more": ("Australia/Lord_Howe", "2026-04-05 02:00Z", 24.5),
    "45 minutes beside": ("Asia/Kathmandu", "2026-11-23 06:00Z", 24),
    "30 minutes beside": ("Asia/Kolkata", "2026-11-23 06:00Z", 24),
    "a leap day": ("America/New_York", "2024-02-29 17:00Z", 24),
}


@pytest.mark.parametrize("day", DAYS)
def test_days_are_as_long_as_their_clock_says(database: DatabaseSettings, day: str) -> None:
    zone, noon, length = DAYS[day]

    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["a", "b", "e"])
            await where.say(DeclaredCity(CITY, "Town", zone, Clock.REPLAY))
            at = to_us(await where.pool.fetchval(f"select timestamptz '{noon}'")) - NOON
            rows = samples("a", at - 20 * HOUR, at + 20 * HOUR, 10 * MINUTE)
            rows += samples("b", at - 20 * HOUR, at + 20 * HOUR, HOUR)
            rows += samples("e", at - 20 * HOUR, at + 20 * HOUR, 30 * MINUTE)
            await where.write(rows)
            await where.run()
            await assert_clean(where)
            spans = await where.pool.fetch(
                "select distinct extract(epoch from window_end - window_begin)::float8 / 3600 as h"
                " from indicator where rule = 'air.pm2_5.day' and window_begin <= $1"
                " and window_end > $1 and value is not null",
                from_us(NOON + at),
            )
            assert [row["h"] for row in spans] == [length]

    asyncio.run(main())


def test_a_reading_on_an_edge_belongs_to_what_begins_there(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await where.found(stations=["a"])
            await where.write(
                [Row("a", HOUR - 1, 1.0), Row("a", HOUR, 2.0), Row("a", HOUR + 1, 3.0)]
            )
            await where.write(samples("a", HOUR + 10 * MINUTE, 3 * HOUR))
            await where.run()
            found = await hours(where)
            assert (found[0]["observed"], found[1]["observed"]) == (1, 7)
            await assert_clean(where)

    asyncio.run(main())


def test_a_clock_years_slow_holds_nobody_up(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            await where.found(stations=["a", "c"])
            where.now_us = NOON + 3 * HOUR
            await where.write([*samples("a", 0, 3 * HOUR), *samples("c", 0, 3 * HOUR)])
            await where.write_late([Row("a", -3 * 365 * DAY, 1.0)])
            for _ in range(4):  # of the hundreds that three years take, a month in each
                assert (await where.cycle()).more
            assert set(await hours(where)) == {0, 1}
            await where.run(2000)
            found = await hours(where)
            assert found[-3 * 365 * 24]["observed"] == 1
            await where.say(DeclaredStatus(CITY, "gw-1", "online", NOON))
            await assert_clean(where)

    asyncio.run(main())
