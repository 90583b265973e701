"""The pictures in `docs/pictures/`: `python -m tests.pictures`, after a change of the page's looks.

The whole service in the smog of `tests/data/smog_now.toml`, at three widths in both themes.
"""

import argparse
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.acceptance.test_page_smog import CITY, is_derived, play_smog
from tests.browser import Browser, browser
from tests.own_service import own_service
from tests.service import Service, wait_for

_FOLDER: Final = Path(__file__).parents[1] / "docs/pictures"
_SIZES: Final = {390: 844, 1280: 800, 2560: 1440}
_QUALITY: Final = 60
_EVERYWHERE: Final = {"overview": "", "alerts": "alerts"}
_ONCE: Final = {"map": "map", "indicator": "indicator/air.eaqi.hour", "sensors": "sensors"}


@contextmanager
def smog_city() -> Iterator[Service]:
    """The whole service with all its rules, on servers of its own."""
    with own_service("smog") as (service, _):
        play_smog(service)
        wait_for("all is derived", lambda: is_derived(service), 180)
        yield service


def take(page: Browser, url: str, path: Path) -> None:
    """A picture of a view once all of it is there, in the format that the path ends with."""
    page.open("about:blank")
    page.open(url)
    page.wait_for_connection("live")
    page.wait_until(
        "return document.querySelector('main > *') && !document.querySelector('[aria-busy=true]')"
        " && document.fonts.status === 'loaded' && [...document.querySelectorAll("
        "'[data-part=since]')].every((one) => one.textContent)"
    )
    # Past the first screen nothing is asked for; on it each card has its line.
    page.wait_until(
        "return [...document.querySelectorAll('.spark')].every((one) => one.children.length"
        " || one.closest('[data-state=insufficient]')"
        " || one.getBoundingClientRect().top > innerHeight)"
    )
    taken = page.driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": path.suffix[1:], "quality": _QUALITY}
    )
    path.write_bytes(base64.b64decode(taken["data"]))


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=_FOLDER)
    parser.add_argument("--format", choices=("webp", "jpeg"), default="webp")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with smog_city() as service, browser() as page:
        for width, height in _SIZES.items():
            for theme in ("light", "dark"):
                page.resize(width, height, dark=theme == "dark")
                once = _ONCE if (width, theme) == (1280, "light") else {}
                for name, hashed in (_EVERYWHERE | once).items():
                    url = f"{service.api}/?city={CITY}#/{hashed}"
                    file = f"{name}-{width}-{theme}.{options.format}"
                    take(page, url, options.output / file)


if __name__ == "__main__":
    main()
