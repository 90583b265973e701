"""Raw readings go behind the seal, and all that is above it stays what it was, bit for bit."""

import asyncio
from typing import Any, Final

import pytest

from cityvitals.domain.names import Clock
from cityvitals.domain.times import from_us
from cityvitals.errors import SealRisen
from cityvitals.settings import DatabaseSettings, RetentionSettings
from cityvitals.store.raw_drop import drop_raw, list_partitions
from tests.integration.aggregator_story import assert_same
from tests.integration.aggregator_town import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SHARD,
    Row,
    Town,
    samples,
    town,
)

EDGE: Final = 7 * DAY + 12 * HOUR
"""2026-12-01T00:00Z after NOON: a day's begin, where a month of partitions begins as well."""
EDGE_AT: Final = from_us(NOON + EDGE)
SECOND: Final = 1_000_000
KEEPING: Final = RetentionSettings(days=1, check_seconds=1)
_BELOW: Final = "select count(*) from reading where observed_at < $1"
_ABOVE: Final = {
    "rollup": "select * from rollup where bucket_begin >= $1 order by series_id, bucket_begin",
    "indicator": """select distinct on (rule, zone, window_begin) rule, zone, window_begin, closed,
        value, numerator, denominator, coverage, observed, flagged, stations,
        station_count
        from indicator where window_begin >= $1 order by rule, zone, window_begin, revision desc""",
}

ACROSS: Final = [
    *samples("a", EDGE - 2 * HOUR + 3 * MINUTE, EDGE + 3 * HOUR),
    # The sample that holds over the edge is followed by one that a flag excludes.
    *samples("c", EDGE - 2 * HOUR, EDGE - 5 * MINUTE, value=50),
    Row("c", EDGE - 2 * MINUTE, -1.0, flags=8),
    *samples("c", EDGE + 12 * MINUTE, EDGE + 3 * HOUR, value=70),
    *samples("b", EDGE - 2 * HOUR, EDGE + 3 * HOUR + 1, HOUR),
    # Half hours that begin before the edge and end behind it.
    *samples("e", EDGE - 2 * HOUR - 15 * MINUTE, EDGE + 3 * HOUR, 30 * MINUTE),
    Row("e", EDGE - 20 * MINUTE, 8.0),
    # A meter that fell silent long before: its last buckets are in memory alone.
    *samples("w", EDGE - 5 * HOUR, EDGE - 4 * HOUR, 20 * MINUTE),
]
LATE: Final = Row("a", EDGE + SECOND, 99.0)


async def tell(where: Town) -> None:
    """Readings on both sides of the edge, derived as they come."""
    where.now_us = NOON + EDGE + 3 * HOUR
    await where.write(sorted(ACROSS, key=lambda row: row.after))
    await where.run()
    where.now_us = NOON + EDGE + 30 * HOUR  # so a day ago is behind the edge
    await pass_time(where)


async def pass_time(where: Town, minutes: int = 5) -> None:
    for _ in range(minutes):
        where.now_us += MINUTE
        await where.run()


async def above(where: Town) -> dict[str, list[tuple[Any, ...]]]:
    """All that was derived from the edge on."""
    return {
        name: [tuple(row) for row in await where.pool.fetch(query, EDGE_AT)]
        for name, query in _ABOVE.items()
    }


async def reference(where: Town, late: list[Row]) -> dict[str, list[tuple[Any, ...]]]:
    """The same city where nothing is let go."""
    where.keeping = None
    await tell(where)
    if late:
        await where.write(late)
    await pass_time(where)
    found = await above(where)
    assert await where.pool.fetchval(_BELOW, EDGE_AT) > 0
    await where.found()
    return found


async def seals(where: Town) -> tuple[Any, Any]:
    row = await where.pool.fetchrow("select sealed_before, dropped_before from city")
    assert row is not None
    return row["sealed_before"], row["dropped_before"]


async def neighbours(where: Town) -> set[tuple[str, int]]:
    """What is kept: station, and when it said so, relative to the edge."""
    rows = await where.pool.fetch("select series_id, observed_at from seal_neighbour")
    named = {number: name for name, number in where.ids.items()}
    return {
        (named[row["series_id"]], round((row["observed_at"] - EDGE_AT).total_seconds() / 60))
        for row in rows
    }


@pytest.mark.parametrize("rows", ["still there", "dropped"])
def test_what_is_above_the_seal_stays_as_it_was(database: DatabaseSettings, rows: str) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            expected = await reference(where, [LATE])
            where.keeping = KEEPING
            await tell(where)
            assert await seals(where) == (EDGE_AT, EDGE_AT)
            assert await neighbours(where) == {
                ("a", -7),
                ("c", -10),
                ("c", -2),
                ("b", -60),
                ("e", -15),
                ("e", -20),
                ("w", -260),
            }
            if rows == "dropped":
                assert await drop_raw(where.pool) == ["reading_gone_2026_11"]
                assert await where.pool.fetchval(_BELOW, EDGE_AT) == 0
            await where.write([LATE])
            await pass_time(where)
            assert_same(await above(where), expected)
            await rebuild(where)
            assert_same(await above(where), expected)
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()
            assert found.tally("rollup").sealed > 0

    asyncio.run(main())


async def rebuild(where: Town) -> None:
    """Have everything folded again from what is stored."""
    await where.save()
    await where.pool.execute("update shard set rebuild = true where shard = $1", SHARD)
    where.worker = None
    await pass_time(where)


def test_a_second_before_the_seal_is_refused_and_a_second_behind_it_taken(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            where.keeping = KEEPING
            await tell(where)
            before = await where.pool.fetchval("select count(*) from reading")
            with pytest.raises(SealRisen, match="town"):
                await where.write_late([Row("a", EDGE - SECOND, 1.0), LATE])
            assert await where.pool.fetchval("select count(*) from reading") == before
            await where.write_late([LATE])
            assert await where.pool.fetchval("select count(*) from reading") == before + 1

    asyncio.run(main())


def test_what_lies_below_survives_a_rebuild(database: DatabaseSettings) -> None:
    """Rollups and indicators below the seal are all that is left of that time."""

    async def below(where: Town) -> list[Any]:
        query = "select * from rollup where bucket_begin < $1 order by series_id, bucket_begin"
        return [tuple(row) for row in await where.pool.fetch(query, EDGE_AT)]

    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            where.keeping = KEEPING
            await tell(where)
            assert await drop_raw(where.pool)
            kept = await below(where)
            # The silent meter's last buckets were in memory alone before.
            assert sum(row[1] == where.ids["w"] for row in kept) >= 5
            await rebuild(where)
            # An hourly mean stamped just behind the seal speaks of the hour before.
            await where.write([Row("b", EDGE + 5 * MINUTE, 3.0)])
            await pass_time(where)
            assert await below(where) == kept

    asyncio.run(main())


def test_the_next_seal_goes_on_from_the_one_before(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            where.keeping = KEEPING
            await tell(where)
            await drop_raw(where.pool)
            where.now_us += DAY
            await pass_time(where)
            later = from_us(NOON + EDGE + DAY)
            assert await seals(where) == (later, later)
            # The last reading of each series, of some from before the first seal.
            assert {name for name, _ in await neighbours(where)} == {"a", "b", "c", "e", "w"}
            assert ("w", -260) in await neighbours(where)
            assert ("a", -7) not in await neighbours(where)
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_nothing_goes_while_something_is_still_to_come(database: DatabaseSettings) -> None:
    """A log that nobody has taken, and a gateway that has not come so far, hold readings back."""

    async def main() -> None:
        async with town(database, clock=Clock.LIVE, silent_after_seconds=10 * 86_400) as where:
            where.keeping = KEEPING
            where.now_us = NOON + EDGE + 3 * HOUR
            mine = [row for row in ACROSS if row.station in {"a", "e"}]
            await where.write(sorted(mine, key=lambda row: row.after))
            await where.write(samples("w", EDGE - 5 * HOUR, EDGE - 4 * HOUR, 20 * MINUTE))
            await where.run()
            where.now_us = NOON + EDGE + 30 * HOUR
            await pass_time(where)
            never = "select sealed_before = $1 and dropped_before = '-infinity' from city"
            assert await where.pool.fetchval(never, EDGE_AT)
            await where.write(samples("w", EDGE + HOUR, EDGE + 2 * HOUR, 20 * MINUTE))
            await pass_time(where)
            assert await seals(where) == (EDGE_AT, EDGE_AT)

    asyncio.run(main())


def test_a_meter_that_spoke_once_long_ago_is_kept_in_its_rollups(
    database: DatabaseSettings,
) -> None:
    """Its bucket was never closed, so that month has not even a partition of rollups."""

    async def main() -> None:
        async with town(database, clock=Clock.LIVE) as where:
            where.keeping = KEEPING
            where.now_us = NOON - 40 * DAY
            await where.write([Row("w", -40 * DAY, 4.0)])
            await where.run()
            assert await where.pool.fetchval("select count(*) from rollup") == 0
            await tell(where)
            assert await drop_raw(where.pool) == ["reading_gone_2026_10", "reading_gone_2026_11"]
            kept = "select count(*) from rollup where bucket_begin < '2026-11-01Z'"
            assert await where.pool.fetchval(kept) == 2  # it holds for half an hour
            await rebuild(where)
            assert await where.pool.fetchval(kept) == 2

    asyncio.run(main())


def test_nothing_goes_before_the_log_is_taken(database: DatabaseSettings) -> None:
    """What was committed before the seal rose is recomputed from readings that are still there."""

    async def main() -> None:
        async with town(database, clock=Clock.LIVE, cycle_readings=1) as where:
            where.keeping = KEEPING
            where.now_us = NOON + EDGE + 3 * HOUR
            await where.write(sorted(ACROSS, key=lambda row: row.after))
            await where.run()
            for minute in range(20):  # an entry each, of which a cycle takes one
                await where.write([Row("a", EDGE - 2 * HOUR + minute * MINUTE, 7.0)])
            heads = await where.heads()
            where.now_us = NOON + EDGE + 30 * HOUR
            while not await has_let_go(where):
                where.now_us += 2 * SECOND
                await where.cycle()
            cursors = await where.pool.fetchval("select cursors from shard where shard = $1", SHARD)
            assert all(cursors[lane] >= seq for lane, seq in heads.items())
            await where.settle()
            found = await where.verify()
            assert found.clean, found.as_text()

    async def has_let_go(where: Town) -> bool:
        return bool((await seals(where))[1] == EDGE_AT)

    asyncio.run(main())


@pytest.mark.parametrize("clock", list(Clock))
def test_a_replay_and_a_city_without_days_keep_all(
    database: DatabaseSettings, clock: Clock
) -> None:
    async def main() -> None:
        async with town(database, clock=clock) as where:
            where.keeping = KEEPING if clock == Clock.REPLAY else RetentionSettings()
            await tell(where)
            never = await where.pool.fetchval("select sealed_before = '-infinity' from city")
            assert never
            async with where.pool.acquire() as connection:
                assert not any(one.may_go for one in await list_partitions(connection))
            assert await drop_raw(where.pool) == []

    asyncio.run(main())
