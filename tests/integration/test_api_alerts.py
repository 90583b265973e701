"""Alerts through the API: listed, told of on the stream, acknowledged."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from aggregator.alerting.review import Event, Verdict
from api.schema_alerts import AlertHistory, Alerts
from cityvitals.domain.logbody import decode_json
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from cityvitals.store.tokens import create_token
from kpi_rules.alerts.model import AlertRule, Severity
from tests import plain
from tests.api_city import (
    CITY,
    SMOG,
    indicator,
    judge,
    make_cities,
    own_alert,
    smog,
    write,
)
from tests.api_server import next_of, running_api, stream, with_pool

PATH = f"/v1/cities/{CITY}/alerts"
NOTICE = replace(own_alert("own.haze", "air.pm10.hour", 40.0), severity=Severity.NOTICE)
get, post = partial(plain.get, timeout=60), partial(plain.post, timeout=60)
Judge = Callable[..., int]


@pytest.fixture
def filled(database: DatabaseSettings) -> DatabaseSettings:
    with_pool(database, make_cities)
    return database


@pytest.fixture
def decide(filled: DatabaseSettings) -> Judge:
    """Commit what became of an alert."""

    def act(zone: str, verdict: Verdict, rule: AlertRule = SMOG) -> int:
        async def commit(pool: Pool) -> int:
            async with pool.acquire() as connection:
                return await judge(connection, zone, verdict, rule)

        return with_pool(filled, commit)

    return act


@pytest.fixture
def base(filled: DatabaseSettings) -> Iterator[str]:
    with running_api(filled) as base:
        yield base


def token(database: DatabaseSettings, *scopes: str, name: str = "duty desk") -> dict[str, str]:
    async def make(pool: Pool) -> str:
        return await create_token(pool, name, scopes, None, None)

    return {"Authorization": f"Bearer {with_pool(database, make)}"}


def raised(zone: str, decide: Judge, rule: AlertRule = SMOG, **given: Any) -> int:
    return decide(zone, Verdict(Event.RAISED, None, smog(5, **given)), rule)


def ids(base: str, **query: Any) -> list[int]:
    answer = get(f"{base}{PATH}", params=query)
    assert answer.status_code == 200, answer.text
    Alerts.model_validate(answer.json())
    return [one["id"] for one in answer.json()["items"]]


def test_alerts_are_listed_by_what_they_are(
    base: str, decide: Judge, filled: DatabaseSettings
) -> None:
    assert ids(base) == []
    barco, city = raised("barco", decide), raised("", decide)
    over = raised("centro", decide, until=7)
    haze = raised("", decide, NOTICE)
    assert ids(base) == [haze, over, city, barco], "the newest first"
    assert ids(base, state="active") == [haze, city, barco]
    assert ids(base, state="cleared,withdrawn") == [over]
    assert ids(base, severity="notice") == [haze]
    assert ids(base, zone="") == [haze, city]
    assert ids(base, zone="barco", alert="own.smog") == [barco]
    acknowledged = post(
        f"{base}{PATH}/{city}/acknowledge", json={}, headers=token(filled, "alerts")
    )
    assert acknowledged.status_code == 200, acknowledged.text
    assert ids(base, acknowledged="true") == [city]
    assert ids(base, acknowledged="false", state="active") == [haze, barco]
    first = get(f"{base}{PATH}", params={"limit": 3}).json()
    assert len(first["items"]) == 3
    assert ids(base, limit=3, cursor=first["next"]) == [barco]
    assert "own.smog" in get(f"{base}{PATH}?format=csv").text


def test_who_may_acknowledge_does_so_once(
    base: str, decide: Judge, filled: DatabaseSettings
) -> None:
    key = raised("barco", decide)
    url = f"{base}{PATH}/{key}/acknowledge"
    assert post(url, json={}).status_code == 401
    for scope in ("read", "facts"):
        assert post(url, json={}, headers=token(filled, scope)).status_code == 403
    headers = token(filled, "alerts")
    answer = post(url, json={"comment": "Press told."}, headers=headers)
    assert answer.status_code == 200, answer.text
    AlertHistory.model_validate(answer.json())
    said = answer.json()["alert"]["acknowledged"]
    assert (said["by"], said["comment"]) == ("duty desk", "Press told.")
    again = post(url, json={"comment": "Me too."}, headers=token(filled, "admin", name="other"))
    assert again.json() == answer.json(), "it stays whose it was"
    assert [one["event"] for one in answer.json()["history"]] == ["raised", "acknowledged"]
    assert get(f"{base}{PATH}/{key}").json() == answer.json()
    audit = get(f"{base}/v1/cities/{CITY}/audit", headers=token(filled, "admin")).json()["items"]
    assert [(one["action"], one["token_name"]) for one in audit] == [
        ("acknowledge_alert", "duty desk")
    ]
    assert audit[0]["body"] == {"alert": key, "comment": "Press told."}

    async def logged(pool: Pool) -> list[Any]:
        return await pool.fetch(
            "select shard, lane, body from commit_log where kind = $1", int(LogKind.ALERTS)
        )

    (entry,) = with_pool(filled, logged)
    assert (entry["shard"], entry["lane"]) == (shard_of(CITY), "admin")
    assert decode_json(entry["body"]) == {"city": CITY, "alert": key}


def test_what_cannot_be_is_refused_by_name(
    base: str, decide: Judge, filled: DatabaseSettings
) -> None:
    key = raised("barco", decide)
    for query in ("state=open", "acknowledged=yes", "severity=high", "limit=0", "cursor=x", "a=b"):
        answer = get(f"{base}{PATH}?{query}")
        assert answer.status_code == 422, query
        assert query.split("=")[0] in answer.text
    headers = token(filled, "alerts")
    bodies: list[Any] = [
        [],
        {"comment": 5},
        {"comment": "a\0b"},
        {"comment": "x" * 1001},
        {"note": "hi"},
    ]
    for body in bodies:
        answer = post(f"{base}{PATH}/{key}/acknowledge", json=body, headers=headers)
        assert answer.status_code == 422, body
        assert "comment" in answer.json()["detail"]
    for number in ("0", "77", "x", "9" * 30, "1%00"):
        assert get(f"{base}{PATH}/{number}").status_code == 404, number
    assert get(f"{base}/v1/cities/bare/alerts/{key}").status_code == 404, "it is another city's"


def test_the_stream_tells_of_alerts_and_resumes(base: str, decide: Judge) -> None:
    key = raised("barco", decide)
    with stream(base, CITY) as events:
        opening = next_of(events, "snapshot")
        assert [(one["id"], one["state"]) for one in opening.data["alerts"]] == [(key, "active")]
        decide("barco", Verdict(Event.WORSENED, key, smog(5, peak=80.0)))
        worse = next_of(events, "alert")
        assert (worse.data["event"], worse.data["peak"], worse.data["id"]) == (
            "worsened",
            80.0,
            key,
        )
        assert opening.number is not None
        assert worse.number == opening.number + 1
        decide("barco", Verdict(Event.CLEARED, key, smog(5, peak=80.0, until=8)))
        over = next_of(events, "alert")
        assert (over.data["event"], over.data["state"]) == ("cleared", "cleared")
    with stream(base, CITY, seen=worse.number) as events:
        assert next_of(events, "alert") == over, "whoever comes back is told what was missed, once"
    shown = get(f"{base}{PATH}/{key}").json()["alert"]
    assert {**shown, "event": "cleared"} == over.data, "both show the same"


def test_alerts_are_filtered_as_indicators_are(
    base: str, decide: Judge, filled: DatabaseSettings
) -> None:
    raised("", decide)
    with stream(base, CITY, event="alert", zone="centro", rule="air.pm2_5.*") as events:
        assert next_of(events, "snapshot").data["alerts"] == []
        raised("barco", decide)
        raised("centro", decide, NOTICE)

        async def commit(pool: Pool) -> None:
            async with pool.acquire() as connection:
                await write(connection, [indicator("air.pm2_5.hour", "centro")])

        with_pool(filled, commit)
        raised("centro", decide)
        assert next(one.data["zone"] for one in events if one.kind) == "centro"


def test_prometheus_counts_what_lasts(base: str, decide: Judge) -> None:
    raised("barco", decide)
    raised("centro", decide, until=7)
    raised("", decide, NOTICE)
    text = get(f"{base}/metrics/indicators").text
    found = [line for line in text.splitlines() if line.startswith("cityvitals_alerts_active")]
    assert f'cityvitals_alerts_active{{city="{CITY}",severity="warning"}} 1' in found
    assert f'cityvitals_alerts_active{{city="{CITY}",severity="notice"}} 1' in found
    assert f'cityvitals_alerts_active{{city="{CITY}",severity="critical"}} 0' in found
    assert len(found) == 2 * len(Severity), "three of each city, whatever happens"
