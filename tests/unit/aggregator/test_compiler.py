"""Compiled expressions equal the plain interpreter, bit for bit."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.compiler import compile_node, compile_rule
from kpi_rules.expression import Binary, Call, Function, Name, Node, Number, Operator, Unary, parse
from kpi_rules.interpret import evaluate
from tests.unit.aggregator.small_city import rule

VALUES = st.one_of(
    st.floats(-1e300, 1e300),
    st.integers(-3, 3).map(float),
    st.sampled_from([math.nan, 0.0, -0.0, 1e-320, math.inf, -math.inf]),
)
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Number, st.one_of(st.floats(0, 1e6), st.integers(0, 9).map(float))),
    st.builds(Name, st.sampled_from(["x", "y", "z"])),
)


def _larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Unary, inner),
        st.builds(Binary, st.sampled_from(list(Operator)), inner, inner),
        st.builds(Call, st.just(Function.ABS), st.tuples(inner)),
        st.builds(
            Call,
            st.sampled_from([Function.MIN, Function.MAX]),
            st.lists(inner, min_size=2, max_size=4).map(tuple),
        ),
    )


TREES = st.recursive(LEAVES, _larger, max_leaves=12)


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else np.float64(value).tobytes()


@example(parse("1 / min(x, -x)"), [(math.inf, 0.0, 0.0)])
@given(TREES, st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=6))
def test_arrays_come_to_what_the_interpreter_says(
    tree: Node, rows: list[tuple[float, float, float]]
) -> None:
    columns = np.array(rows).T.copy()
    names = {name: columns[place].reshape(-1, 1) for place, name in enumerate("xyz")}
    with np.errstate(all="ignore"):
        found = compile_node(tree)(names)
        expected = [evaluate(tree, dict(zip("xyz", row, strict=True))) for row in rows]
    assert found.shape == (len(rows), 1)
    assert [bits(one) for one in found[:, 0]] == [bits(one) for one in expected]


def test_a_division_by_zero_is_nothing() -> None:
    found = compile_node(parse("x / y"))(
        {"x": np.array([1.0, 0.0, -1.0]), "y": np.array([0.0, -0.0, 0.0])}
    )
    assert np.isnan(found).all()


def test_nothing_makes_nothing_in_min_and_max_too() -> None:
    names = {"x": np.array([1.0, math.nan]), "y": np.array([math.nan, 2.0])}
    for text in ("min(x, y)", "max(x, y)", "min(x, y, 0)", "x + y", "abs(x * y)"):
        assert np.isnan(compile_node(parse(text))(names)).all()


def test_a_number_has_the_shape_of_the_names() -> None:
    assert compile_node(parse("2"))({"x": np.zeros((3, 2))}).tolist() == [[2.0, 2.0]] * 3


def test_a_division_has_an_upper_part_in_the_rules_unit() -> None:
    per_head = replace(rule("water.supplied_per_capita.day"), scale=0.001)
    compiled = compile_rule(per_head)
    names = {"supplied": np.array([6.0]), "population": np.array([3.0])}
    fraction = compiled.fraction(names)
    assert fraction is not None
    above, below = fraction
    assert (above.tolist(), below.tolist()) == ([6.0 * per_head.scale], [3.0])
    assert compiled.value(names).tolist() == [2.0 * per_head.scale]


def test_what_is_no_division_has_no_fraction() -> None:
    one = rule("air.pm2_5.hour")
    assert compile_rule(one).fraction({"pm2_5": np.zeros(1)}) is None
    scaled = compile_rule(replace(one, scale=3.0))
    assert scaled.value({"pm2_5": np.array([2.0])}).tolist() == [6.0]
