"""An operator's questions during a smog that lasts, asked of the page of the whole service.

Each is answered in at most two clicks from the overview. What was on screen is kept in
`build/walk/`, one picture for each step.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cityvitals.settings import BrokerSettings, DatabaseSettings
from tests.browser import Browser, browser
from tests.servers import BrokerServer
from tests.service import Service, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.mosquitto]

CITY = "vitalia"
SCENARIO = Path(__file__).parents[1] / "data/smog_now.toml"
WALK = Path(__file__).parents[2] / "build/walk"
SILENT = "roads-east"
FAULTY = "air-03"
WATCHED = "who2021.pm2_5.day"
RULES = (
    "air.eaqi.hour",
    *(f"air.{one}.hour" for one in ("pm2_5", "pm10", "no2", "o3", "so2")),
    *(f"air.{one}.day" for one in ("pm2_5", "pm10", "no2")),
    "traffic.speed.hour",
    "water.supplied.day",
    "energy.electricity.hour",
)
MOST_CLICKS = 2
TAB = "\ue004"


@pytest.fixture(scope="module")
def smog(
    module_database: DatabaseSettings,
    mosquitto: BrokerServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The whole service in a smog that goes on: all is stored and derived."""
    only = {"AGGREGATOR__ONLY": json.dumps(RULES)}
    broker = BrokerSettings(port=mosquitto.port)
    found = Service(tmp_path_factory.mktemp("smog"), module_database, broker, **only)
    try:
        play_smog(found)
        wait_for("all is derived", lambda: is_derived(found))
        yield found
    finally:
        found.stop()


def play_smog(service: Service) -> None:
    """Start the service, and have the smog come."""
    service.start()
    applied = service.run("registry", "apply", "simulator/registries/vitalia.toml")
    assert applied.returncode == 0, applied.stderr
    played = service.run("simulate", "--scenario", str(SCENARIO))
    assert played.returncode == 0, played.stderr


def is_derived(service: Service) -> bool:
    """Whether the index is that of now, and the alert lasts in every place."""
    items = service.get(f"/v1/cities/{CITY}/indicators?rule=air.eaqi.hour")["items"]
    marks = [datetime.fromisoformat(one["watermark"]) for one in items if one["watermark"]]
    recent = datetime.now(UTC) - timedelta(minutes=5)
    places = len(zones(service)) + 1
    return len(marks) == places and min(marks) > recent and len(open_alerts(service)) == places


def open_alerts(service: Service) -> list[dict[str, object]]:
    """Those that last, of the rule that is watched."""
    items = service.get(f"/v1/cities/{CITY}/alerts?state=active")["items"]
    return [one for one in items if one["alert"] == WATCHED]


@pytest.fixture(scope="module")
def walk(smog: Service) -> Iterator["Walk"]:
    with browser() as window:
        yield Walk(window, smog)


class Walk:
    """Begins at the overview for each question, counts clicks, and keeps pictures."""

    def __init__(self, page: Browser, service: Service) -> None:
        self.page = page
        self.service = service
        self._clicks = 0

    def ask(self) -> None:
        """Go to the overview."""
        self._clicks = 0
        self.page.open(f"{self.service.api}/?city={CITY}#/")
        self.page.wait_for_connection("live")
        self.page.wait_until("return document.querySelector('[data-part=since]:not(:empty)')")

    def click(self, selector: str) -> None:
        """One click more, of those that there are."""
        self._clicks += 1
        assert self._clicks <= MOST_CLICKS
        self.page.wait_until(f'return document.querySelector("{selector}")')
        self.page.run(f'document.querySelector("{selector}").scrollIntoView({{block: "center"}})')
        self.page.click(selector)

    def keep(self, name: str) -> None:
        """A picture of what is on screen, which axe has nothing serious against."""
        WALK.mkdir(parents=True, exist_ok=True)
        taken = self.page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        (WALK / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))
        self.page.assert_axe_is_content()
        assert self.page.complaints() == []


ALERT = f"[data-part=attention] [data-alert='{WATCHED}']"


def test_what_is_bad_now_where_and_since_when(walk: Walk) -> None:
    lasting = open_alerts(walk.service)
    walk.ask()
    said = walk.page.find_text(ALERT) or ""
    assert "µg/m³" in said
    names = {zone["id"]: zone["name"] for zone in zones(walk.service)}
    for alert in lasting:
        assert names.get(str(alert["zone"]), "Vitalia") in said
    assert walk.page.run(f"return document.querySelectorAll(`{ALERT}`).length") == 1
    since = min(datetime.fromisoformat(str(one["since"])) for one in lasting)
    local = since.astimezone(ZoneInfo("Europe/Vienna"))
    assert f"since {local.day} {local:%b} {local:%H:%M}" in said
    walk.keep("1-bad-where-since")
    walk.click(f"{ALERT} a")
    walk.page.wait_until(f"return document.querySelectorAll('li.alert').length === {len(lasting)}")
    walk.keep("2-the-alert")


def zones(service: Service) -> list[dict[str, str]]:
    items: list[dict[str, str]] = service.get(f"/v1/cities/{CITY}/zones")["items"]
    return items


def test_where_is_on_the_map(walk: Walk) -> None:
    walk.ask()
    walk.click("nav a[href='#/map']")
    walk.page.wait_for_text("[data-part=map]", "Hafen")
    walk.page.wait_for_text(".legend", "Very poor 5")
    walk.page.wait_for_text("[data-part=sensor-legend]", "hollow: silent")
    hollow = walk.page.run("return document.querySelectorAll('.sensor[data-silent=true]').length")
    assert hollow == walk.page.run(
        "return Number(document.querySelector('[data-part=sensor-legend] li:last-child').innerText"
        ".match(/[0-9]+/)[0])"
    )
    assert hollow > 0
    walk.keep("3-where")
    walk.click("a[data-zone=hafen]")
    walk.page.wait_for_text("[data-part=place]", "Hafen")


def test_how_sure_and_which_sensors_say_so(walk: Walk) -> None:
    walk.ask()
    line = "[data-part=attention] a[href='#/indicator/air.eaqi.hour']"
    assert "covered, 8 stations" in (walk.page.find_text("[data-part=attention]") or "")
    walk.click(line)
    walk.page.wait_for_text("[data-part=explain] [data-part=agrees]", "agrees")
    walk.page.wait_for_text("[data-part=warrant]", "Coverage")
    said = walk.page.find_text("[data-part=explain]") or ""
    assert all(f"air-0{n}" in said for n in range(1, 9))
    assert "fault code" in said
    walk.keep("4-how-sure-who-says-so")
    walk.click(f"[data-part=explain] a[href='#/sensors?q={FAULTY}']")
    walk.page.wait_for_text("[data-part=sensors] tbody", FAULTY)
    walk.page.wait_until("return document.querySelector('[data-part=sensors] tbody .is-noted')")
    walk.keep("5-the-sensor")


def test_whether_the_data_is_complete(walk: Walk) -> None:
    walk.ask()
    assert walk.page.find_attribute("[data-part=complete]", "class") == "fact is-late"
    walk.click("nav a[href='#/data']")
    walk.page.wait_for_text("[data-part=closes]", "The ledger closes")
    walk.page.wait_for_text("[data-part=watermarks] .is-late", "ago")
    walk.keep("6-complete")
    walk.click("[data-part=watermarks] a[href='#/sensors?domain=traffic']")
    walk.page.wait_for_text("[data-part=sensors] tbody tr[data-silent=true]", SILENT)
    walk.page.wait_for_text("[data-part=sensors] [data-status=stuck]", "stuck: ")
    walk.keep("7-who-is-silent")


@pytest.mark.parametrize("hashed", ["indicators?band=worse", "scores", "wall?every=600"])
def test_the_other_pages_in_a_smog(walk: Walk, hashed: str) -> None:
    walk.ask()
    walk.page.run(f"location.hash = '#/{hashed}'")
    walk.page.wait_until("return document.querySelector('main > :not([data-part=skeleton])')")
    walk.page.wait_until("return document.querySelector('main .overview') === null")
    walk.keep(f"8-{hashed.partition('?')[0]}")


@pytest.mark.parametrize("hashed", ["", "alerts", "sensors", "map"])
def test_every_control_is_reached_by_tab_and_seen(walk: Walk, hashed: str) -> None:
    walk.ask()
    walk.page.run(f"location.hash = '#/{hashed}'")
    walk.page.driver.refresh()  # nothing is focused, nothing marked
    walk.page.wait_until(f"return document.querySelector('.app-{hashed or 'overview'}')")
    walk.page.wait_for_connection("live")
    walk.page.wait_until("return document.querySelector('[data-part=skeleton]') === null")
    reached = by_tab(walk.page)
    # Those that there are at the end: a page that lives gets more or fewer meanwhile.
    missed = walk.page.run(
        "return [...document.querySelectorAll('a[href], button, select, input, summary')]"
        ".filter((one) => !one.disabled && one.getClientRects().length && !one.dataset.reached)"
        ".map((one) => one.outerHTML.slice(0, 200))"
    )
    assert missed == [], reached
    assert reached.pop(0) == "Skip to the content"


def by_tab(page: Browser) -> list[str]:
    """Press Tab until nothing is left; what was reached, each with an outline that is seen."""
    reached: list[str] = []
    while len(reached) < 400:
        page.driver.switch_to.active_element.send_keys(TAB)
        found = page.run(
            "const one = document.activeElement;"
            "if (one === document.body || one.dataset.reached) return null;"
            "one.dataset.reached = 'yes';"
            "const drawn = (at, part) => getComputedStyle(at, part).outlineStyle !== 'none';"
            "return [one.textContent.trim(), drawn(one) || drawn(one, '::after')];"
        )
        if found is None:
            return reached
        assert found[1], f"no outline: {found[0]}"
        reached.append(found[0])
    return reached
