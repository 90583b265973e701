"""StoredReadings and rollups by the API: all of them, once, in order, whatever the pages."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from api.stored_schemas import StoredReadings, StoredRollups
from cityvitals.domain.times import to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool
from tests import state
from tests.api_server import running_api, with_pool

_TOWN = """
insert into city (id, name, shard) values ('town', 'Town', 1), ('other', 'Other', 2);
insert into gateway (city, name) values ('town', 'g'), ('other', 'g');
insert into sensor (city, name, domain, gateway) select city, 's', 'air', id from gateway;
insert into sensor (city, name, domain, gateway)
select city, 't', 'air', id from gateway where city = 'town';
insert into series (city, sensor, quantity, channel, sensor_id)
select s.city, s.name, q.q, q.c, s.id from sensor s,
(values ('pm2_5', ''), ('pm2_5', 'low'), ('no2', '')) as q (q, c);
insert into reading (observed_at, value, rev, series_id, flags, lag_ms)
select timestamptz '2026-11-23T10:00Z' + n * interval '1 minute', n + id / 8.0, n % 2, id,
       case n when 3 then 12 else 0 end, 1000
from series, generate_series(0, 6) n;
insert into rollup (bucket_begin, series_id, count, flagged, sum, sumsq, min, max, first_t, first_v,
                    last_t, last_v, integral, increase, covered)
select timestamptz '2026-11-23T10:00Z' + n * interval '15 minutes', id, 1 - n % 2, n % 2, 3, 9,
       case n % 2 when 0 then 3 else float8 'inf' end,
       case n % 2 when 0 then 3 else float8 '-inf' end,
       1795428000000000, 3, 1795428000000000, 3, 180, 0, 60000000
from series, generate_series(0, 3) n;
"""


async def _partitioned(pool: Pool) -> None:
    days = np.array([to_us(datetime(2026, 11, 23, tzinfo=UTC))], np.int64)
    async with pool.acquire() as connection:
        for table in ("reading", "rollup"):
            await Partitions(table).ensure(connection, days)


@pytest.fixture
def client(database: DatabaseSettings) -> Iterator[httpx.Client]:
    with_pool(database, _partitioned)
    state.run(database.dsn.get_secret_value(), _TOWN)
    with running_api(database) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client


def pages(client: httpx.Client, path: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    while True:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        yield found["items"]
        if found["next"] is None:
            return
        query["cursor"] = found["next"]


def everything(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    return [item for page in pages(client, path, **query) for item in page]


READINGS, ROLLUPS = "/v1/cities/town/readings", "/v1/cities/town/rollups"


def test_answers_are_as_documented(client: httpx.Client) -> None:
    StoredReadings.model_validate(client.get(READINGS).json())
    StoredRollups.model_validate(client.get(ROLLUPS).json())
    first = client.get(READINGS, params={"sensor": "s", "quantity": "no2"}).json()["items"]
    assert [one["flags"] for one in first[2:5]] == [[], ["out_of_range", "fault_code"], []]
    assert [one["rev"] for one in first] == [0, 1, 0, 1, 0, 1, 0]
    nothing = client.get(ROLLUPS, params={"sensor": "s", "quantity": "no2"}).json()["items"][1]
    assert nothing["min"] is nothing["max"] is nothing["first"] is None
    assert (nothing["count"], nothing["flagged"], nothing["covered_seconds"]) == (0, 1, 60.0)


@pytest.mark.parametrize(("path", "count"), [(READINGS, 42), (ROLLUPS, 24)])
@pytest.mark.parametrize("limit", [1, 5, 6, 42])
def test_pages_are_the_whole_without_doubles(
    client: httpx.Client, path: str, count: int, limit: int
) -> None:
    whole = everything(client, path)
    assert len(whole) == count
    assert all(len(page) <= limit for page in pages(client, path, limit=limit))
    assert everything(client, path, limit=limit) == whole


def test_a_series_a_stretch_or_a_channel_alone(client: httpx.Client) -> None:
    named = everything(client, READINGS, sensor="t", quantity="pm2_5", channel="low", limit=2)
    assert {(one["sensor"], one["quantity"], one["channel"]) for one in named} == {
        ("t", "pm2_5", "low")
    }
    assert len(named) == 7
    assert len(everything(client, READINGS, sensor="t", quantity="pm2_5", channel="")) == 7
    stretch = {"from": "2026-11-23T10:02:00Z", "to": "2026-11-23T10:04:00Z"}
    times = {one["observed_at"] for one in everything(client, READINGS, limit=5, **stretch)}
    assert times == {"2026-11-23T10:02:00Z", "2026-11-23T10:03:00Z"}
    assert not everything(client, ROLLUPS, sensor="nobody")


def test_what_cannot_be_asked_is_told(client: httpx.Client) -> None:
    assert client.get("/v1/cities/nowhere/readings").status_code == 404
    following = client.get(READINGS, params={"limit": 2}).json()["next"]
    for path, query, told in (
        (READINGS, {"limit": 3, "cursor": following}, "the `next` of an earlier answer"),
        (ROLLUPS, {"limit": 2, "cursor": following}, "the `next` of an earlier answer"),
        (READINGS, {"cursor": "b2gh"}, "the `next` of an earlier answer"),
        (READINGS, {"from": "2026-11-23T10:00:00Z", "to": "2026-11-23T10:00:00Z"}, "after `from`"),
        (READINGS, {"sensor": "a b"}, "an id of letters"),
        (READINGS, {"channel": "x" * 65}, "at most 64 characters"),
        (ROLLUPS, {"limit": 1_000_000}, "a whole number from 1"),
    ):
        answer = client.get(path, params=query)
        assert answer.status_code == 422 and told in answer.text
