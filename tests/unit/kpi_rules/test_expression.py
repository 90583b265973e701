"""The expression language: parsed and evaluated as Python would."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_rules.expression import (
    BadExpression,
    Binary,
    Call,
    Choice,
    Function,
    Name,
    Node,
    Number,
    Operator,
    Unary,
    names,
    written,
)
from kpi_rules.interpret import evaluate
from kpi_rules.parse import LONGEST, parse
from tests.unit.kpi_rules.trees import trees

PLAIN_FUNCTIONS = {"min": min, "max": max, "abs": abs}
PLAIN: st.SearchStrategy[Node] = st.recursive(
    st.one_of(
        st.floats(0, 1e6, allow_subnormal=False).map(Number), st.sampled_from("abc").map(Name)
    ),
    lambda parts: st.one_of(
        parts.map(Unary),
        st.builds(
            Binary,
            st.sampled_from([Operator.ADD, Operator.SUBTRACT, Operator.MULTIPLY, Operator.DIVIDE]),
            parts,
            parts,
        ),
        st.builds(
            Choice,
            st.builds(Binary, st.sampled_from([Operator.LESS, Operator.AT_LEAST]), parts, parts),
            parts,
            parts,
        ),
        st.builds(Call, st.just(Function.ABS), st.tuples(parts)),
        st.builds(
            Call,
            st.sampled_from([Function.MIN, Function.MAX]),
            st.lists(parts, min_size=2, max_size=3).map(tuple),
        ),
    ),
    max_leaves=12,
)
VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)


def by_python(text: str, values: dict[str, float]) -> float:
    allowed: dict[str, object] = {"__builtins__": {}, **PLAIN_FUNCTIONS}
    return float(eval(text, allowed, dict(values)))  # noqa: S307 - the oracle, on text made here


def same(one: Node, other: Node) -> bool:
    """Whether two trees are equal, nan being equal to nan."""
    return repr(one) == repr(other)


@given(trees())
def test_what_is_written_parses_to_the_same_tree(tree: Node) -> None:
    text = written(tree)
    if len(text) <= LONGEST:
        assert same(parse(text), tree)


@given(PLAIN, st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES}))
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
        ("a ^ 2", r"column 1: 'a \^ 2': known are numbers, names"),
        ("b + a // 2", "column 5: 'a // 2'"),
        ("a < b < c", "compare two at a time"),
        ("a is b", "known are"),
        ("a in b", "known are"),
        ("max > 1", "max is called with operands"),
        ("unit(km)", "unit takes the name of a unit in quotes"),
        ("unit('k\"')", "unit takes the name of a unit in quotes"),
        ("lookup('a', b)", "lookup takes the name of a table"),
        ("lookup(a)", "lookup takes the name of a table"),
        ("hour_of(a + b)", "hour_of takes the name of an input"),
        ("percentile(a, b)", "percentile takes a number written out"),
        ("truncate(a)", "truncate takes two operands"),
        ("known(a, b)", "known takes one operand"),
        ("highest(a)", "highest takes two operands or more"),
        ("a\n+ (b ^ c)", r"line 2, column 4: 'b \^ c'"),
        ("+a", "known are"),
        ("a.b", "known are"),
        ("a[0]", "known are"),
        ("'a'", "known are"),
        ("True", "known are"),
        ("1j", "known are"),
        ("None", "known are"),
        ("lambda: 0", "known are"),
        ("sin(a)", "known functions are abs, "),
        ("__import__('os')", "known functions are"),
        ("max(*a)", "known are"),
        ("max(a, key=b)", "known are"),
        ("max", "max is called with operands"),
        ("abs(a, b)", "abs takes one operand"),
        ("min()", "min takes a series, or two operands or more"),
        ("1e999", "too large a number"),
        ("1" + "0" * 400, "too large a number"),
        ("-" * 200 + "a", "nested deeper"),
        ("(" * 300 + "a" + ")" * 300, "not an expression|nested deeper"),
        ("a + " * 600 + "a", "longer than"),
        ("a\0b", "not an expression"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(BadExpression, match=message):
        parse(text)


@given(st.text(alphabet="ab01.+-*/() ,minxabs<>=notifelse\n", max_size=30))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        tree = parse(text)
    except BadExpression:
        return
    assert same(parse(written(tree)), tree)


def test_names_are_listed_as_often_as_they_stand() -> None:
    assert list(names(parse("a + max(b, -a) * 2"))) == ["a", "b", "a"]
