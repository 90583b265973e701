"""The expression language: parsed and evaluated as Python would."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_rules.expression import (
    BadExpression,
    Binary,
    Call,
    Function,
    Name,
    Node,
    Number,
    Operator,
    Unary,
    names,
    parse,
    written,
)
from kpi_rules.interpret import evaluate

NUMBERS = st.floats(0, 1e6, allow_subnormal=False).map(Number)
VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)


def grow(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        parts.map(Unary),
        st.builds(Binary, st.sampled_from(Operator), parts, parts),
        st.builds(Call, st.just(Function.ABS), st.tuples(parts)),
        st.builds(
            Call,
            st.sampled_from([Function.MIN, Function.MAX]),
            st.lists(parts, min_size=2, max_size=3).map(tuple),
        ),
    )


TREES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(NUMBERS, st.sampled_from("abc").map(Name)), grow, max_leaves=12
)


def by_python(text: str, values: dict[str, float]) -> float:
    allowed = {"__builtins__": {}, "min": min, "max": max, "abs": abs}
    return float(eval(text, allowed, dict(values)))  # noqa: S307 - the oracle, on text made here


@given(TREES)
def test_what_is_written_parses_to_the_same_tree(tree: Node) -> None:
    assert parse(written(tree)) == tree


@given(TREES, st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES}))
def test_values_are_those_of_python(tree: Node, values: dict[str, float]) -> None:
    found = evaluate(tree, values)
    try:
        expected = by_python(written(tree), values)
    except ZeroDivisionError:
        return
    # Where something was divided by zero, or inf met inf, python's min and max may hide the nan.
    assert found == expected or math.isnan(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("8 / 4 / 2", 1.0),
        ("-x * 2", -6.0),
        ("max(0, 1 - x)", 0.0),
        ("min(x, 2, 7)", 2.0),
        ("abs(-x)", 3.0),
        ("  x\n", 3.0),
        ("1e-3 * x", 0.003),
    ],
)
def test_expressions_mean_what_they_say(text: str, expected: float) -> None:
    assert evaluate(parse(text), {"x": 3.0}) == expected


@pytest.mark.parametrize("text", ["1 / 0", "0 / 0", "-1 / 0", "max(1, 1 / 0)", "min(1 / 0, 1)"])
def test_a_division_by_zero_is_no_number(text: str) -> None:
    assert math.isnan(evaluate(parse(text), {}))


@pytest.mark.parametrize("text", ["max(x, 1)", "max(1, x)", "min(x, 1)", "min(1, x)", "abs(x)"])
def test_nan_is_never_hidden(text: str) -> None:
    assert math.isnan(evaluate(parse(text), {"x": math.nan}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an expression"),
        ("a +", "not an expression"),
        ("a; b", "not an expression"),
        ("a = 1", "not an expression"),
        ("a ** 2", r"column 1: 'a \*\* 2': only numbers, names"),
        ("b + a // 2", "column 5: 'a // 2'"),
        ("a if b else c", "only numbers"),
        ("a < b", "only numbers"),
        ("+a", "only numbers"),
        ("a.b", "only numbers"),
        ("a[0]", "only numbers"),
        ("'a'", "only numbers"),
        ("True", "only numbers"),
        ("1j", "only numbers"),
        ("None", "only numbers"),
        ("lambda: 0", "only numbers"),
        ("exp(a)", "only numbers"),
        ("__import__('os')", "only numbers"),
        ("max(*a)", "only numbers"),
        ("max(a, key=b)", "only numbers"),
        ("max", "only numbers"),
        ("abs(a, b)", "abs takes one operand"),
        ("max(a)", "max takes two operands or more"),
        ("min()", "min takes two operands or more"),
        ("1e999", "too large a number"),
        ("1" + "0" * 400, "too large a number"),
        ("-" * 200 + "a", "nested deeper"),
        ("(" * 300 + "a" + ")" * 300, "not an expression|nested deeper"),
        ("a + " * 400 + "a", "longer than"),
        ("a\0b", "not an expression"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(BadExpression, match=message):
        parse(text)


@given(st.text(alphabet="ab01.+-*/() ,minxabs", max_size=30))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        tree = parse(text)
    except BadExpression:
        return
    assert parse(written(tree)) == tree


def test_names_are_listed_as_often_as_they_stand() -> None:
    assert list(names(parse("a + max(b, -a) * 2"))) == ["a", "b", "a"]
