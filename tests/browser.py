"""A headless Chromium for tests of the page, and what they ask of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

_AXE: Final = Path(__file__).parents[1] / "api/dashboard/node_modules/axe-core/axe.min.js"
_PATIENCE_S: Final = 60.0
"""How long a page may take on a machine that others use."""
_INSTALL: Final = "apt-get install chromium chromium-driver"
_OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


_CONTRAST: Final = """
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
const ratios = [...document.querySelectorAll('header *, main *:not(svg *)')].filter((node) =>
  [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
).map((node) => {
  const [a, b] = [colour(getComputedStyle(node).color).slice(0, 3), ground(node)].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
return Math.min(...ratios);
"""


def _find_programs() -> tuple[str, str] | None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


@contextmanager
def browser(width: int = 1280, height: int = 800) -> Iterator["Browser"]:
    """A browser window of its own profile; skips the test where there is no Chromium."""
    programs = _find_programs()
    if programs is None:
        pytest.skip(f"no Chromium and its driver here: {_INSTALL}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = programs[0]
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(programs[1]))
        try:
            driver.set_page_load_timeout(_PATIENCE_S)
            driver.set_script_timeout(_PATIENCE_S)
            found = Browser(driver)
            found.resize(width, height)
            yield found
        finally:
            driver.quit()


class Browser:
    """The page as a test sees it.

    Attributes:
        driver: selenium's driver, for what is not covered here.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Go to a URL."""
        self.driver.get(url)

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the view and the theme that the user prefers."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def find_text(self, selector: str) -> str | None:
        """The text of the first element that fits, or None where none does."""
        try:
            text: str = self.driver.find_element(By.CSS_SELECTOR, selector).text
        except (NoSuchElementException, StaleElementReferenceException):
            return None
        return text

    def find_attribute(self, selector: str, name: str) -> str | None:
        """An attribute of the first element that fits."""
        try:
            value: str | None = self.driver.find_element(By.CSS_SELECTOR, selector).get_attribute(
                name
            )
        except (NoSuchElementException, StaleElementReferenceException):
            return None
        return value

    def click(self, selector: str) -> None:
        """Click the first element that fits."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def wait_for_text(self, selector: str, text: str, within_seconds: float = _PATIENCE_S) -> None:
        """Wait until the element holds the text."""
        WebDriverWait(self.driver, within_seconds, 0.05).until(
            lambda _: text in (self.find_text(selector) or ""),
            f"{selector} does not show {text!r} but {self.find_text(selector)!r}",
        )

    def wait_for_connection(self, state: str, within_seconds: float = _PATIENCE_S) -> None:
        """Wait until the header says how the connection is: live, catching-up or lost."""
        WebDriverWait(self.driver, within_seconds, 0.05).until(
            lambda _: self.find_attribute("[data-part=connection]", "data-state") == state,
            f"the connection does not become {state}",
        )

    def wait_until(self, script: str, within_seconds: float = _PATIENCE_S) -> None:
        """Wait until a script in the page returns something true."""
        WebDriverWait(self.driver, within_seconds, 0.05).until(
            lambda _: self.run(script), f"this does not become true: {script}"
        )

    def run(self, script: str) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script)

    def assert_axe_is_content(self) -> None:
        """axe finds nothing serious or critical on the page."""
        self.run(_AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(({violations}) => done(violations"
            ".filter((one) => ['serious', 'critical'].includes(one.impact))"
            ".map((one) => [one.id, one.nodes.map((node) => node.html)])));"
        )
        assert found == []

    def least_contrast(self) -> float:
        """The least contrast of any text on the page with what it stands on."""
        return float(self.run(_CONTRAST))

    def complaints(self) -> list[str]:
        """What the console holds against the page; answers of 503 are part of the game."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "503" not in entry["message"] and "ERR_" not in entry["message"]
        ]


def card(rule: str, zone: str = "", part: str = "") -> str:
    """The selector of an indicator's card, or of a part of it."""
    found = f'article[data-rule="{rule}"][data-zone="{zone}"]'
    return f"{found} [data-part={part}]" if part else found
