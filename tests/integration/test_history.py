"""Histories: never more points than asked for, and no extreme is lost, whatever is left out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.schemas import Indicators, Problem, SeriesHistory
from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import Flag, Kind
from cityvitals.domain.series import SeriesKey
from cityvitals.domain.times import BUCKET_US, US, to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.copy import copy_in
from cityvitals.store.history import (
    Point,
    find_series,
    read_extremes,
    read_series_history,
    step_for,
)
from cityvitals.store.layouts import READINGS, ROLLUPS
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.views import HistoryQuery
from tests.api_city import CITY, indicator, make_city, write_history
from tests.api_server import running_api, with_pool
from tests.million import rollups_of

T0: Final = datetime(2026, 11, 20, tzinfo=UTC)
KEY: Final = SeriesKey(CITY, "dev", "no2")
PATH: Final = f"/v1/cities/{CITY}/series/dev/no2/history"
RULE: Final = "air.pm2_5.hour"
_DAYS: Final = 5

SPANS = st.tuples(
    st.integers(0, _DAYS * 86_400), st.one_of(st.integers(1, 7_200), st.integers(7_201, 600_000))
)


async def make_series(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await make_city(connection)
        await connection.execute("insert into gateway (city, name) values ($1, 'gw')", CITY)
        await connection.execute(
            "insert into sensor (city, name, domain, gateway) values ($1, 'dev', 'air', 1)", CITY
        )
        await connection.execute(
            "insert into series (city, sensor, quantity, sensor_id) values ($1, 'dev', 'no2', 1)",
            CITY,
        )
        await connection.execute(
            "insert into series_declaration (series, source, since, kind, period_s, stamp, "
            "reporting_s, unit) values (1, 'meta', '-infinity', 0, 0, 1, 60, 'ug/m3')"
        )


def some_readings(seed: int, count: int) -> Records:
    """Readings of five days at any time, every tenth or so flagged."""
    chance = np.random.default_rng(seed)
    made = np.zeros(count, READING)
    seconds = np.sort(chance.choice(_DAYS * 86_400, count, replace=False))
    made["t"] = made["received"] = to_us(T0) + seconds * US
    made["v"] = np.round(chance.normal(0, 10, count), 1)
    made["flags"] = np.where(chance.random(count) < 0.1, int(Flag.OUT_OF_RANGE), 0)
    made["series"] = 1
    return made


def folded(readings: Records) -> Records:
    """Their rollups, but for the newest bucket, which would still be in memory."""
    good = readings[readings["flags"] == 0]
    rollups = rollups_of(good)
    return rollups[:-1]


async def fill(pool: Pool, readings: Records) -> None:
    async with pool.acquire() as connection:
        for table in ("reading", "rollup"):
            await Partitions(table).ensure(connection, readings["t"])
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("truncate reading, rollup")
        await copy_in(connection, READINGS, readings)
        await copy_in(connection, ROLLUPS, folded(readings))


@pytest.fixture
def series(database: DatabaseSettings) -> DatabaseSettings:
    with_pool(database, make_series)
    return database


@asynccontextmanager
async def opened(database: DatabaseSettings) -> AsyncIterator[Pool]:
    async with open_pool(database, "tests") as pool:
        yield pool


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(2, 3000), span=SPANS, most=st.integers(2, 300)
)
def test_every_extreme_of_a_series_survives(
    series: DatabaseSettings, seed: int, count: int, span: tuple[int, int], most: int
) -> None:
    readings = some_readings(seed, count)
    if (readings["flags"] == 0).sum() < 2:
        return
    begin = T0 + timedelta(seconds=span[0])
    end = begin + timedelta(seconds=span[1])

    async def ask() -> tuple[str, Sequence[Point]]:
        async with opened(series) as pool:
            await fill(pool, readings)
            async with pool.acquire() as connection:
                found = await find_series(connection, KEY)
                assert found is not None and found.kind == Kind.GAUGE
                history = await read_series_history(connection, found, begin, end, most)
        return history.source, history.points

    source, points = asyncio.run(ask())
    assert len(points) <= most
    # Rollups are whole quarter hours: the one that the stretch begins in is in it.
    low = to_us(begin) if source == "readings" else to_us(begin) // BUCKET_US * BUCKET_US
    mine = readings[(readings["t"] >= low) & (readings["t"] < to_us(end))]
    if source == "rollups":
        mine = mine_in_rollups(readings, low, to_us(end))
    good = mine[mine["flags"] == 0]
    assert sum(point.count for point in points) == len(good)
    for point in points:
        check(point, good)


def mine_in_rollups(readings: Records, low: int, end: int) -> Records:
    """Readings whose quarter hour begins in the stretch; of the newest, those in the stretch."""
    bucket = readings["t"] // BUCKET_US * BUCKET_US
    newest = bucket[readings["flags"] == 0].max()
    closed = (bucket >= low) & (bucket < end) & (bucket < newest)
    last_closed = bucket[(readings["flags"] == 0) & (bucket < newest)]
    open_from = max(low, int(last_closed.max()) + BUCKET_US if len(last_closed) else 0)
    reach = min(end, open_from + 7200 * US)
    still_open = (readings["t"] >= open_from) & (readings["t"] < reach) & (bucket >= newest)
    mine: Records = readings[closed | still_open]
    return mine


def check(point: Point, good: Records) -> None:
    """A point tells the least and the greatest of what was said in it."""
    low, high = to_us(point.begin), to_us(point.end)
    if low == high:
        inside = good[good["t"] == low]
    else:
        inside = good[(good["t"] >= low) & (good["t"] < high)]
    values = inside["v"].tolist()
    assert (point.least, point.greatest) == (min(values, default=None), max(values, default=None))
    assert point.count == len(values)


@pytest.mark.parametrize("points", [2, 3, 7, 50, 2000])
@pytest.mark.parametrize("span_us", [1, BUCKET_US, 10 * BUCKET_US + 1, 10**14])
def test_a_grid_has_no_more_bins_than_asked(span_us: int, points: int) -> None:
    step = step_for(span_us, points, BUCKET_US)
    assert step % BUCKET_US == 0
    for offset in (0, 1, step // 2, step - 1):  # wherever the stretch begins on the grid
        assert (offset + span_us - 1) // step + 1 <= points


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 400), most=st.integers(2, 80))
def test_every_extreme_of_an_indicator_survives(
    database: DatabaseSettings, seed: int, count: int, most: int
) -> None:
    chance = np.random.default_rng(seed)
    values = [None if chance.random() < 0.1 else float(chance.normal()) for _ in range(count)]
    rows = [
        indicator(RULE, "", T0, count - place)._replace(value=value)
        for place, value in enumerate(values)
    ]

    async def ask() -> Sequence[Any]:
        async with opened(database) as pool:
            await pool.execute("truncate indicator, indicator_latest")
            await write_history(pool, rows)
            async with pool.acquire() as connection:
                return await read_extremes(connection, HistoryQuery(CITY, RULE), most)

    found = asyncio.run(ask())
    assert len(found) <= most
    begins = [row["window_begin"] for row in found]
    assert begins == sorted(set(begins))
    if count <= most:
        assert [row["value"] for row in found] == values
    said = [value for value in values if value is not None]
    if said:
        shown = [row["value"] for row in found if row["value"] is not None]
        assert (min(shown), max(shown)) == (min(said), max(said))


@pytest.fixture
def client(series: DatabaseSettings) -> Any:
    readings = some_readings(7, 2000)

    async def both(pool: Pool) -> None:
        await fill(pool, readings)
        await write_history(pool, [indicator(RULE, "", T0, back) for back in range(300, 0, -1)])

    with_pool(series, both)
    with running_api(series) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client


def test_a_series_is_shown_as_documented(client: httpx.Client) -> None:
    whole = client.get(PATH, params={"from": T0.isoformat(), "points": 50}).json()
    shown = SeriesHistory.model_validate(whole)
    assert (shown.kind, shown.unit, shown.source) == ("gauge", "ug/m3", "rollups")
    assert 10 < len(shown.items) <= 50
    short = client.get(
        PATH, params={"from": T0.isoformat(), "to": (T0 + timedelta(hours=1)).isoformat()}
    ).json()
    assert (short["source"], short["step_seconds"]) == ("readings", None)
    assert all(one["begin"] == one["end"] for one in short["items"])
    newest = SeriesHistory.model_validate(client.get(PATH).json())
    assert newest.items[-1].end > T0 + timedelta(days=4)


def test_a_series_that_is_none_is_named(client: httpx.Client) -> None:
    base = f"/v1/cities/{CITY}/series"
    for path, named in (
        (f"{base}/dev/o3/history", "'o3'"),
        (f"{base}/nobody/no2/history", "'nobody'"),
        (f"{base}/x%00/no2/history", "sensor"),
        ("/v1/cities/atlantis/series/dev/no2/history", "'atlantis'"),
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert named in Problem.model_validate(answer.json()).detail
    assert client.get(PATH, params={"channel": "2"}).status_code == 404


def test_what_cannot_be_asked_is_named(client: httpx.Client) -> None:
    same = T0.isoformat()
    history = f"/v1/cities/{CITY}/indicators/{RULE}/history"
    for path, query in (
        (PATH, {"from": same, "to": same}),
        (PATH, {"points": "1"}),
        (PATH, {"points": "2001"}),
        (history, {"points": "5", "limit": "5"}),
    ):
        answer = client.get(path, params=query)
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("points", [2, 3, 2000])
def test_all_of_time_is_no_more_than_asked(client: httpx.Client, points: int) -> None:
    ever: dict[str, str | int] = {
        "from": "0001-01-01T00:00:00Z",
        "to": "9999-12-31T00:00:00Z",
        "points": points,
    }
    found = SeriesHistory.model_validate(client.get(PATH, params=ever).json())
    assert 0 < len(found.items) <= points
    history = f"/v1/cities/{CITY}/indicators/{RULE}/history"
    windows = Indicators.model_validate(client.get(history, params=ever).json())
    assert 0 < len(windows.items) <= points and windows.next is None
