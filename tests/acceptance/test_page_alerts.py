"""Alerts on the dashboard, in a real browser: they arrive, are acknowledged, end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aggregator.alerting.review import Event, Verdict
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from cityvitals.store.tokens import create_token
from kpi_rules.alerts.model import AlertRule, Severity
from tests.api_city import CITY, SMOG, judge, latest_rows, make_city, own_alert, smog, write
from tests.api_server import running_api, with_pool
from tests.browser import Browser, browser

pytestmark = pytest.mark.browser

HAZE = replace(own_alert("own.haze", "air.pm10.hour", 40.0), severity=Severity.CRITICAL)
Judge = Callable[..., int]


@pytest.fixture
def decide(database: DatabaseSettings) -> Judge:
    """Commit what became of an alert; the city is there."""

    async def fill(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await make_city(connection)
            await write(connection, latest_rows(datetime.now(UTC)))

    def act(zone: str, verdict: Verdict, rule: AlertRule = SMOG) -> int:
        async def commit(pool: Pool) -> int:
            async with pool.acquire() as connection:
                return await judge(connection, zone, verdict, rule)

        return with_pool(database, commit)

    with_pool(database, fill)
    return act


@pytest.fixture
def base(database: DatabaseSettings, decide: Judge) -> Iterator[str]:
    del decide
    with running_api(database) as base:
        yield base


@pytest.fixture
def page() -> Iterator[Browser]:
    with browser() as window:
        yield window


def test_an_alert_arrives_is_acknowledged_and_ends(
    page: Browser, base: str, decide: Judge, database: DatabaseSettings
) -> None:
    async def make(pool: Pool) -> str:
        return await create_token(pool, "duty desk", ["alerts"], None, None)

    secret = with_pool(database, make)
    page.open(f"{base}/?city={CITY}#/alerts")
    page.wait_for_text("main", "No alert lasts")
    page.wait_for_text("[data-part=open-alerts]", "no open alerts")
    page.run("window.isTheSame = true")
    key = decide("barco", Verdict(Event.RAISED, None, smog(5)))
    other = decide("", Verdict(Event.RAISED, None, smog(6, peak=44.0)), HAZE)
    page.wait_for_text("[data-part=open-alerts]", "2 open alerts, 2 new")
    first = page.run("return document.querySelector('li.alert').dataset.id")
    assert first == str(other), "the worst first"
    mine = f"li[data-id='{key}']"
    page.wait_for_text(mine, "Barco")
    assert "71.0\u202fµg/m³" in (page.find_text(f"{mine} [data-part=peak]") or "")
    page.assert_axe_is_content()

    acknowledge(page, mine, secret)
    page.wait_for_text("[data-part=open-alerts]", "2 open alerts, 1 new")
    page.click(f"{mine} summary")
    page.wait_for_text(f"{mine} [data-part=history]", "acknowledged (duty desk: Press told.)")

    decide("barco", Verdict(Event.CLEARED, key, smog(5, until=8)))
    page.wait_for_text(f"section[aria-labelledby=past-title] {mine}", "cleared")
    page.wait_for_text("[data-part=open-alerts]", "1 open alert, 1 new")
    assert page.run("return window.isTheSame")
    refused = [one for one in page.complaints() if "401" not in one]
    assert refused == [], "the wrong token's answer aside, nothing to complain of"


def acknowledge(page: Browser, mine: str, secret: str) -> None:
    """By keyboard, with a wrong token first."""
    send = "\ue007"
    page.run(f'document.querySelector("{mine} button").focus()')
    page.driver.switch_to.active_element.send_keys(send)
    page.wait_until("return document.activeElement.name === 'comment'")
    page.driver.switch_to.active_element.send_keys("Press told.\ue004")  # Tab
    page.driver.switch_to.active_element.send_keys("cv_wrong", send)
    page.wait_for_text(f"{mine} [role=alert]", "Not acknowledged: this token is not known")
    page.assert_axe_is_content()
    field = page.driver.find_element("css selector", f"{mine} input[name=token]")
    field.clear()
    field.send_keys(secret, send)
    page.wait_for_text(f"{mine} [data-part=acknowledged]", "by duty desk")
    assert "Press told." in (page.find_text(f"{mine} [data-part=acknowledged]") or "")


def test_the_overview_and_the_wall_show_what_lasts(page: Browser, base: str, decide: Judge) -> None:
    key = decide("barco", Verdict(Event.RAISED, None, smog(5)))
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text("[data-part=attention] [data-alert='own.smog']", "Above our own level")
    page.click("[data-part=attention] [data-alert='own.smog'] a")
    page.wait_for_text(f"li[data-id='{key}']", "Barco")
    page.open(f"{base}/?city={CITY}#/wall?every=600")
    page.wait_until("return document.querySelector('.wall')?.dataset.scene === 'city'")
    decide("", Verdict(Event.RAISED, None, smog(6)), HAZE)
    page.wait_until("return document.querySelector('.wall').dataset.scene === 'attention'")
    page.wait_for_text(".wall-list [data-alert='own.haze']", "critical")
    for hashed in ("wall?every=600", "alerts"):
        page.open(f"{base}/?city={CITY}#/{hashed}")
        page.wait_until(
            "return document.querySelector('main > :not([data-part=skeleton])') !== null"
        )
        for width, height in [(390, 844), (2560, 1440)]:
            page.resize(width, height, dark=width > 400)
            assert page.run("return document.documentElement.scrollWidth") <= width, hashed
    assert page.complaints() == []
