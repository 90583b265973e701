"""The live page in a real browser, over a real API and database."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import IndicatorRow
from cityvitals.store.pool import Pool
from tests.api_city import (
    BODIES,
    CITY,
    history_rows,
    indicator,
    insufficient,
    latest_rows,
    make_city,
    write,
    write_history,
)
from tests.api_server import Door, running_api, with_pool
from tests.browser import Browser, browser, card

pytestmark = pytest.mark.browser

RULE = "air.pm2_5.hour"

CONTRAST = """
const light = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const weights = [0.2126, 0.7152, 0.0722];
const luminance = (rgb) => rgb.map(light).reduce((sum, v, n) => sum + v * weights[n], 0);
const colour = (text) => text.match(/[\\d.]+/g).map(Number);
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found.slice(0, 3);
  }
};
const ratios = [...document.querySelectorAll('header *, main *')].filter((node) =>
  [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
).map((node) => {
  const [a, b] = [colour(getComputedStyle(node).color).slice(0, 3), ground(node)].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
return Math.min(...ratios);
"""
"""The least contrast of any text on the page with what it stands on."""
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as window:
        yield window


@pytest.fixture
def page(chromium: Browser) -> Iterator[Browser]:
    """The browser, emptied; a test that leaves complaints in its console has failed."""
    chromium.resize(1280, 800)
    chromium.complaints()
    yield chromium
    chromium.open("about:blank")
    assert chromium.complaints() == []


@pytest.fixture
def door(database: DatabaseSettings) -> Iterator[Door]:
    async def fill(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await make_city(connection)
            await make_city(connection, "bare", "Zero", ())
            await write(connection, latest_rows(NOW))
        await write_history(pool, history_rows(RULE, "", 48, NOW))

    with_pool(database, fill)
    with Door(database.dsn.get_secret_value()) as door:
        yield door


@pytest.fixture
def base(door: Door, database: DatabaseSettings) -> Iterator[str]:
    settings = database.model_copy(update={"dsn": SecretStr(door.dsn)})
    with running_api(settings) as base:
        yield base


def commit(database: DatabaseSettings, row: IndicatorRow, kind: str = "value") -> None:
    async def act(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await write(connection, [row], kind)

    with_pool(database, act)


def test_every_indicator_has_its_card(page: Browser, base: str) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_connection("live")
    page.wait_for_text(card(RULE, "", "value"), ".")
    assert page.run("return document.querySelectorAll('article').length") == 4 * len(BODIES)
    assert "µg/m³" in (page.find_text(card(RULE)) or "")
    assert page.find_attribute(card(RULE), "data-state") == "provisional"
    assert "99" in (page.find_text(card(RULE, "", "coverage")) or "")
    assert page.find_text(card("air.no2.hour", "centro", "value")) == ""
    assert "0.5 needed" in (page.find_text(card("air.no2.hour", "centro", "reason")) or "")
    page.wait_for_text("[data-part=complete]", "data complete to")
    assert "CET" in (page.find_text("[data-part=clock]") or "")


def test_change_arrives_on_the_page_without_reload(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text(card(RULE, "centro", "value"), ".")
    page.run("window.isTheSame = true")
    row = indicator(RULE, "centro", NOW)
    commit(database, row._replace(value=1234.56))
    page.wait_for_text(card(RULE, "centro", "value"), "1\u202f234.6")
    commit(database, row._replace(value=12.0, state="corrected", revision=5), "correction")
    page.wait_for_text(card(RULE, "centro", "value"), "12.0")
    assert page.find_attribute(card(RULE, "centro"), "data-state") == "corrected"
    title = page.find_attribute(card(RULE, "centro", "state"), "title")
    assert title == "corrected: 1\u202f234.6 → 12.0"
    commit(database, insufficient(row, "9 of 24 h; 18 needed", 0.375))
    page.wait_for_text(card(RULE, "centro", "reason"), "9 of 24 h; 18 needed")
    assert page.run("return window.isTheSame")


def test_change_of_an_older_window_leaves_the_card(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text(card(RULE, "centro", "value"), ".")
    older = indicator(RULE, "centro", NOW, 3)
    commit(database, older._replace(value=77.7, state="corrected"), "correction")
    commit(database, indicator("air.co.hour", "centro", NOW)._replace(value=9.0))
    page.wait_for_text(card("air.co.hour", "centro", "value"), "9.0")
    assert "77.7" not in (page.find_text(card(RULE, "centro")) or "")


def test_first_indicator_of_a_city_appears(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(f"{base}/?city=bare")
    page.wait_for_text("main", "No indicator yet")
    commit(database, indicator(RULE, "", NOW)._replace(city="bare", value=3.3))
    page.wait_for_text(card(RULE, "", "value"), "3.3")


def test_database_away_is_shown_and_the_page_recovers(
    page: Browser, base: str, door: Door, database: DatabaseSettings
) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_connection("live")
    page.wait_for_text(card(RULE, "", "value"), ".")
    door.shut()
    page.wait_for_connection("lost")
    page.wait_for_text("#notice", "database is away")
    assert "lost since" in (page.find_text("[data-part=connection]") or "")
    commit(database, indicator(RULE, "", NOW)._replace(value=5.5))
    door.open()
    page.wait_for_connection("live")
    page.wait_for_text(card(RULE, "", "value"), "5.5")
    assert page.find_attribute("#notice", "hidden") is not None


def test_page_opened_while_the_database_is_away_says_so_and_goes_on(
    page: Browser, base: str, door: Door
) -> None:
    door.shut()
    page.open(f"{base}/?city={CITY}")
    page.wait_for_connection("lost")
    page.wait_for_text("#notice", "database is away")
    door.open()
    page.wait_for_text(card(RULE, "", "value"), ".")


def test_history_of_a_card_is_drawn_and_keeps_up(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text(card(RULE, "", "value"), ".")
    page.click(f"{card(RULE)} button")
    page.wait_for_text("#history", "PM2.5, hourly mean")
    page.wait_for_text("#history svg", "Europe/Rome (CET)")
    assert page.run("return document.querySelectorAll('#history .line').length") == 2  # a gap
    commit(database, indicator(RULE, "", NOW)._replace(value=8.8))
    page.wait_for_text("[data-part=history-now]", "8.8")
    page.wait_for_text("[data-part=history-readout]", "8.8")
    page.click("[data-part=history-close]")
    assert not page.run("return document.querySelector('#history').open")


def test_page_fits_every_width_in_both_themes(page: Browser, base: str) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text(card(RULE, "", "value"), ".")
    for width, height in [(390, 844), (1280, 800), (1920, 1080)]:
        for dark in (False, True):
            page.resize(width, height, dark=dark)
            assert page.run("return document.documentElement.scrollWidth") <= width
            cut = page.run(
                "return [...document.querySelectorAll('article *')].filter((part) =>"
                " part.clientWidth && part.scrollWidth > part.clientWidth + 1)"
                ".map((part) => part.outerHTML)"
            )
            assert cut == []
            assert page.run(CONTRAST) >= 4.5


def test_city_is_chosen_by_the_picker(page: Browser, base: str) -> None:
    page.open(base)
    page.wait_for_text("main", "No indicator yet")  # "bare" comes first
    page.click(f"#city option[value={CITY}]")
    page.wait_for_text(card(RULE, "", "value"), ".")
    assert page.run("return location.search") == f"?city={CITY}"


def test_nothing_is_loaded_from_elsewhere(page: Browser, base: str) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text(card(RULE, "", "value"), ".")
    loaded = page.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded and all(url.startswith(base) for url in loaded)


def test_cards_are_reached_and_opened_by_keyboard(page: Browser, base: str) -> None:
    page.open(f"{base}/?city={CITY}")
    page.wait_for_text(card(RULE, "", "value"), ".")
    page.run(f"document.querySelector('{card(RULE)} button').focus()")
    page.driver.switch_to.active_element.send_keys("\ue007")
    page.wait_for_text("#history", "PM2.5, hourly mean")
    page.driver.switch_to.active_element.send_keys("\ue00c")
    assert not page.run("return document.querySelector('#history').open")
