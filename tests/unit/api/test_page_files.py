import gzip
import re
import shutil

import pytest

from api.page_files import load_page

built = pytest.mark.skipif(
    len(load_page()) == 1 and shutil.which("npm") is None,
    reason="the dashboard is not built here: make dashboard",
)
SCRIPT_BYTES = 300_000
"""Of script before charts, compressed: what the design allows."""


@built
def test_page_loads_nothing_from_elsewhere() -> None:
    """Addresses in scripts are those of namespaces and of what libraries say of themselves."""
    for name, file in load_page().items():
        if name.endswith((".html", ".css")):
            assert not re.findall(rb"https?://", file.body.replace(b"http://www.w3.org/", b"")), (
                name
            )
        if name.endswith(".js"):
            assert not re.findall(rb"(?:import|fetch|src=)\(?[\"'`]https?://", file.body), name


@built
def test_every_file_that_is_named_exists() -> None:
    page = load_page()
    for name, file in page.items():
        named = re.findall(
            rb"""(?:/static/|from"\./|import\("\./|url\("?\./)([\w.-]+)""", file.body
        )
        assert {one.decode() for one in named} <= page.keys(), name


@built
def test_page_has_neither_inline_script_nor_inline_style() -> None:
    html = load_page()["index.html"].body
    assert not re.search(rb"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


@built
def test_first_script_stays_light_and_charts_are_apart() -> None:
    page = load_page()
    first = re.search(rb"/static/(main-\w+\.js)", page["index.html"].body)
    assert first
    assert len(gzip.compress(page[first[1].decode()].body)) < SCRIPT_BYTES
    assert b"echarts" not in page[first[1].decode()].body.lower()


@built
def test_hashed_files_are_kept_and_the_page_is_asked_for_again() -> None:
    page = load_page()
    assert page["index.html"].caching == "no-cache"
    assert all(
        "immutable" in file.caching for name, file in page.items() if name.startswith("main-")
    )
