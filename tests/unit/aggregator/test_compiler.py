"""Compiled expressions equal the plain interpreter, bit for bit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.compiler import compile_rule, compile_tree
from aggregator.program import Names, SeriesOf
from kpi_rules.evaluate import evaluate_rule
from kpi_rules.expression import Node
from kpi_rules.interpret import compute
from kpi_rules.load import read_rules
from kpi_rules.parse import parse
from tests.unit.aggregator.small_city import rule
from tests.unit.kpi_rules.texts import INDEX
from tests.unit.kpi_rules.trees import SERIES, TABLES, VALUES, trees

PLACES = 7


@pytest.fixture(autouse=True, scope="module")
def _machine() -> None:
    """Compiling the machine takes longer than hypothesis allows an example."""
    compile_tree(parse("x"), frozenset())({"x": np.zeros(1)})


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else np.float64(value).tobytes()


Row = tuple[list[float], list[float], list[float]]
"""x, y and z; then s and t."""


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Mostly series of one length, as windows give them; of stations that are not there, none."""
    places = draw(st.integers(0, PLACES))
    series = st.one_of(
        st.lists(VALUES, min_size=places, max_size=places), st.lists(VALUES, max_size=PLACES)
    )
    return draw(st.lists(VALUES, min_size=3, max_size=3)), draw(series), draw(series)


@st.composite
def alike(draw: st.DrawFn) -> list[Row]:
    """Several rows whose series are as long as those of the others: these go through together."""
    lengths = draw(st.tuples(*[st.integers(0, PLACES)] * 2))
    numbers = st.lists(VALUES, min_size=3, max_size=3)
    series = (st.lists(VALUES, min_size=one, max_size=one) for one in lengths)
    return draw(st.lists(st.tuples(numbers, *series), min_size=2, max_size=5))


def as_arrays(found: list[Row]) -> Names:
    names: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]] | SeriesOf] = {
        name: np.array([row[0][at] for row in found]).reshape(-1, 1)
        for at, name in enumerate("xyz")
    }
    for at, name in enumerate(SERIES, 1):
        lengths = np.array([len(row[at]) for row in found]).reshape(-1, 1)
        padded = [[*row[at], *[9.75] * (PLACES - len(row[at]))] for row in found]
        names[name] = SeriesOf(np.array(padded).reshape(-1, 1, PLACES), lengths)
    return names


def as_values(row: Row) -> dict[str, float | list[float]]:
    return dict(zip("xyz", row[0], strict=True)) | dict(zip(SERIES, row[1:], strict=True))


@example(parse("1 / min(x, -x)"), [([math.inf, 0.0, 0.0], [], [])])
@example(parse("percentile(s, 50)"), [([0.0] * 3, [0.0, -0.0, math.nan], [1.0] * 3)])
@example(parse("deviation(s)"), [([0.0] * 3, [math.inf, 1.0, 2.0], [1.0] * 3)])
@example(parse("x ** y"), [([-10.0, 309.0, 0.0], [], []), ([0.0, -1.0, 0.0], [], [])])
@example(parse("sum(x + s * t)"), [([1.0, 0.0, 0.0], [1.0, 2.0], [3.0, math.nan])])
@given(trees(), st.lists(rows(), min_size=1, max_size=4) | alike())
def test_arrays_come_to_what_the_interpreter_says(tree: Node, found: list[Row]) -> None:
    program = compile_tree(tree, frozenset(SERIES), TABLES)
    (values,) = program(as_arrays(found))
    expected = [compute(tree, as_values(row), TABLES) for row in found]
    assert values.shape == (len(found), 1)
    assert [bits(one) for one in values[:, 0]] == [
        bits(one) for one in expected if isinstance(one, float)
    ]


def test_a_division_by_zero_is_nothing() -> None:
    names = {"x": np.array([1.0, 0.0, -1.0]), "y": np.array([0.0, -0.0, 0.0])}
    assert np.isnan(compile_tree(parse("x / y"), frozenset())(names)).all()


def test_nothing_makes_nothing_in_min_and_max_too() -> None:
    names = {"x": np.array([1.0, math.nan]), "y": np.array([math.nan, 2.0])}
    for text in ("min(x, y)", "max(x, y)", "min(x, y, 0)", "x + y", "abs(x * y)"):
        assert np.isnan(compile_tree(parse(text), frozenset())(names)).all()


def test_a_number_has_the_shape_of_the_names() -> None:
    (found,) = compile_tree(parse("2"), frozenset())({"x": np.zeros((3, 2))})
    assert found.tolist() == [[2.0, 2.0]] * 3


@pytest.mark.parametrize("cells", [0, 1, 1023, 1024, 1025, 3000])
def test_many_cells_are_what_each_is(cells: int) -> None:
    x = np.random.default_rng(cells).normal(size=cells)
    (found,) = compile_tree(parse("2 + max(x, 0) * -x"), frozenset())({"x": x})
    assert found.tolist() == [2.0 + max(one, 0.0) * -one for one in x.tolist()]


@pytest.mark.parametrize("cells", [291, 292, 293, 1000])
def test_many_series_are_what_each_is(cells: int) -> None:
    drawn = np.random.default_rng(cells).normal(size=(cells, 3 + 2 * PLACES)).round(1).tolist()
    found = [(row[:3], row[3 : 3 + PLACES - at % 900 // 600], row[-PLACES:])
             for at, row in enumerate(drawn)]  # fmt: skip
    tree = parse("z + (sum(running_mean(t, 2) * s - y) if count(s > x) > 2 else percentile(t, 40))")
    (values,) = compile_tree(tree, frozenset(SERIES), TABLES)(as_arrays(found))
    expected = [compute(tree, as_values(row), TABLES) for row in found]
    assert [bits(one) for one in values[:, 0].tolist()] == [
        bits(one) for one in expected if isinstance(one, float)
    ]


def test_what_is_given_in_the_wrong_form_is_refused() -> None:
    program = compile_tree(parse("x + sum(s)"), frozenset({"s"}))
    series = SeriesOf(np.zeros((1, 2)), np.array([2]))
    with pytest.raises(ValueError, match="a number where a series was expected"):
        program({"x": np.zeros(1), "s": np.zeros(1)})
    with pytest.raises(ValueError, match="a series where a number was expected"):
        program({"x": series, "s": series})
    with pytest.raises(ValueError, match="shorter than it is said to be"):
        program({"x": np.zeros(1), "s": SeriesOf(np.zeros((1, 2)), np.array([3]))})


def test_a_division_has_an_upper_part_in_the_rules_unit() -> None:
    per_head = replace(rule("water.supplied_per_capita.day"), scale=0.001)
    found = compile_rule(per_head)({"supplied": np.array([6.0]), "population": np.array([3.0])})
    assert (found.numerator.tolist(), found.denominator.tolist()) == ([6.0 * per_head.scale], [3.0])
    assert found.value.tolist() == [2.0 * per_head.scale]


def test_what_is_no_division_has_no_fraction() -> None:
    compiled = compile_rule(replace(rule("air.pm2_5.hour"), scale=3.0))
    found = compiled({"pm2_5": np.array([2.0])})
    assert not compiled.divides
    assert np.isnan([found.numerator, found.denominator]).all()
    assert found.value.tolist() == [6.0]


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5))
def test_a_whole_rule_comes_to_what_the_interpreter_says(found: list[tuple[float, float]]) -> None:
    (index,) = read_rules(INDEX, "test.toml")
    compiled = compile_rule(index)
    columns = np.array(found).T.copy()
    evaluated = compiled({"pm2_5": columns[0], "pm10": columns[1]})
    for at, (fine, coarse) in enumerate(found):
        expected = evaluate_rule(index, {"pm2_5": fine, "pm10": coarse})
        assert bits(evaluated.value[at]) == bits(expected.value)
        assert bits(evaluated.unrounded[at]) == bits(expected.unrounded)
        for name in ("fine", "coarse"):
            said = expected.parts[name]
            assert isinstance(said, float) and bits(evaluated.parts[name][at]) == bits(said)
        which = evaluated.dominant[at]
        assert expected.dominant == ("" if math.isnan(which) else ("fine", "coarse")[int(which)])


def test_the_dominant_one_is_the_first_of_the_highest() -> None:
    (index,) = read_rules(INDEX, "test.toml")
    assert evaluate_rule(index, {"pm2_5": 10.0, "pm10": 20.0}).dominant == "fine"
    assert evaluate_rule(index, {"pm2_5": 10.0, "pm10": 30.0}).dominant == "coarse"
    assert evaluate_rule(index, {"pm2_5": math.nan, "pm10": 1.0}).dominant == "coarse"
    assert evaluate_rule(index, {"pm2_5": math.nan, "pm10": math.nan}).dominant == ""
