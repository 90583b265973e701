"""Every key of a TOML text is found in its line."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_rules.positions import Path, find_lines

TEXT = '''# a comment with [brackets] and "quotes
name = "x"          # trailing
text = """
[not.a.table]
k = 1 \\""" still
"""
'quoted key' = 1
a.b.c = { d = [1, 2, { e = "}" }], f = 2020-01-01 }

[[rule]]
id = "one"
input = [
  { name = "p" },  # first
  { name = "q", levels = [{ n = 1 },
                          { n = 2 }] },
]

[[rule]]
id = 'two # no comment'
[rule.window]
length = "day"
[[rule.part]]
x = 1
[[rule.part]]
x = 2
'''


def paths(table: Any, at: Path = ()) -> list[Path]:
    """Every path in what tomllib reads."""
    if isinstance(table, dict):
        inner = list(table.items())
    elif isinstance(table, list):
        inner = list(enumerate(table))
    else:
        return []
    return [path for key, each in inner for path in [(*at, key), *paths(each, (*at, key))]]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("text",), 3),
        (("quoted key",), 7),
        (("a", "b", "c", "d"), 8),
        (("a", "b", "c", "f"), 8),
        (("rule", 0, "id"), 11),
        (("rule", 0, "input", 0, "name"), 13),
        (("rule", 0, "input", 1, "levels", 1, "n"), 15),
        (("rule", 1), 18),
        (("rule", 1, "window", "length"), 21),
        (("rule", 1, "part", 1, "x"), 25),
    ],
)
def test_a_key_is_found_in_its_line(path: Path, line: int) -> None:
    assert find_lines(TEXT)[path] == line


def test_nothing_of_the_example_is_lost() -> None:
    found = find_lines(TEXT)
    assert set(paths(tomllib.loads(TEXT))) - {("rule",), ("rule", 1, "part")} <= set(found)


@pytest.mark.parametrize(
    "name", [each.name for each in files("kpi_rules").iterdir() if each.name.endswith(".toml")]
)
def test_every_key_of_the_shipped_rules_is_found_where_it_stands(name: str) -> None:
    text = files("kpi_rules").joinpath(name).read_text("utf-8")
    found, lines = find_lines(text), text.splitlines()
    for path in paths(tomllib.loads(text)):
        key = path[-1]
        if isinstance(key, str) and path in found:
            assert key in lines[found[path] - 1]
        elif isinstance(key, str):
            assert any(longer[: len(path)] == path for longer in found), path


@given(st.text(alphabet="ab=[]{},.\"'\n# 1\\", max_size=60))
def test_any_text_ends(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        find_lines(text)  # says what it likes, but it says it
    else:
        assert {path[:1] for path in paths(tomllib.loads(text))} <= {
            path[:1] for path in find_lines(text)
        }
