"""Expressions with numbers put in: what they parse to comes to the same number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_rules.expression import Name, Node, names
from kpi_rules.filled import with_numbers
from kpi_rules.interpret import Value, compute
from kpi_rules.parse import LONGEST, parse
from tests.unit.kpi_rules.trees import NUMBERS, SERIES, TABLES, trees

NUMBER = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, 0.0, -0.0, -2.0, 1e-300]))


@given(trees(), st.lists(NUMBER, min_size=len(NUMBERS), max_size=len(NUMBERS)), st.data())
def test_the_text_comes_to_the_same(tree: Node, numbers: list[float], data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 4))
    row = st.lists(NUMBER, min_size=size, max_size=size)
    values: dict[str, Value] = dict(zip(NUMBERS, numbers, strict=True))
    values |= {name: data.draw(row) for name in SERIES}
    text = with_numbers(tree, values)
    if len(text) > LONGEST:
        return
    filled = parse(text)
    assert not set(names(filled)) & set(NUMBERS)
    assert repr(compute(filled, values, TABLES)) == repr(compute(tree, values, TABLES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x ** 2", "(-2) ** 2"),
        ("1 - x", "1 - (-2)"),
        ("sum(s) / y", "sum(s) / missing"),
        ('x * unit("km") if y > 1 else 0', '((-2) * unit("km")) if (missing > 1) else 0'),
    ],
)  # fmt: skip
def test_numbers_stand_where_names_stood(text: str, expected: str) -> None:
    values: dict[str, Value] = {"x": -2.0, "y": math.nan, "s": [1.0, 2.0]}
    assert with_numbers(parse(text), values) == expected


def test_what_is_not_known_stays_a_name() -> None:
    assert with_numbers(Name("x"), {}) == "x"
