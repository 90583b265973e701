"""Bulk traffic returns what it was given, bit for bit, but for the millisecond of an arrival."""

import asyncio
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.times import EARLIEST_US, LATEST_US, US, from_us
from cityvitals.errors import StoreConflict
from cityvitals.settings import DatabaseSettings
from cityvitals.store.copy import Column, Layout, copy_in, copy_out
from cityvitals.store.derived import read_readings
from cityvitals.store.layouts import READINGS, ROLLUPS
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool, open_pool

EVERY_TYPE: Final = Layout(
    "there",
    np.dtype([("t", "<i8"), ("v", "<f8"), ("l", "<i8"), ("i", "<i4"), ("s", "<i2"), ("b", "?")]),
    [
        Column("t", "timestamptz", "t"),
        Column("v", "float8", "v"),
        Column("l", "int8", "l"),
        Column("i", "int4", "i"),
        Column("s", "int2", "s"),
        Column("b", "bool", "b"),
    ],
)
LAYOUTS: Final = {"readings": READINGS, "rollups": ROLLUPS, "every type": EVERY_TYPE}
PG_EPOCH_US: Final = 946_684_800 * US
TIMES: Final = [EARLIEST_US, LATEST_US, 0, -1, PG_EPOCH_US, PG_EPOCH_US - 1]
FLOATS: Final = [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -1.7976931348623157e308, 0.1]


def values(layout: Layout, column: Column) -> tuple[list[Any], st.SearchStrategy[Any]]:
    """A column's extremes, and anything that it can hold."""
    kind = layout.dtype[column.field]
    if column.type == "timestamptz" or column.after:
        return TIMES, st.integers(EARLIEST_US, LATEST_US)
    if kind.kind == "f":
        return FLOATS, st.floats()
    if kind.kind == "b":
        return [False, True], st.booleans()
    limits = np.iinfo(kind)
    least, most = int(limits.min), int(limits.max)
    return [0, -1, least, most], st.integers(least, most)


def kept(layout: Layout, sent: Records) -> bytes:
    """What comes back: a time that is told by how much later it is, to the millisecond before."""
    found = sent.copy()
    for column in layout.columns:
        if column.after:
            found[column.field] -= (sent[column.field] - sent[column.after]) % 1000
    return found.tobytes()


async def there_and_back(database: DatabaseSettings, layout: Layout, sent: Records) -> Records:
    kinds = ", ".join(f'"{column.name}" {column.type}' for column in layout.columns)
    names = ", ".join(f'"{column.name}"' for column in layout.columns)
    async with open_pool(database, "tests") as pool, pool.acquire() as connection:
        await connection.execute(f"create temp table there (place serial, {kinds})")
        await copy_in(connection, layout, sent, "there")
        query = f"select {names} from there order by place"  # noqa: S608 (names of ours)
        found = await copy_out(connection, layout, query)
        await connection.execute("drop table there")
    return found


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_extremes_come_back_as_they_went(database: DatabaseSettings, layout: Layout) -> None:
    sent = np.zeros(16, layout.dtype)
    for place, column in enumerate(layout.columns):
        extremes, _ = values(layout, column)
        sent[column.field] = [extremes[(place + row) % len(extremes)] for row in range(len(sent))]
    found = asyncio.run(there_and_back(database, layout, sent))
    assert found.tobytes() == kept(layout, sent)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(sorted(LAYOUTS)), st.integers(0, 30), st.data())
def test_anything_comes_back_as_it_went(
    database: DatabaseSettings, name: str, count: int, data: st.DataObject
) -> None:
    layout = LAYOUTS[name]
    sent = np.zeros(count, layout.dtype)
    for column in layout.columns:
        drawn = st.lists(values(layout, column)[1], min_size=count, max_size=count)
        sent[column.field] = data.draw(drawn)
    found = asyncio.run(there_and_back(database, layout, sent))
    assert found.tobytes() == kept(layout, sent)


def test_all_of_history_finds_its_place(database: DatabaseSettings) -> None:
    times = [EARLIEST_US, -US, 0, PG_EPOCH_US, 1_795_435_200 * US, 4_200_000_000 * US, LATEST_US]
    sent = np.zeros(len(times), READING)
    sent["t"], sent["received"], sent["v"], sent["series"] = times, 7, FLOATS[: len(times)], 1

    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            for _ in range(2):
                await Partitions("reading").ensure(connection, sent["t"])
            await copy_in(connection, READINGS, sent)
            found = await read_readings(connection, [1], EARLIEST_US, LATEST_US + 1)
            assert np.sort(found, order="t").tobytes() == kept(READINGS, sent)
            with pytest.raises(StoreConflict, match="copying 1 rows into reading"):
                await copy_in(connection, READINGS, sent[3:4])
            assert (
                await connection.fetchval(
                    "select count(*) from reading where observed_at = $1", from_us(PG_EPOCH_US)
                )
                == 1
            )

    asyncio.run(main())


@pytest.mark.concurrent
def test_processes_make_the_same_partitions_at_once(database: DatabaseSettings) -> None:
    months = 1_795_435_200 * US + np.arange(6) * 31 * 86_400 * US

    async def make(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await Partitions("reading").ensure(connection, months)

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            await asyncio.gather(*(make(pool) for _ in range(4)))
            rows = np.zeros(len(months), READING)
            rows["t"] = months
            async with pool.acquire() as connection:
                await copy_in(connection, READINGS, rows)

    asyncio.run(main())
