"""Indicators out to others: retained topics of a real broker, and Prometheus."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from prometheus_client.parser import text_string_to_metric_families

from aggregator.alerting.review import Event, Verdict
from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.derived import IndicatorRow
from cityvitals.store.pool import Pool
from cityvitals.store.tokens import create_token
from tests import plain
from tests.api_city import (
    BODIES,
    CITY,
    HOUR,
    ZONES,
    indicator,
    judge,
    latest_rows,
    make_city,
    smog,
    write,
)
from tests.api_server import eventually, running_api, with_pool
from tests.servers import BrokerServer

pytestmark = pytest.mark.mosquitto
RULE = "air.pm2_5.hour"
ROW = indicator(RULE, "barco")
EVERY = {f"city/v1/{CITY}/kpi/{zone or '_'}/{rule}" for rule in BODIES for zone in ("", *ZONES)}
TOPIC = f"city/v1/{CITY}/kpi/barco/{RULE}"


async def fill(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await make_city(connection)
        await make_city(connection, "bare", "A city without anything", ())
        await write(connection, latest_rows())


def commit(database: DatabaseSettings, row: IndicatorRow, kind: str = "value") -> None:
    async def act(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await write(connection, [row], kind)

    with_pool(database, act)


@contextmanager
def listening(port: int) -> Iterator[list[tuple[str, Any]]]:
    """What a subscriber gets: topic and decoded payload, in order."""
    found: list[tuple[str, Any]] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)

    def subscribe(*_: Any) -> None:
        client.subscribe([(each, 1) for each in ("city/v1/+/kpi/#", "city/v1/+/alert/#")])

    client.on_connect = subscribe
    client.on_message = lambda _c, _u, got: found.append((got.topic, json.loads(got.payload)))
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield found
    finally:
        client.disconnect()
        client.loop_stop()


def topics(found: list[tuple[str, Any]]) -> set[str]:
    return {topic for topic, _ in found}


def values(found: list[tuple[str, Any]]) -> list[float | None]:
    return [body["value"] for topic, body in found if topic == TOPIC]


def test_the_latest_stands_on_retained_topics_and_changes_follow(
    database: DatabaseSettings, own_broker: BrokerServer
) -> None:
    with_pool(database, fill)
    place = BrokerSettings(port=own_broker.port)
    with running_api(database, broker=place, publish=True) as base:
        with listening(own_broker.port) as found:
            eventually(lambda: topics(found) == EVERY, 30)
            shown = plain.get(f"{base}/v1/cities/{CITY}/indicators").json()["items"]
            assert sorted(map(str, shown)) == sorted(str(body) for _, body in found)
            commit(database, ROW._replace(value=12.5))
            eventually(lambda: values(found)[-1] == 12.5)
            before = ROW._replace(window_begin=ROW.window_begin - HOUR, window_end=ROW.window_begin)
            commit(database, before._replace(value=99.0, state="corrected"), "correction")
            commit(database, ROW._replace(value=13.5))
            eventually(lambda: values(found)[-1] == 13.5)
            assert 99.0 not in values(found), "a passed window is not the latest"
        with listening(own_broker.port) as late:
            eventually(lambda: topics(late) == EVERY, 30)
            assert values(late) == [13.5], "whoever comes later has the latest, once"


def test_alerts_stand_on_retained_topics(
    database: DatabaseSettings, own_broker: BrokerServer
) -> None:
    """Whoever subscribes late is told that one lasts; one that ended meanwhile says so."""

    def decide(zone: str, event: Event, key: int | None, until: int | None = None) -> int:
        async def act(pool: Pool) -> int:
            verdict = Verdict(event, key, smog(5, until=until))
            async with pool.acquire() as connection:
                return await judge(connection, zone, verdict)

        return with_pool(database, act)

    def states(found: list[tuple[str, Any]], zone: str) -> list[str]:
        return [body["state"] for topic, body in found if topic == f"{alerts}/{zone}/own.smog"]

    alerts = f"city/v1/{CITY}/alert"
    with_pool(database, fill)
    barco, city = decide("barco", Event.RAISED, None), decide("", Event.RAISED, None)
    place = BrokerSettings(port=own_broker.port)
    with running_api(database, broker=place, publish=True), listening(own_broker.port) as found:
        eventually(lambda: states(found, "barco") == states(found, "_") == ["active"], 30)
        decide("barco", Event.CLEARED, barco, until=8)
        eventually(lambda: states(found, "barco") == ["active", "cleared"])
    decide("", Event.CLEARED, city, until=9)
    with running_api(database, broker=place, publish=True), listening(own_broker.port) as late:
        eventually(lambda: states(late, "_")[-1:] == ["cleared"], 30)
        assert states(late, "barco")[:1] == ["cleared"]


def test_after_the_broker_was_away_everything_stands_there_again(
    database: DatabaseSettings, own_broker: BrokerServer
) -> None:
    with_pool(database, fill)
    place = BrokerSettings(port=own_broker.port)
    with running_api(database, broker=place, publish=True):
        with listening(own_broker.port) as found:
            eventually(lambda: topics(found) == EVERY, 30)
        own_broker.stop()
        commit(database, ROW._replace(value=14.5))
        own_broker.start()
        with listening(own_broker.port) as found:
            eventually(lambda: topics(found) == EVERY and values(found)[-1] == 14.5, 60)


def test_of_two_apis_one_publishes_and_the_other_takes_over(
    database: DatabaseSettings, own_broker: BrokerServer
) -> None:
    with_pool(database, fill)
    place = BrokerSettings(port=own_broker.port)
    with listening(own_broker.port) as found:
        with running_api(database, broker=place, publish=True):
            eventually(lambda: topics(found) == EVERY, 30)
            with running_api(database, broker=place, publish=True) as second:
                commit(database, ROW._replace(value=12.5))
                eventually(lambda: values(found)[-1] == 12.5)
                metrics = plain.get(f"{second}/metrics").text
                assert "cityvitals_api_published_total 0.0" in metrics
                assert values(found).count(12.5) == 1
        with running_api(database, broker=place, publish=True):
            commit(database, ROW._replace(value=13.5))
            eventually(lambda: values(found)[-1] == 13.5, 30)


def test_prometheus_reads_the_latest_indicators(database: DatabaseSettings) -> None:
    with_pool(database, fill)
    with running_api(database) as base:
        text = plain.get(f"{base}/metrics/indicators").text
        shown = plain.get(f"{base}/v1/cities/{CITY}/indicators").json()["items"]
    families = {one.name: one.samples for one in text_string_to_metric_families(text)}
    expected = {(one["rule"], one["zone"] or ""): one for one in shown}
    found = {(s.labels["rule"], s.labels["zone"]): s for s in families["cityvitals_indicator"]}
    assert set(found) == {key for key, one in expected.items() if one["value"] is not None}
    for key, sample in found.items():
        assert sample.value == expected[key]["value"]
        assert sample.labels["unit"] == expected[key]["unit"]
        assert sample.labels["city"] == CITY
    ends = families["cityvitals_indicator_window_end_seconds"]
    assert len(families["cityvitals_indicator_coverage"]) == len(ends) == len(expected)
    wanted = {datetime.fromisoformat(one["window_end"]).timestamp() for one in shown}
    assert {one.value for one in ends} == wanted


def test_prometheus_is_told_of_a_tokens_cities_alone(database: DatabaseSettings) -> None:
    with_pool(database, fill)

    async def make(pool: Pool) -> str:
        return await create_token(pool, "prometheus", ["read"], ["bare"], None)

    with running_api(database, access="closed", ready=False) as base:
        eventually(lambda: plain.get(f"{base}/readyz").status_code == 200)
        assert plain.get(f"{base}/metrics/indicators").status_code == 401
        token = {"Authorization": f"Bearer {with_pool(database, make)}"}
        answer = plain.get(f"{base}/metrics/indicators", headers=token)
        assert answer.status_code == 200 and CITY not in answer.text
