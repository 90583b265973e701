"""Alerts in a real database: raised once, whatever dies; corrected where an indicator is."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from aggregator.alerting.course import Course, Episode, Judged
from cityvitals.domain.times import to_us
from cityvitals.errors import Fenced, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from cityvitals.store.alert_list import acknowledge_alert
from cityvitals.store.tokens import Token, create_token, find_token, hash_of
from cityvitals.verify.main import verify
from kpi_rules.alerts.load import load_alerts
from kpi_rules.alerts.model import AlertRule, Severity, Side, Zones
from kpi_rules.load import load_rules
from tests.integration.aggregator_town import CITY, HOUR, NOON, Row, Town, town

RULES = tuple(rule for rule in load_rules() if rule.id.startswith("air.eu2030.no2."))
EU = {one.id: one for one in load_alerts(None, load_rules()).alerts}
OWN = AlertRule(
    id="own.no2",
    revision=1,
    title="NO2 above our own level",
    rule="air.eu2030.no2.information",
    unit="ug/m3",
    side=Side.ABOVE,
    threshold=40.0,
    clear=30.0,
    windows=2,
    clear_windows=2,
    severity=Severity.NOTICE,
    zones=Zones.EACH,
    cities=(),
    standard=None,
    source="The city's own.",
    file="own.toml",
)


@asynccontextmanager
async def smoggy(database: DatabaseSettings, *alerts: AlertRule) -> AsyncIterator[Town]:
    """A city with one station of NO2, whose hours come one by one."""
    async with town(database, lateness_seconds=0) as where:
        where.rules = RULES
        await where.found(stations=("n",))
        await put_in_force(where, *alerts)
        await where.run()
        await where.save()
        yield where


async def put_in_force(where: Town, *alerts: AlertRule) -> None:
    """As the aggregator does at its start with alert rules that it has read."""
    where.alerts, where.worker = alerts, None
    await where.remember()


async def hours(where: Town, first: int, *values: float) -> None:
    """The means of some hours, each in a batch of its own, and what follows from them."""
    for number, value in enumerate(values, first + 1):
        await where.write([Row("n", number * HOUR, value)])
        await where.run()


async def alerts(where: Town) -> list[Mapping[str, Any]]:
    return [dict(row) for row in await where.pool.fetch("select * from alert order by id")]


async def told(where: Town) -> list[tuple[str, str, str | None]]:
    """What the city's change log says of alerts: alert rule, what happened, zone."""
    rows = await where.pool.fetch("select body from change where kind = 'alert' order by number")
    bodies = [json.loads(row["body"]) for row in rows]
    return [(one["alert"], one["event"], one["zone"]) for one in bodies]


async def check(where: Town) -> None:
    """Alerts are what the indicators that are final call for, judged once and in order."""
    for alert in where.alerts:
        for zone in ("", "north"):
            assert await stored(where, alert, zone) == await judged(where, alert, zone)
    numbers = [
        row["number"] for row in await where.pool.fetch("select number from change order by 1")
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    events = await where.pool.fetch(
        "select e.alert, e.kind, e.change_number, c.kind as told from alert_event e"
        " left join change c on c.city = e.city and c.number = e.change_number"
        " order by e.alert, e.number"
    )
    assert all(row["told"] == "alert" for row in events)
    assert len({row["change_number"] for row in events}) == len(events)
    found = await verify(where.database, where.rules, CITY)
    assert found.clean, found.as_text()
    assert found.tallies["alert"].checked > 0
    for _, group in itertools.groupby(events, key=lambda row: row["alert"]):
        kinds = [row["kind"] for row in group]
        assert kinds[0] == "raised"
        assert kinds.count("raised") == 1


async def stored(where: Town, alert: AlertRule, zone: str) -> list[Episode]:
    rows = await where.pool.fetch(
        "select since, raised_by, until, cleared_by, peak, peak_at from alert"
        " where alert = $1 and zone = $2 and state <> 'withdrawn' order by since",
        alert.id,
        zone,
    )
    return [
        Episode(*[to_us(one) if hasattr(one, "tzinfo") else one for one in tuple(row)])
        for row in rows
    ]


async def judged(where: Town, alert: AlertRule, zone: str) -> list[Episode]:
    rows = await where.pool.fetch(
        "select distinct on (window_begin) window_begin, value from indicator"
        " where rule = $1 and zone = $2 and closed order by window_begin, revision desc",
        alert.rule,
        zone,
    )
    if not alert.watches(CITY, zone):
        return []
    course, before = Course(alert), 0
    for row in rows:
        begin = to_us(row["window_begin"])
        course.step(Judged(begin, row["value"], begin == before + HOUR))
        before = begin
    return course.episodes()


def test_three_consecutive_hours_are_an_alert_of_the_eu(database: DatabaseSettings) -> None:
    async def main() -> None:
        alert, information = EU["eu2030.no2.alert"], EU["eu2030.no2.information"]
        async with smoggy(database, alert, information) as where:
            await hours(where, 0, 120.0, 210.0, 220.0)
            assert {one[0] for one in await told(where)} == {information.id}
            await hours(where, 3, 205.0)
            found = [one for one in await alerts(where) if one["alert"] == alert.id]
            assert [one["zone"] for one in found] == ["", "north"]
            for one in found:
                assert (one["state"], one["severity"], one["peak"]) == ("active", "critical", 205.0)
                assert to_us(one["since"]) == NOON + HOUR, "the three hours begin at one o'clock"
            await check(where)
            await hours(where, 4, 100.0)
            assert [one["state"] for one in await alerts(where)] == ["cleared"] * 4
            # The second of the three hours was wrong: there never were three.
            await where.write([Row("n", 3 * HOUR, 199.0)])
            await where.run()
            found = [one for one in await alerts(where) if one["alert"] == alert.id]
            assert [one["state"] for one in found] == ["withdrawn"] * 2
            said = [event for name, event, zone in await told(where) if name == alert.id and zone]
            assert said == ["raised", "cleared", "withdrawn"]
            await check(where)

    asyncio.run(main())


def test_a_crash_before_any_statement_raises_none_twice_and_loses_none(
    database: DatabaseSettings,
) -> None:
    """Each hour the connection breaks one statement later; then another worker goes on."""

    async def main() -> None:
        drawn = random.Random(5)  # noqa: S311 (readings)
        async with smoggy(database, OWN, EU["eu2030.no2.alert"]) as where:
            survived, hour = 0, 0
            # Longer windows have their turn in each cycle, and all the time that they need.
            where.seconds, where.worker = lambda: 3600.0 * hour, None
            for hour in range(1, 34):
                if hour == 20:  # from a checkpoint of just now, as from one of long ago
                    await where.save()
                rows = [Row("n", hour * HOUR, drawn.choice([20.0, 20.0, 45.0, 250.0, 260.0]))]
                if hour % 4 == 0:
                    rows.append(
                        Row("n", (hour - drawn.randint(1, 4)) * HOUR, drawn.choice([20.0, 99.0]))
                    )
                await where.write(rows)
                try:
                    await where.cycle(breaks_after=hour * 13 % 24)
                except StoreUnavailable:
                    await where.run()
                else:
                    survived += 1
                    await where.run()
            assert survived < 12, "the connection broke at most hours"
            await check(where)
            kinds = {event for _, event, _ in await told(where)}
            assert {"raised", "cleared", "withdrawn", "amended"} <= kinds
            assert len(await alerts(where)) > 5

    asyncio.run(main())


def test_a_fenced_worker_judges_nothing(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with smoggy(database, OWN) as where:
            await hours(where, 0, 50.0)
            old = where.worker
            await where.claim()
            await where.write([Row("n", 2 * HOUR, 50.0)])
            assert old is not None
            async with where.pool.acquire() as connection:
                with pytest.raises(Fenced):
                    await old.cycle(connection, await where.heads(), where.now_us)
            assert await alerts(where) == []
            where.worker = None
            await where.run()
            assert [one["state"] for one in await alerts(where)] == ["active"]
            await check(where)

    asyncio.run(main())


def test_another_alert_rule_judges_history_and_one_taken_back_lets_go(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with smoggy(database) as where:
            await hours(where, 0, 50.0, 60.0, 20.0, 20.0, 55.0, 55.0)
            assert await alerts(where) == []
            await put_in_force(where, OWN)
            await where.run()
            assert [one["state"] for one in await alerts(where)] == ["cleared", "active"]
            await check(where)
            await put_in_force(
                where, replace(OWN, revision=2, threshold=58.0, windows=1, clear=58.0)
            )
            await where.run()
            assert [one["state"] for one in await alerts(where)] == ["cleared", "withdrawn"]
            await check(where)
            await put_in_force(where, replace(OWN, revision=3))
            await where.run()
            assert (await alerts(where))[-1]["state"] == "active"
            await put_in_force(where)
            await where.run()
            assert (await alerts(where))[-1]["state"] == "withdrawn", "nobody would ever clear it"
            assert (await told(where))[-1] == ("own.no2", "withdrawn", "north")

    asyncio.run(main())


def test_verify_finds_an_alert_that_is_wrong(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with smoggy(database, OWN) as where:
            await hours(where, 0, 50.0, 60.0, 20.0, 20.0, 55.0, 55.0)
            await check(where)
            spoilt = {
                "update alert set peak = 61 where id = 1": "peak",
                "update alert set since = since - interval '1 hour' where id = 1": "missing",
                "delete from alert_event where kind = 'cleared'": "events",
                "delete from alert_event where alert = 2": "times raised",
                "delete from alert where id = 2": "missing",
            }
            for statement, field in spoilt.items():
                await where.pool.execute(statement)
                found = await verify(where.database, where.rules, CITY)
                assert field in {one.field for one in found.differences if one.kind == "alert"}

    asyncio.run(main())


def test_an_acknowledgement_is_told_once_whatever_dies(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with smoggy(database, OWN) as where:
            await hours(where, 0, 50.0, 60.0)
            (one,) = await alerts(where)
            token = await duty(where)
            async with where.pool.acquire() as connection:
                await acknowledge_alert(connection, token, CITY, one["id"], "on it")
                again = await acknowledge_alert(connection, token, CITY, one["id"], "me too")
            assert again["comment"] == "on it"
            for statement in itertools.count():
                try:
                    await where.cycle(breaks_after=statement)
                except StoreUnavailable:
                    continue
                break
            where.worker = None
            await where.run()
            said = [event for _, event, _ in await told(where)]
            assert said == ["raised", "acknowledged"]
            (now,) = await alerts(where)
            assert (now["acknowledged_by"], now["comment"], now["state"]) == (
                "duty",
                "on it",
                "active",
            )
            await hours(where, 2, 20.0, 20.0)
            await check(where)
            assert await where.pool.fetchval("select count(*) from api_audit") == 1

    asyncio.run(main())


async def duty(where: Town) -> Token:
    secret = await create_token(where.pool, "duty", ["alerts"], None, None)
    async with where.pool.acquire() as connection:
        token = await find_token(connection, hash_of(secret))
    assert token is not None
    return token
