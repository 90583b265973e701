"""Every route against a real database, rows put there as the aggregator would."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.parameters import make_cursor
from api.schemas import Cities, City, Facts, Indicators, Ledger, Problem, Zones
from cityvitals.domain.facts import Quality
from cityvitals.domain.times import EARLIEST_US, to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import IndicatorRow
from cityvitals.store.fact_format import Fact
from cityvitals.store.facts import state_facts
from cityvitals.store.pool import Pool
from tests.api_city import (
    BODIES,
    CITY,
    HOUR,
    NOW,
    ZONES,
    history_rows,
    indicator,
    latest_rows,
    make_city,
    window_of,
    write,
    write_history,
)
from tests.api_server import running_api, with_pool

RULE = "air.pm2_5.hour"
SINCE = "2026-11-21T23:00:00Z"
DAY_1 = to_us(datetime.fromisoformat(SINCE))
HISTORY = f"/v1/cities/{CITY}/indicators/{RULE}/history"
ROWS = history_rows(RULE, "centro", 40)


async def fill(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await make_city(connection)
        await make_city(connection, "bare", "A city without anything", ())
        await write(connection, latest_rows())
    await write_history(pool, ROWS)
    await write_history(pool, await with_facts(pool))
    await write_history(pool, [ROWS[-5]._replace(revision=2, state="corrected", value=99.5)])


PER_HEAD = "water.supplied_per_capita.day"
FACTS = [
    Fact("population", "centro", EARLIEST_US, 900.0, "{inhabitant}", "census", Quality.SURVEYED),
    Fact("population", "centro", DAY_1, 1000.0, "{inhabitant}", "register", Quality.MEASURED),
    Fact("population", "", DAY_1, 5000.0, "{inhabitant}", "register", Quality.MEASURED),
    Fact("street_length", "", EARLIEST_US, 40.0, "km", "GIS", Quality.ESTIMATED),
]


async def with_facts(pool: Pool) -> list[IndicatorRow]:
    """State facts, one of them put right afterwards; two days that were made with them."""
    async with pool.acquire() as connection, connection.transaction():
        await state_facts(connection, CITY, FACTS)
    known = {
        (row["zone"], row["value"]): row["id"] for row in await pool.fetch("select * from fact")
    }
    async with pool.acquire() as connection, connection.transaction():
        await state_facts(connection, CITY, [replace(FACTS[1], value=1001.0)])
    before, after = (indicator(PER_HEAD, "centro", back=back) for back in (2, 1))
    return [
        before._replace(facts=[known["centro", 900.0]]),
        after._replace(facts=[known["centro", 1000.0]]),
    ]


@pytest.fixture
def client(database: DatabaseSettings) -> Iterator[httpx.Client]:
    with_pool(database, fill)
    with running_api(database) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client


def items(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def problem(client: httpx.Client, status: int, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    Problem.model_validate(found)
    assert found["status"] == status and found["instance"] == path
    return found


def test_all_routes_answer_as_documented(client: httpx.Client) -> None:
    city = f"/v1/cities/{CITY}"
    Cities.model_validate(client.get("/v1/cities").json())
    City.model_validate(client.get(city).json())
    Facts.model_validate(client.get(f"{city}/facts").json())
    Zones.model_validate(client.get(f"{city}/zones").json())
    Indicators.model_validate(client.get(f"{city}/indicators").json())
    Indicators.model_validate(client.get(HISTORY, params={"zone": "centro"}).json())


def test_city_says_up_to_when_its_data_is_complete(client: httpx.Client) -> None:
    shown = {city["id"]: city for city in items(client, "/v1/cities")}
    assert shown[CITY]["time_zone"] == "Europe/Rome"
    assert shown[CITY]["complete_to"] == "2026-11-23T09:31:56Z"
    assert shown["bare"]["complete_to"] is None
    assert client.get(f"/v1/cities/{CITY}").json() == shown[CITY]


def test_zones_of_a_city(client: httpx.Client) -> None:
    found = items(client, f"/v1/cities/{CITY}/zones")
    assert {zone["id"]: zone["name"] for zone in found} == ZONES
    assert items(client, "/v1/cities/bare/zones") == []


def test_facts_are_those_stated_now(client: httpx.Client) -> None:
    path = f"/v1/cities/{CITY}/facts"
    found = items(client, path)
    assert [(one["name"], one["zone"], one["value"], one["quality"]) for one in found] == [
        ("population", None, 5000.0, "measured"),
        ("population", "centro", 900.0, "surveyed"),
        ("population", "centro", 1001.0, "measured"),
        ("street_length", None, 40.0, "estimated"),
    ]
    assert [one["valid_from"] for one in found] == [SINCE, None, SINCE, None]
    assert [one["value"] for one in items(client, path, zone="")] == [5000.0, 40.0]
    early = items(client, path, at="2020-01-01T00:00:00Z", name="population")
    assert [one["value"] for one in early] == [900.0]
    late = items(client, path, at=SINCE, name="population", zone="centro")
    assert [one["value"] for one in late] == [1001.0]
    assert items(client, "/v1/cities/bare/facts") == []
    assert "no zone 'west'" in problem(client, 404, path, zone="west")["detail"]


def test_an_indicator_shows_the_facts_that_it_was_made_with(client: httpx.Client) -> None:
    path = f"/v1/cities/{CITY}/indicators/{PER_HEAD}/history"
    before, after, running = items(client, path, zone="centro")
    assert before["facts"][0]["value"] == 900.0
    assert after["facts"] == [
        {
            "id": after["facts"][0]["id"],
            "name": "population",
            "zone": "centro",
            "value": 1000.0,  # not what was put right afterwards
            "unit": "{inhabitant}",
            "valid_from": SINCE,
            "source": "register",
            "quality": "measured",
        }
    ]
    assert running["facts"] == []


def test_latest_is_every_rule_of_the_city_and_of_each_zone(client: httpx.Client) -> None:
    found = items(client, f"/v1/cities/{CITY}/indicators")
    assert {(one["rule"], one["zone"]) for one in found} == {
        (rule, zone) for rule in BODIES for zone in (None, *ZONES)
    }
    assert items(client, "/v1/cities/bare/indicators") == []


def test_latest_is_filtered_by_zone_rule_and_domain(client: httpx.Client) -> None:
    path = f"/v1/cities/{CITY}/indicators"
    assert {one["zone"] for one in items(client, path, zone="barco")} == {"barco"}
    assert {one["zone"] for one in items(client, path, zone="")} == {None}
    assert {one["rule"] for one in items(client, path, rule=RULE)} == {RULE}
    assert {one["domain"] for one in items(client, path, domain="water")} == {"water"}
    one = items(client, path, domain="air", zone="centro", rule="air.no2.hour")
    assert [(i["value"], i["state"]) for i in one] == [(None, "insufficient")]
    assert "0.5 needed" in one[0]["reason"]
    assert items(client, path, domain="noise") == []


def test_latest_is_never_older_than_the_last_commit(
    client: httpx.Client, database: DatabaseSettings
) -> None:
    path = f"/v1/cities/{CITY}/indicators"
    row = indicator(RULE, "centro")
    for value in (1.0, 2.0, 3.0):
        changed = row._replace(value=value)

        async def commit(pool: Pool, changed: IndicatorRow = changed) -> None:
            async with pool.acquire() as connection:
                await write(connection, [changed])

        with_pool(database, commit)
        found = items(client, path, rule=RULE, zone="centro")
        assert [one["value"] for one in found] == [value]


def test_history_ascends_with_the_newest_revision_and_the_window_that_runs(
    client: httpx.Client,
) -> None:
    found = items(client, HISTORY, zone="centro")
    begins = [one["window_begin"] for one in found]
    assert begins == sorted(set(begins))
    assert len(found) == len(ROWS) + 1
    assert found[-1]["state"] == "provisional"
    assert (found[-6]["state"], found[-6]["value"], found[-6]["revision"]) == ("corrected", 99.5, 2)


def test_history_pages_are_the_whole_without_doubles(client: httpx.Client) -> None:
    whole = items(client, HISTORY, zone="centro")
    paged: list[dict[str, Any]] = []
    query: dict[str, Any] = {"zone": "centro", "limit": 7}
    while True:
        answer = client.get(HISTORY, params=query).json()
        assert len(answer["items"]) <= 7
        paged += answer["items"]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert paged == whole


def test_page_that_ends_with_the_last_window_has_no_next(client: httpx.Client) -> None:
    answer = client.get(HISTORY, params={"zone": "centro", "limit": len(ROWS) + 1}).json()
    assert answer["next"] is None and len(answer["items"]) == len(ROWS) + 1


def test_history_from_is_included_and_to_is_not(client: httpx.Client) -> None:
    begin, _ = window_of(RULE, NOW, 4)
    query = {"from": begin.isoformat(), "to": (begin + 2 * HOUR).isoformat()}
    found = items(client, HISTORY, zone="centro", **query)
    wanted = [begin, begin + HOUR]
    assert [datetime.fromisoformat(one["window_begin"]) for one in found] == wanted


def test_history_without_zone_is_the_citys_own(client: httpx.Client) -> None:
    assert [one["zone"] for one in items(client, HISTORY)] == [None]


def test_unknown_city_zone_and_rule_are_named(client: httpx.Client) -> None:
    city = f"/v1/cities/{CITY}/indicators"
    for path in ("", "/zones", "/indicators", f"/indicators/{RULE}/history"):
        assert "'atlantis'" in problem(client, 404, f"/v1/cities/atlantis{path}")["detail"]
    assert "zone 'x'" in problem(client, 404, city, zone="x")["detail"]
    assert "rule 'x'" in problem(client, 404, city, rule="x")["detail"]
    assert "zone 'x'" in problem(client, 404, HISTORY, zone="x")["detail"]
    assert "rule 'x'" in problem(client, 404, f"{city}/x/history")["detail"]
    assert "'atlantis'" in problem(client, 404, "/v1/stream", city="atlantis")["detail"]


@pytest.mark.parametrize("path", ["", "/zones", "/indicators", f"/indicators/{RULE}/history"])
def test_text_that_no_city_can_be_called_is_unknown(client: httpx.Client, path: str) -> None:
    assert client.get(f"/v1/cities/x%00{path}").status_code == 404


def test_cursor_at_the_end_of_time_has_nothing_behind_it(client: httpx.Client) -> None:
    cursor = make_cursor(datetime.max.replace(tzinfo=UTC), f"{CITY}//{RULE}")
    assert items(client, HISTORY, cursor=cursor) == []


def test_bad_parameters_are_named_with_what_was_expected(client: httpx.Client) -> None:
    found = problem(client, 422, HISTORY, form="x", to="2026-11-23T10:00:00", limit="none")
    assert {fault["parameter"] for fault in found["errors"]} == {"form", "to", "limit"}
    assert "RFC 3339" in found["detail"]
    for path in ("/v1/cities", f"/v1/cities/{CITY}", f"/v1/cities/{CITY}/zones"):
        assert "page: unknown" in problem(client, 422, path, page="2")["detail"]
    same = NOW.isoformat()
    assert "after `from`" in problem(client, 422, HISTORY, **{"from": same, "to": same})["detail"]
    assert "cursor" in problem(client, 422, HISTORY, cursor="made-up")["detail"]
    assert "city" in problem(client, 422, "/v1/stream")["detail"]


def test_cursor_of_another_history_is_refused(client: httpx.Client) -> None:
    following = client.get(HISTORY, params={"zone": "centro", "limit": 1}).json()["next"]
    assert "earlier answer" in problem(client, 422, HISTORY, cursor=following)["detail"]


def test_unknown_path_and_method_are_problems(client: httpx.Client) -> None:
    assert "openapi" in problem(client, 404, "/v1/citys")["detail"]
    answer = client.post("/v1/cities", json={})
    assert answer.status_code == 405 and answer.headers["allow"] == "GET"
    Problem.model_validate(answer.json())


def test_bug_is_a_problem_that_tells_no_secrets(
    client: httpx.Client, database: DatabaseSettings
) -> None:
    async def forget(pool: Pool) -> None:
        await pool.execute("delete from rule")

    with_pool(database, forget)
    found = problem(client, 500, f"/v1/cities/{CITY}/indicators")
    assert "log" in found["detail"] and "rule" not in found["detail"]


def test_health_and_metrics(client: httpx.Client) -> None:
    client.get(f"/v1/cities/{CITY}/indicators")
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").json() == {"ready": True, "reasons": []}
    metrics = client.get("/metrics").text
    route = 'route="/v1/cities/{city}/indicators",status="200"'
    assert f'cityvitals_api_requests_total{{method="GET",{route}}} 1.0' in metrics
    assert "cityvitals_api_request_seconds_bucket" in metrics


def test_page_is_served_with_a_policy_and_is_not_sent_twice(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200 and "CityVitals" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304 and not again.content
    script = re.search(r"/static/main-\w+\.js", page.text)
    assert script
    assert client.get(script[0]).headers["content-type"].startswith("text/javascript")
    assert client.get("/static/..%2Fapp.py").status_code == 404
    assert client.get("/static/nothing.js").status_code == 404


def test_windows_far_apart_are_found_over_partitions(
    client: httpx.Client, database: DatabaseSettings
) -> None:
    old = NOW - timedelta(days=400)

    async def add(pool: Pool) -> None:
        await write_history(pool, [indicator(RULE, "centro", old, 1)])

    with_pool(database, add)
    found = items(client, HISTORY, zone="centro", limit=2)
    assert datetime.fromisoformat(found[0]["window_begin"]) < old
    assert len(found) == 2


def test_ledger_says_what_became_of_everything(
    client: httpx.Client, database: DatabaseSettings
) -> None:
    async def book(pool: Pool) -> None:
        await pool.execute(
            "insert into ledger (lane, city, gateway, received, stored, rejected) "
            "values ('a', $1, 'gw', 3, 2, 1), ('b', $1, 'gw', 1, 1, 0)",
            CITY,
        )
        await pool.execute(
            "insert into lane_worker (lane, share, broker, epoch, in_flight) "
            "values ('a', 's', 'b', 1, 7)"
        )

    with_pool(database, book)
    answer = client.get(f"/v1/cities/{CITY}/ledger").json()
    Ledger.model_validate(answer)
    assert [(one["gateway"], one["received"]) for one in answer["gateways"]] == [("gw", 4)]
    assert answer["closes"] and answer["in_flight"] == {"messages": 7, "workers": 1}
    problem(client, 404, "/v1/cities/nowhere/ledger")
