import re

from api.page_files import load_page


def test_page_loads_nothing_from_elsewhere() -> None:
    for name, file in load_page().items():
        found = re.findall(rb"https?://[^\s\"'`)]+", file.body)
        assert all(url.startswith(b"http://www.w3.org/") for url in found), (name, found)


def test_every_file_that_is_named_exists() -> None:
    page = load_page()
    for name, file in page.items():
        for named in re.findall(rb"""(?:/static/|from "\./)([\w.]+)""", file.body):
            assert named.decode() in page, (name, named)


def test_page_has_neither_inline_script_nor_inline_style() -> None:
    html = load_page()["index.html"].body
    assert not re.search(rb"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


def test_page_stays_light() -> None:
    assert sum(len(file.body) for file in load_page().values()) < 100_000
