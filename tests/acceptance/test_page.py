"""The dashboard in a real browser, over a real API and database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from selenium.webdriver import ActionChains

from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import IndicatorRow
from cityvitals.store.pool import Pool
from tests.api_city import (
    BODIES,
    CITY,
    ZONES,
    history_rows,
    indicator,
    insufficient,
    latest_rows,
    make_city,
    write,
    write_history,
)
from tests.api_server import Door, running_api, status_of, with_pool
from tests.browser import Browser, browser, card

pytestmark = pytest.mark.browser

RULE = "air.pm2_5.hour"
DIST = Path(__file__).parents[2] / "api/dashboard/dist"

SLOW = """
window.waiting = [];
window.real = window.fetch;
window.fetch = (url, ...more) => new Promise((go) => waiting.push([url, go]))
  .then(() => real(url, ...more));
"""
"""Before anything of the page: what it asks for waits, until a test lets it go."""
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


def overview(base: str, city: str = CITY) -> str:
    return f"{base}/?city={city}"


def view(base: str, hashed: str) -> str:
    return f"{base}/?city={CITY}#/{hashed}"


def test_headlines_of_the_city_are_on_the_overview(page: Browser, base: str) -> None:
    page.open(overview(base))
    page.wait_for_connection("live")
    page.wait_for_text(card(RULE, "", "value"), ".")
    assert "µg/m³" in (page.find_text(card(RULE)) or "")
    assert page.find_attribute(card(RULE), "data-state") == "provisional"
    assert "99" in (page.find_text(card(RULE, "", "coverage")) or "")
    page.wait_for_text("[data-part=complete]", "data complete to")
    assert "CET" in (page.find_text("[data-part=clock]") or "")
    assert "gw-barco-2" in (page.find_text("[data-part=attention]") or "")
    assert "1 headline indicator without a value" in (page.find_text("[data-part=attention]") or "")


def test_zones_are_compared_in_one_table(page: Browser, base: str) -> None:
    page.open(overview(base))
    page.wait_for_text(".zones table", "Barco")
    rows = page.run("return document.querySelectorAll('.zones tbody tr').length")
    assert rows == len(ZONES)
    assert page.find_text("td[data-state=insufficient]") == "\N{EN DASH}"
    title = page.find_attribute("td[data-state=insufficient]", "title")
    assert title == "coverage 0.38 of the open window, 0.5 needed"


def test_every_indicator_is_found_in_the_list(page: Browser, base: str) -> None:
    page.open(view(base, "indicators"))
    page.wait_for_text("[data-part=count]", f"{4 * len(BODIES)} indicators")
    page.driver.find_element("css selector", "input[type=search]").send_keys("no2 centro")
    page.wait_for_text("[data-part=count]", "2 indicators")
    reason = card("air.no2.hour", "centro", "reason")
    page.wait_for_text(reason, "0.5 needed")
    page.open(view(base, "indicators?state=corrected"))
    page.wait_for_text("[data-part=count]", "1 indicator")
    page.wait_for_text(card("air.pm10.day", "", "state"), "corrected")
    page.driver.find_element("css selector", "input[type=search]").send_keys("nothing like it")
    page.wait_for_text("main", "Nothing fits")


def test_change_arrives_on_the_page_without_reload(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(view(base, "indicators?zone=centro"))
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
    page.open(view(base, "indicators?zone=centro"))
    page.wait_for_text(card(RULE, "centro", "value"), ".")
    older = indicator(RULE, "centro", NOW, 3)
    commit(database, older._replace(value=77.7, state="corrected"), "correction")
    commit(database, indicator("air.co.hour", "centro", NOW)._replace(value=9.0))
    page.wait_for_text(card("air.co.hour", "centro", "value"), "9.0")
    assert "77.7" not in (page.find_text(card(RULE, "centro")) or "")


def test_first_indicator_of_a_city_appears(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(overview(base, "bare"))
    page.wait_for_text("main", "No indicator yet")
    commit(database, indicator(RULE, "", NOW)._replace(city="bare", value=3.3))
    page.wait_for_text(card(RULE, "", "value"), "3.3")


def test_what_nobody_computes_any_more_is_stale(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    old = indicator(RULE, "", NOW, 30)
    commit(database, old._replace(city="bare"))
    page.open(overview(base, "bare"))
    page.wait_for_text(f"{card(RULE)}.is-stale [data-part=value]", ".")
    assert "stale" in (page.find_attribute(card(RULE, "", "age"), "title") or "")
    assert page.find_text(card(RULE, "", "age")) == "29\N{NARROW NO-BREAK SPACE}h"
    page.wait_for_text("[data-part=attention] [data-part=stale]", "1 headline indicator is stale")


def test_database_away_is_shown_and_the_page_recovers(
    page: Browser, base: str, door: Door, database: DatabaseSettings
) -> None:
    page.open(overview(base))
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
    assert page.find_text("#notice") is None


def test_page_opened_while_the_database_is_away_says_so_and_goes_on(
    page: Browser, base: str, door: Door
) -> None:
    door.shut()
    page.open(overview(base))
    page.wait_for_connection("lost")
    page.wait_for_text("#notice", "database is away")
    door.open()
    page.wait_for_text(card(RULE, "", "value"), ".")


def test_what_loads_is_seen_to_load(page: Browser, base: str) -> None:
    added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SLOW})
    page.open(view(base, "sensors"))
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    for path in ("/v1/cities", "/zones", "/stream"):
        page.wait_until(f"return waiting.some(([url]) => url.split('?')[0].endsWith('{path}'))")
        page.wait_for_connection("catching-up")
        assert page.find_attribute("main [data-part=skeleton]", "aria-busy") == "true"
        assert page.find_text("main") == "", "no word of what is not known yet"
        page.assert_axe_is_content()
        page.run("waiting.splice(0).forEach(([, go]) => go())")
    page.wait_until("return waiting.some(([url]) => url.includes('/sensors'))")
    page.wait_for_connection("live")
    assert page.find_attribute("main [data-part=skeleton]", "aria-busy") == "true"
    page.run("window.fetch = real; waiting.splice(0).forEach(([, go]) => go())")
    page.wait_until("return document.querySelector('[data-part=skeleton]') === null")


def test_what_cannot_be_shown_says_why_and_is_tried_again(
    page: Browser, base: str, door: Door
) -> None:
    page.open(view(base, "indicators"))  # which asks for nothing more
    page.wait_for_text(card(RULE, "", "value"), ".")
    door.shut()
    page.wait_for_connection("lost")
    page.run("location.hash = '#/data'")
    page.wait_for_text("[data-part=trouble][role=alert]", "This cannot be shown")
    page.assert_axe_is_content()
    door.open()
    page.wait_for_connection("live")
    page.click("[data-part=trouble] button")
    page.wait_for_text("[data-part=closes]", "The ledger closes")


def test_a_chart_that_does_not_arrive_says_so(page: Browser, base: str) -> None:
    network = page.driver.execute_cdp_cmd
    network("Network.enable", {})
    (script,) = DIST.glob("main-*.js")
    late = re.findall(r"import\(\"\./(.+?)\"", script.read_text())
    network("Network.setBlockedURLs", {"urls": [f"*{one}" for one in late]})
    try:
        page.open(view(base, f"indicator/{RULE}"))
        page.wait_for_text("[data-part=trouble][role=alert]", "draws charts did not arrive")
    finally:
        network("Network.setBlockedURLs", {"urls": []})
    page.click("[data-part=trouble] button")
    page.wait_until("return document.querySelector('[data-part=plot] canvas') !== null")


def test_a_page_that_was_left_holds_no_connection(page: Browser, base: str) -> None:
    for _ in range(8):  # a browser has six for a server
        page.open("about:blank")
        page.open(view(base, "indicators"))
        page.wait_for_connection("live")


def test_history_is_drawn_read_and_kept_up(
    page: Browser, base: str, database: DatabaseSettings
) -> None:
    page.open(overview(base))
    page.wait_for_text(card(RULE, "", "value"), ".")
    page.click(f"{card(RULE)} a")
    page.wait_for_text("h2", "PM2.5, hourly mean")
    page.wait_for_text("[data-part=readout]", "Europe/Rome (CET)")
    page.wait_until("return document.querySelector('[data-part=plot] canvas') !== null")
    drawn = page.find_attribute("[data-part=plot]", "data-points")
    assert drawn == str(48 - 3 + 1)
    commit(database, indicator(RULE, "", NOW)._replace(value=8.8))
    page.wait_for_text("[data-part=now]", "8.8")
    page.wait_for_text("[data-part=readout]", "8.8")
    page.run("document.querySelector('[data-part=plot]').focus()")
    page.driver.switch_to.active_element.send_keys("\ue011")  # Home: the first window
    page.wait_for_text("[data-part=readout]", "final")
    assert "8.8" not in (page.find_text("[data-part=readout]") or "")
    link = page.find_attribute("[data-part=query]", "href")
    assert link and status_of(link) == 200


def test_history_is_zoomed_by_drag_and_back_by_double_click(page: Browser, base: str) -> None:
    page.open(view(base, f"indicator/{RULE}"))
    page.wait_until("return document.querySelector('[data-part=plot] canvas') !== null")
    plot = page.driver.find_element("css selector", "[data-part=plot]")
    actions = ActionChains(page.driver)
    actions.move_to_element_with_offset(plot, -100, 0).click_and_hold()
    actions.move_by_offset(60, 0).move_by_offset(60, 0).release().perform()
    page.wait_until("return /from=\\d+&to=\\d+/.test(location.hash)")
    ActionChains(page.driver).double_click(plot).perform()
    page.wait_until("return !location.hash.includes('from=')")


def test_places_are_compared(page: Browser, base: str) -> None:
    page.open(view(base, f"indicator/{RULE}?with=centro"))
    page.wait_for_text(".chosen", "Centro storico")
    page.click(".chosen")
    page.wait_until("return document.querySelector('.chosen') === null")


def test_zones_are_on_the_map(page: Browser, base: str, database: DatabaseSettings) -> None:
    async def shape(pool: Pool) -> None:
        async with pool.acquire() as connection:
            for n, zone in enumerate(ZONES):
                ring = [[11 + n, 44], [12 + n, 44], [12 + n, 45], [11 + n, 44]]
                shape = {"type": "Polygon", "coordinates": [ring]}
                await connection.execute(
                    "update zone set geometry = $3 where city = $1 and id = $2", CITY, zone, shape
                )

    page.open(view(base, "map"))
    page.wait_for_text("main", "no geometry")
    with_pool(database, shape)
    page.driver.refresh()
    page.wait_for_text("[data-part=map]", "Centro storico")
    assert page.run("return document.querySelectorAll('[data-part=map] .area').length") == 3
    page.open(view(base, "map?rule=air.no2.hour"))
    page.wait_for_text(".legend", "1 zone")
    assert page.find_attribute("a[data-zone=centro] .area", "fill") == "url(#hatch)"
    page.run("document.querySelector('a[data-zone=barco]').dispatchEvent(new MouseEvent('click'))")
    page.wait_for_text("[data-part=place]", "Barco")


def test_ledger_is_shown_by_gateway(page: Browser, base: str) -> None:
    page.open(view(base, "data"))
    page.wait_for_text("[data-part=closes]", "The ledger closes")
    page.wait_for_text("[data-part=watermarks]", "ago")


def test_wall_goes_round(page: Browser, base: str) -> None:
    page.open(view(base, "wall?every=1"))
    for scene in ("city", "zones", "attention", "city"):
        page.wait_until(f"return document.querySelector('.wall')?.dataset.scene === '{scene}'")


@pytest.mark.parametrize(
    "hashed", ["", "indicators", f"indicator/{RULE}", "data", "wall?every=600", "sensors", "map"]
)
def test_page_fits_every_width_and_axe_is_content_in_both_themes(
    page: Browser, base: str, hashed: str
) -> None:
    page.open(view(base, hashed))
    page.wait_until("return document.querySelector('main > :not([data-part=skeleton])') !== null")
    for width, height in [(390, 844), (1280, 800), (2560, 1440)]:
        for dark in (False, True):
            page.resize(width, height, dark=dark)
            assert page.run("return document.documentElement.scrollWidth") <= width
            cut = page.run(
                "return [...document.querySelectorAll('article *')].filter((part) => "
                "!part.closest('.grid-shown, .scroll, .unseen, svg, canvas') && part.clientWidth"
                " && part.scrollWidth > part.clientWidth + 1).map((part) => part.outerHTML)"
            )
            assert cut == []
            assert page.least_contrast() >= 4.5
            if width == 1280:
                page.assert_axe_is_content()


def test_city_is_chosen_by_the_picker(page: Browser, base: str) -> None:
    page.open(base)
    page.wait_for_text("main", "No indicator yet")  # "bare" comes first
    page.click(f"#city option[value={CITY}]")
    page.wait_for_text(card(RULE, "", "value"), ".")
    assert page.run("return location.search") == f"?city={CITY}"


def test_theme_is_chosen_and_remembered(page: Browser, base: str) -> None:
    page.open(overview(base))
    page.wait_for_text(card(RULE, "", "value"), ".")
    page.click("[data-part=theme]")
    page.click("[data-part=theme]")
    page.driver.refresh()
    page.wait_until("return document.documentElement.dataset.theme === 'dark'")
    page.run("localStorage.clear()")


def test_nothing_is_loaded_from_elsewhere(page: Browser, base: str) -> None:
    page.open(view(base, f"indicator/{RULE}"))
    page.wait_until("return document.querySelector('[data-part=plot] canvas') !== null")
    loaded = page.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded and all(url.startswith(base) for url in loaded)


def test_cards_are_reached_and_opened_by_keyboard(page: Browser, base: str) -> None:
    page.open(overview(base))
    page.wait_for_text(card(RULE, "", "value"), ".")
    page.run(f"document.querySelector('{card(RULE)} a').focus()")
    page.driver.switch_to.active_element.send_keys("\ue007")
    page.wait_for_text("h2", "PM2.5, hourly mean")
