"""What is listed of a town that was derived: pages, formats, filters, times."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from api.letters_route import DeadLetters
from api.schema_alerts import Alerts
from api.schema_readings import Readings, Rollups
from api.schema_rules import RuleRevisions, Rules
from api.schema_sensors import Sensors, SeriesList
from api.schemas import Cities, Facts, Indicators, Zones
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from kpi_rules.load import read_definition
from tests.api_server import with_pool
from tests.integration.aggregator_town import CITY, STATIONS
from tests.integration.derived_town import FAULT_AT, PATH, derived_town

HOURLY = f"{PATH}/indicators/air.pm2_5.hour"
LISTS: dict[str, type[BaseModel]] = {
    "/v1/cities": Cities,
    "/v1/rules": Rules,
    "/v1/rules/air.pm2_5.hour": RuleRevisions,
    f"{PATH}/zones": Zones,
    f"{PATH}/sensors": Sensors,
    f"{PATH}/series": SeriesList,
    f"{PATH}/series/a/pm2_5/readings": Readings,
    f"{PATH}/series/a/pm2_5/rollups": Rollups,
    f"{PATH}/indicators": Indicators,
    f"{HOURLY}/history": Indicators,
    f"{HOURLY}/revisions": Indicators,
    f"{PATH}/alerts": Alerts,
    f"{PATH}/facts": Facts,
    f"{PATH}/dead-letters": DeadLetters,
}
Day = tuple[datetime, datetime]
WHOLE = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-26T00:00:00Z"}


@pytest.fixture(scope="module")
def client(module_database: DatabaseSettings) -> Iterator[httpx.Client]:
    with derived_town(module_database, ()) as client:
        with_pool(module_database, add_letters)
        yield client


async def add_letters(pool: Pool) -> None:
    """Seven letters of three messages, several of which came at the same moment."""
    await pool.execute(
        "insert into dead_message (hash, topic, payload, last_at) "
        "select decode(lpad(to_hex(n), 64, '0'), 'hex'), 'city/v1/town/air/gw-1/a/obs', 'x',"
        " '2026-11-23 12:00Z' from generate_series(1, 3) n"
    )
    await pool.execute(
        "insert into dead_letter (hash, index, city, gateway, reason, detail, first_at, last_at)"
        " select decode(lpad(to_hex(1 + n % 3), 64, '0'), 'hex'), n, $1, 'gw-1', 'no_time', '=1+1',"
        " '2026-11-23 11:00Z', '2026-11-23 12:00Z'::timestamptz - (n / 4) * interval '1 h'"
        " from generate_series(1, 7) n",
        CITY,
    )
    await pool.execute(
        "update zone set geometry = "
        """'{"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}' where id = 'north'"""
    )


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list, one after the other."""
    found: list[dict[str, Any]] = []
    for _ in range(1000):
        answer = get(client, path, **query)
        assert len(answer["items"]) <= query["limit"]
        found += answer["items"]
        if answer["next"] is None:
            return found
        query["cursor"] = answer["next"]
    raise AssertionError("pages without end")


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_as_documented_and_says_its_time_zone(client: httpx.Client, path: str) -> None:
    answer = get(client, path)
    LISTS[path].model_validate(answer)
    if path.startswith(PATH):
        assert (answer["city"], answer["time_zone"]) == (CITY, "Europe/Rome")
    assert answer["items"] or path.endswith("/facts")


@pytest.mark.parametrize("path", LISTS)
def test_what_is_asked_for_again_unchanged_is_not_sent_twice(
    client: httpx.Client, path: str
) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", [path for path in LISTS if path != "/v1/rules/air.pm2_5.hour"])
def test_csv_has_the_same_items(client: httpx.Client, path: str) -> None:
    items = get(client, path)["items"]
    for answer in (
        client.get(path, params={"format": "csv"}),
        client.get(path, headers={"Accept": "text/csv"}),
    ):
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == len(items)
        if items:
            assert list(rows[0]) == list(items[0])


def test_csv_is_no_formula(client: httpx.Client) -> None:
    text = client.get(f"{PATH}/dead-letters", params={"format": "csv"}).text
    assert ",'=1+1," in text


@pytest.mark.parametrize(
    ("path", "limit", "query"),
    [
        (f"{PATH}/sensors", 2, {}),
        (f"{PATH}/series", 2, {}),
        (f"{PATH}/dead-letters", 2, {}),
        ("/v1/rules", 2, {}),
        (f"{PATH}/series/a/pm2_5/readings", 13, WHOLE),
        (f"{PATH}/series/b/pm2_5/readings", 5, WHOLE),
        (f"{PATH}/series/a/pm2_5/rollups", 17, WHOLE),
        (f"{HOURLY}/history", 7, {"as_of": "2100-01-01T00:00:00Z"}),
    ],
)
def test_pages_are_the_whole_without_doubles(
    client: httpx.Client, path: str, limit: int, query: dict[str, str]
) -> None:
    paged = pages(client, path, limit=limit, **query)
    assert paged == pages(client, path, limit=500, **query)
    assert len(paged) > limit and len({str(item) for item in paged}) == len(paged)


def test_readings_of_a_series_are_all_that_is_stored(
    client: httpx.Client, module_database: DatabaseSettings
) -> None:
    async def count(pool: Pool) -> int:
        found: int = await pool.fetchval(
            "select count(*) from reading r join series s on s.id = r.series_id "
            "where s.sensor = 'b' and observed_at >= '2026-11-10Z'"
        )
        return found

    asked = {"from": "2026-11-10T00:00:00Z", "to": "2026-12-30T00:00:00Z", "limit": 5000}
    found = pages(client, f"{PATH}/series/b/pm2_5/readings", **asked)
    assert len(found) == with_pool(module_database, count) > 100


def test_a_flagged_reading_says_so(client: httpx.Client) -> None:
    asked = {"from": FAULT_AT, "to": "2026-11-23T16:06:00Z"}
    (found,) = get(client, f"{PATH}/series/a/pm2_5/readings", **asked)["items"]
    assert (found["value"], found["flags"]) == (999.0, ["fault_code"])
    (bucket,) = get(
        client,
        f"{PATH}/series/a/pm2_5/rollups",
        **{"from": "2026-11-23T16:00:00Z", "to": "2026-11-23T16:15:00Z"},
    )["items"]
    assert bucket["flagged"] == 1 and bucket["max"] < 999


def test_a_series_in_steps(client: httpx.Client) -> None:
    path = f"{PATH}/series/a/pm2_5/history"
    found = get(client, path, step="3600", **WHOLE)
    assert found["step_seconds"] == 3600 and found["time_zone"] == "Europe/Rome"
    answer = client.get(path, params={"step": "900", "points": "2", **WHOLE})
    assert answer.status_code == 422 and "longer step" in answer.text
    assert "multiple of 900" in client.get(path, params={"step": "1000"}).text


def test_sensors_say_where_they_stand_and_how_they_are(client: httpx.Client) -> None:
    found = {one["id"]: one for one in get(client, f"{PATH}/sensors")["items"]}
    assert set(found) == set(STATIONS)
    assert {name: one["zone"] for name, one in found.items()} == {
        name: station.zone for name, station in STATIONS.items()
    }
    assert {one["status"] for one in found.values()} <= {"active", "silent"}
    assert all(one["last_seen"] for one in found.values())
    for query, expected in (
        ({"zone": "south"}, {"c"}),
        ({"zone": ""}, {"w"}),
        ({"domain": "water"}, {"w"}),
        ({"gateway": "gw-1"}, {"a", "e"}),
        ({"sensor": "b"}, {"b"}),
    ):
        some = get(client, f"{PATH}/sensors", **query)["items"]
        assert {one["id"] for one in some} == expected, query


def test_a_gauge_that_repeats_itself_all_day_is_stuck(
    client: httpx.Client, module_database: DatabaseSettings
) -> None:
    sensors = get(client, f"{PATH}/sensors")
    assert not any(one["stuck"] for one in sensors["items"])
    until = datetime.fromisoformat(sensors["statistics_until"])
    day = until - timedelta(days=1), until
    for repeated, stuck in ((18, []), (19, ["pm2_5"])):
        with_pool(module_database, partial(repeat, day=day, many=repeated))
        found = {one["id"]: one["stuck"] for one in get(client, f"{PATH}/sensors")["items"]}
        assert found == {name: stuck if name == "a" else [] for name in STATIONS}
        (one,) = get(client, f"{PATH}/series", sensor="a")["items"]
        assert one["repeated"] * 20 == one["observed"] * repeated > 0
    with_pool(module_database, partial(forget_repeats, day=day))


async def repeat(pool: Pool, day: Day, many: int) -> None:
    """The gauge `a` said 20 things in each quarter hour that `b` has, many of them again."""
    await forget_repeats(pool, day)
    await pool.execute(
        "insert into rollup select (jsonb_populate_record(null::rollup, to_jsonb(r) ||"
        " jsonb_build_object('series_id', a.id, 'count', 20, 'repeated', $1::int))).*"
        " from rollup r join series b on b.id = r.series_id and b.sensor = 'b'"
        " join series a on a.sensor = 'a' where bucket_begin >= $2 and bucket_begin < $3",
        many,
        *day,
    )


async def forget_repeats(pool: Pool, day: Day) -> None:
    await pool.execute(
        "delete from rollup r using series s where s.id = r.series_id and s.sensor = 'a'"
        " and bucket_begin >= $1 and bucket_begin < $2",
        *day,
    )


def test_series_say_what_they_declare(client: httpx.Client) -> None:
    (one,) = get(client, f"{PATH}/series", sensor="e")["items"]
    assert (one["kind"], one["period_seconds"], one["stamp"]) == ("interval_total", 1800, "begin")
    assert one["source"] == "meta" and one["unit"] == "kW.h"
    assert {one["sensor"] for one in get(client, f"{PATH}/series", quantity="pm2_5")["items"]} == {
        "a",
        "b",
        "c",
    }


def test_places_come_as_geojson(client: httpx.Client) -> None:
    zones = client.get(f"{PATH}/zones", params={"format": "geojson"})
    assert zones.headers["content-type"] == "application/geo+json"
    assert zones.json()["type"] == "FeatureCollection"
    shapes = {one["id"]: one["geometry"] for one in zones.json()["features"]}
    assert shapes["north"]["type"] == "Polygon" and shapes["south"] is None
    latest = get(client, f"{PATH}/indicators", format="geojson", rule="air.pm2_5.hour")
    by_zone = {one["properties"]["zone"]: one for one in latest["features"]}
    assert by_zone["north"]["geometry"] == shapes["north"]
    assert by_zone["north"]["properties"]["unit"] == "ug/m3"


def test_rules_are_filtered_and_told_whole(client: httpx.Client) -> None:
    found = get(client, "/v1/rules", domain="water")["items"]
    assert [one["id"] for one in found] == ["water.supplied.day"]
    (revision,) = get(client, "/v1/rules/water.supplied.day")["items"]
    assert revision["body"]["expression"] == "supplied"
    assert read_definition(revision["definition"]).digest == revision["digest"]
    assert client.get("/v1/rules/x").status_code == 404


def test_what_was_known_at_a_time(client: httpx.Client, module_database: DatabaseSettings) -> None:
    asked = {"from": "2026-11-23T12:00:00Z", "to": "2026-11-23T13:00:00Z"}

    async def correct(pool: Pool) -> None:
        await pool.execute(
            "insert into indicator select city, rule, zone, window_begin, revision + 1, window_end,"
            " rule_revision, 'corrected', closed, value + 1, numerator, denominator, coverage,"
            " observed, flagged, reason, stations, silent, watermark, computed_at + interval '1 d',"
            " change_number, facts, station_count from indicator"
            " where rule = 'air.pm2_5.hour' and zone = ''"
            " and window_begin = '2026-11-23 12:00Z' order by revision desc limit 1"
        )

    (before,) = get(client, f"{HOURLY}/history", **asked)["items"]
    with_pool(module_database, correct)
    (after,) = get(client, f"{HOURLY}/history", **asked)["items"]
    assert after["value"] == before["value"] + 1
    (known,) = get(client, f"{HOURLY}/history", as_of=before["computed_at"], **asked)["items"]
    assert known == before
    revisions = get(client, f"{HOURLY}/revisions", **asked)["items"]
    assert revisions[-2:] == [before, after]
    assert [one["revision"] for one in revisions] == sorted(one["revision"] for one in revisions)
    long_ago = get(client, f"{HOURLY}/history", as_of="2020-01-01T00:00:00Z", **asked)
    assert long_ago["items"] == []


@pytest.mark.parametrize("cursor", ["x", "WzFd", "bnVsbA", "WzEsIngiXQ", "W1tdXQ"])
@pytest.mark.parametrize(
    "path", ["sensors", "series", "dead-letters", "series/a/pm2_5/readings", "/v1/rules"]
)
def test_a_foreign_cursor_is_refused(client: httpx.Client, path: str, cursor: str) -> None:
    full = path if path.startswith("/") else f"{PATH}/{path}"
    answer = client.get(full, params={"cursor": cursor})
    assert answer.status_code == 422 and "earlier answer" in answer.text
