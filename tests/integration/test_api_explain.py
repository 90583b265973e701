"""Explanations of what the aggregator derived: worked out by hand, they give the value."""

import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.schema_explain import Explanation
from api.schemas import Problem
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from kpi_rules.words import Order
from tests.api_server import with_pool
from tests.integration.aggregator_town import CITY, NOON
from tests.integration.by_hand import check, check_station, stations
from tests.integration.deep_rules import deep_rules
from tests.integration.derived_town import derived_town

RULES = {rule.id: rule for rule in deep_rules()}


@pytest.fixture(scope="module")
def client(module_database: DatabaseSettings) -> Iterator[httpx.Client]:
    with derived_town(module_database) as client:
        yield client


def explain(client: httpx.Client, rule: str, **query: str) -> dict[str, Any]:
    answer = client.get(f"/v1/cities/{CITY}/indicators/{rule}/explain", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    Explanation.model_validate(found)
    return found


def windows(client: httpx.Client, rule: str, zone: str) -> list[dict[str, Any]]:
    """Five windows with a value, from all over a rule's history."""
    path = f"/v1/cities/{CITY}/indicators/{rule}/history"
    answer = client.get(path, params={"zone": zone})
    assert answer.status_code == 200, answer.text
    found = answer.json()["items"]
    known = [one for one in found if one["value"] is not None]
    return known[:: max(len(known) // 5, 1)][:6]


@pytest.mark.parametrize("zone", ["", "north", "south"])
@pytest.mark.parametrize("rule", sorted(RULES))
def test_what_is_printed_gives_the_value_by_hand(
    client: httpx.Client, rule: str, zone: str
) -> None:
    found = windows(client, rule, zone)
    assert found or zone == "south" or rule.endswith(("two_stations", "now"))
    for window in found:
        told = explain(client, rule, zone=zone, at=window["window_begin"])
        assert told["indicator"] == window
        check(told)
        assert (told["observed"], told["stations"]) == (window["observed"], window["stations"])
        assert math.isclose(told["coverage"], window["coverage"], rel_tol=1e-9)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_sensor_is_told_down_to_its_quarter_hours(client: httpx.Client, rule: str) -> None:
    body = RULES[rule].body()
    for window in windows(client, rule, "north")[:2]:
        for sensor in ("a", "b"):
            asked = {"zone": "north", "at": window["window_begin"], "sensor": sensor}
            told = explain(client, rule, **asked)
            names = {one["name"]: one for one in body["inputs"]}
            told_of = list(stations(told["derivation"]))
            assert {station["sensor"] for _, station in told_of} == {sensor}
            for one, station in told_of:
                check_station(names[one["name"]], station)


def test_facts_come_with_their_sources(client: httpx.Client) -> None:
    told = explain(client, "air.deep.people")
    (pm,) = told["derivation"]["inputs"]
    assert {zone["zone"]: zone["population"] for zone in pm["zones"]} == {
        "north": 3000.0,
        "south": 1000.0,
    }
    assert {zone["fact"]["source"] for zone in pm["zones"]} == {"census"}
    assert told["rule"]["revision"] == told["indicator"]["rule_revision"]


def test_what_flags_keep_out_is_named(client: httpx.Client) -> None:
    told = explain(client, "air.pm2_5.hour", zone="north", at="2026-11-23T16:30:00Z")
    assert told["flagged"] == 1
    assert told["excluded"] == [
        {
            "sensor": "a",
            "quantity": "pm2_5",
            "channel": "",
            "observed_at": "2026-11-23T16:05:00Z",
            "value": 999.0,
            "flags": ["fault_code"],
        }
    ]


def test_a_station_that_does_not_count_says_why(client: httpx.Client) -> None:
    asked = {"zone": "north", "at": "2026-11-23T12:00:00Z"}
    told = explain(client, "air.deep.quarter", **asked)
    (pm,) = told["derivation"]["inputs"]
    reasons = {one["sensor"]: one["reason"] for one in pm["stations"]}
    assert set(reasons) == {"a", "b"}
    for one in pm["stations"]:
        assert bool(one["reason"]) is not one["valid"]


def test_links_lead_down_to_the_sensor(client: httpx.Client) -> None:
    told = explain(client, "air.pm2_5.hour", zone="north")
    station = told["derivation"]["inputs"][0]["stations"][0]
    deeper = client.get(station["links"]["explain"]).json()
    Explanation.model_validate(deeper)
    assert deeper["derivation"]["inputs"][0]["stations"][0]["levels"]


def problem(client: httpx.Client, status: int, rule: str, **query: str) -> str:
    answer = client.get(f"/v1/cities/{CITY}/indicators/{rule}/explain", params=query)
    assert answer.status_code == status, answer.text
    return Problem.model_validate(answer.json()).detail


def test_what_is_not_there_is_named(client: httpx.Client) -> None:
    assert "no rule 'x'" in problem(client, 404, "x")
    assert "zone 'west'" in problem(client, 404, "air.pm2_5.hour", zone="west")
    assert "no window" in problem(client, 404, "air.pm2_5.hour", at="2020-01-01T00:00:00Z")
    assert "RFC 3339" in problem(client, 422, "air.pm2_5.hour", at="now")


def test_below_the_seal_it_stops_at_the_rollup(
    client: httpx.Client, module_database: DatabaseSettings
) -> None:
    before = explain(client, "air.pm2_5.hour", zone="north", at="2026-11-23T16:30:00Z")

    async def drop(pool: Pool) -> None:
        await pool.execute(
            "update city set sealed_before = '2026-11-23 20:00Z',"
            " dropped_before = '2026-11-23 20:00Z'"
        )
        await pool.execute("delete from reading where observed_at < '2026-11-23 20:00Z'")

    with_pool(module_database, drop)
    after = explain(client, "air.pm2_5.hour", zone="north", at="2026-11-23T16:30:00Z")
    check(after)
    assert after["value"] == before["value"] and after["excluded"] == []
    assert after["readings_since"] == "2026-11-23T20:00:00Z"
    for _, station in stations(after["derivation"]):
        assert station["links"]["readings"] is None and station["links"]["rollups"]


def test_a_rule_of_which_no_definition_was_kept_is_refused_by_name(
    client: httpx.Client, module_database: DatabaseSettings
) -> None:
    async def forget(pool: Pool) -> None:
        await pool.execute("update rule set definition = '' where id = 'air.pm2_5.day'")

    with_pool(module_database, forget)
    assert "air.pm2_5.day revision 1" in problem(client, 409, "air.pm2_5.day")


def test_the_rules_of_this_file_are_of_every_kind() -> None:
    deep = deep_rules()
    inputs = [one for rule in deep for one in rule.inputs]
    assert {rule.space.order for rule in deep} == set(Order)
    assert any(one.is_series for one in inputs) and any(one.levels for one in inputs)
    assert {str(rule.space.city) for rule in deep} >= {"population_weighted", "mean", "max"}
    assert NOON  # the city's readings begin there
