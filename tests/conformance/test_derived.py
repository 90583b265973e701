"""What the aggregator writes is read back: by itself, by the API, and by an auditor."""

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from cityvitals.domain.arrays import ROLLUP, Records
from cityvitals.domain.names import shard_of
from cityvitals.domain.times import BUCKET_US, from_us, to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.audit import STATES, open_audit
from cityvitals.store.derived import (
    ChangeRow,
    IndicatorRow,
    append_rollups,
    prune_changes,
    read_cells,
    read_newest,
    read_rollup_range,
    read_said_range,
    write_rollups,
)
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.views import HistoryQuery, find_changes, find_latest, read_history
from tests.api_city import CITY, NOW, ZONES, indicator, make_city
from tests.integration.readings import BEGIN_US, opened
from tests.written import write_changes, write_indicators

RULE = "air.pm2_5.hour"
ROW = indicator(RULE, "barco")
KEY = (ROW.city, ROW.rule, ROW.zone, ROW.window_begin)


def rollups(*cells: tuple[int, int, int]) -> Records:
    """Rollups of (bucket after BEGIN_US, series, count)."""
    made = np.zeros(len(cells), ROLLUP)
    for place, (after, series, count) in enumerate(cells):
        made[place]["bucket"] = BEGIN_US + after * BUCKET_US
        made[place]["series"], made[place]["count"] = series, count
        made[place]["sum"], made[place]["min"], made[place]["max"] = count / 3, -0.0, np.inf
        made[place]["covered"] = 900 * count
    return made


async def stored(pool: Pool) -> Records:
    """All rollups of series 1 to 3, by series and bucket."""
    async with open_audit(pool) as audit:
        return await audit.rollups([1, 2, 3])


def test_rollups_are_appended_replaced_and_removed(database: DatabaseSettings) -> None:
    first = rollups((0, 1, 3), (1, 1, 4), (3000, 1, 2), (0, 2, 5))
    again = rollups((1, 1, 0), (0, 2, 6), (2, 2, 1))
    again["sum"][0] = again["covered"][0] = 0

    async def main() -> None:
        async with opened(database) as pool:
            async with pool.acquire() as connection:
                await Partitions("rollup").ensure(connection, first["bucket"])
                async with connection.transaction():
                    await append_rollups(connection, first)
            assert (await stored(pool)).tobytes() == first.tobytes()
            async with pool.acquire() as connection, connection.transaction():
                # Most likely new, but they are not: they are written all the same.
                await append_rollups(connection, again)
                await write_rollups(connection, rollups((3, 3, 7)))
            expected = np.concatenate([first[[0, 2]], again[1:], rollups((3, 3, 7))])
            assert (await stored(pool)).tobytes() == expected.tobytes()
            async with pool.acquire() as connection:
                cells = await read_cells(connection, [1, 2], BEGIN_US, BEGIN_US + 3 * BUCKET_US)
                assert sorted(cells[["series", "count", "covered"]].tolist()) == [
                    (1, 3, 2700),
                    (2, 1, 900),
                    (2, 6, 5400),
                ]
                assert await read_rollup_range(connection, [1, 3]) == (
                    BEGIN_US,
                    BEGIN_US + 3000 * BUCKET_US,
                )
                assert await read_rollup_range(connection, [9]) is None

    asyncio.run(main())


async def write(pool: Pool, *rows: IndicatorRow) -> None:
    """Revisions that become the latest."""
    begins = np.array([int(row.window_begin.timestamp() * 1e6) for row in rows])
    async with pool.acquire() as connection:
        await Partitions("indicator").ensure(connection, begins)
        async with connection.transaction():
            await write_indicators(connection, rows, rows[-1:])


def test_revisions_stay_and_the_newest_is_shown(database: DatabaseSettings) -> None:
    final = ROW._replace(revision=2, state="final", closed=True, change_number=2)
    corrected = final._replace(revision=3, state="corrected", value=-0.0, change_number=3)
    nothing = ROW._replace(
        window_begin=ROW.window_begin - timedelta(days=400),
        state="insufficient",
        value=None,
        numerator=None,
        watermark=None,
        stations=[],
        silent=["gw", "näher"],
    )

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            async with pool.acquire() as connection:
                await make_city(connection)
            await write(pool, ROW, final, corrected)
            await write(pool, nothing)  # of an older window: the latest stays
            async with pool.acquire() as connection:
                latest = await find_latest(connection, CITY)
                assert latest is not None
                [row] = latest.rows
                assert (row["window_begin"], row["revision"]) == (ROW.window_begin, 3)
                history = await read_history(connection, HistoryQuery(CITY, RULE, "barco"))
                assert [(row["window_begin"], row["revision"]) for row in history] == [
                    (nothing.window_begin, 1),
                    (ROW.window_begin, 3),
                ]
                assert history[0]["value"] is None and history[0]["silent"] == ["gw", "näher"]
                query = HistoryQuery(CITY, RULE, "barco", begin=NOW - timedelta(days=2), limit=1)
                assert len(await read_history(connection, query)) == 1
                said = {CITY: (to_us(nothing.window_end), to_us(ROW.window_begin))}
                assert await read_said_range(connection, shard_of(CITY)) == said
                [newest] = await read_newest(connection, [KEY, (*KEY[:2], "none", KEY[3])])
                assert (newest["state"], str(newest["value"])) == ("corrected", "-0.0")
            async with open_audit(pool) as audit:
                found = await audit.indicators(CITY, RULE, sorted(ZONES))
                assert [STATES[state] for state in found["state"]] == [
                    "insufficient",
                    "provisional",
                    "final",
                    "corrected",
                ]
                assert np.isnan(found["value"]).tolist() == [True, False, False, False]
                assert len(await audit.latest(CITY, RULE, sorted(ZONES))) == 1

    asyncio.run(main())


def test_changes_are_numbered_read_on_and_pruned(database: DatabaseSettings) -> None:
    changes = [ChangeRow(CITY, number, NOW, "value", f"{{{number}}}") for number in range(1, 6)]

    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            await make_city(connection)
            await write_changes(connection, changes, {CITY: 5})
            found = await find_changes(connection, CITY, 2, 2)
            assert found is not None and found.number == 5
            assert [(one.number, one.body) for one in found.changes] == [(3, "{3}"), (4, "{4}")]
            await prune_changes(connection, CITY, 4)
            found = await find_changes(connection, CITY, 0, 10)
            assert found is not None and [one.number for one in found.changes] == [5]
            assert await find_changes(connection, "none", 0, 10) is None

    asyncio.run(main())


@pytest.mark.concurrent
def test_an_audit_sees_one_moment(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            async with pool.acquire() as connection:
                await Partitions("rollup").ensure(connection, rollups((0, 1, 1))["bucket"])
            async with open_audit(pool) as audit:
                assert len(await audit.rollups([1])) == 0
                async with pool.acquire() as connection:
                    await append_rollups(connection, rollups((0, 1, 1)))
                assert len(await audit.rollups([1])) == 0
            assert len(await stored(pool)) == 1

    asyncio.run(main())


def test_times_of_windows_are_kept_to_the_microsecond(database: DatabaseSettings) -> None:
    odd = ROW._replace(window_begin=from_us(BEGIN_US + 1), watermark=from_us(BEGIN_US - 1))

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            async with pool.acquire() as connection:
                await make_city(connection)
            await write(pool, odd)
            async with open_audit(pool) as audit:
                [found] = await audit.latest(CITY, RULE, ["barco"])
            assert (found["begin"], found["watermark"]) == (BEGIN_US + 1, BEGIN_US - 1)

    asyncio.run(main())
