"""Random expressions that make sense: numbers, truths and series where each is expected."""

import math
from functools import cache
from typing import Final

from hypothesis import strategies as st

from kpi_rules.expression import (
    COMPARISONS,
    SIGNATURES,
    Binary,
    Call,
    Choice,
    Function,
    Lookup,
    Name,
    Node,
    Not,
    Number,
    Operator,
    Sort,
    Unary,
)
from kpi_rules.tables import Beyond, Edge, Table

Nodes = st.SearchStrategy[Node]

NUMBERS: Final = ("x", "y", "z")
SERIES: Final = ("s", "t")
"""Of one length."""
INF: Final = math.inf

TABLES: Final = {
    "steps": Table(
        "steps", "1", "1", ((-INF, 0.0, 1.0, 1.0), (0.0, 5.0, 2.0, 2.0), (5.0, INF, 3.0, 3.0)),
        Edge.TO, Beyond.MISSING, Beyond.HOLD,
    ),
    "gaps": Table(
        "gaps", "1", "1", ((0.0, 1.0, 0.0, 50.0), (1.1, 2.5, 51.0, 100.0), (2.5, 9.0, 101.0, 7.0)),
        Edge.FROM, Beyond.EXTEND, Beyond.EXTEND,
    ),
    "held": Table(
        "held", "1", "1", ((-2.0, 3.0, 5.0, -5.0),), Edge.TO, Beyond.HOLD, Beyond.MISSING
    ),
}  # fmt: skip

VALUES: Final = st.one_of(
    st.floats(-1e300, 1e300),
    st.floats(-20, 20).map(lambda value: round(value, 1)),
    st.integers(-3, 3).map(float),
    st.sampled_from([math.nan, 0.0, -0.0, 1e-320, INF, -INF, 0.5, 2.5, 1.1, 0.1 + 0.2]),
)
_WRITTEN: Final = st.one_of(st.floats(0, 1e6), st.integers(0, 9).map(float), st.just(math.nan)).map(
    Number
)
_ARITHMETIC: Final = (
    Operator.ADD, Operator.SUBTRACT, Operator.MULTIPLY, Operator.DIVIDE, Operator.POWER,
)  # fmt: skip
_TRUTHS: Final = frozenset({Function.COUNT, Function.LONGEST_RUN})
_PERCENTILES: Final = frozenset(
    {Function.PERCENTILE, Function.PERCENTILE_HAZEN, Function.PERCENTILE_WEIBULL}
)
_LAST: Final[dict[Function, Nodes]] = {
    function: st.sampled_from([0.0, 5.0, 50.0, 95.0, 90.4, 99.0, 100.0]).map(Number)
    if function in _PERCENTILES
    else st.integers(1, 5).map(float).map(Number)
    if signature.sort is Sort.SERIES
    else st.integers(-3, 6).map(lambda n: Number(float(n)) if n >= 0 else Unary(Number(float(-n))))
    for function, signature in SIGNATURES.items()
    if signature.constant
}


def _of_sort(*sorts: Sort) -> list[Function]:
    return [each for each, signature in SIGNATURES.items() if signature.sort in sorts]


@st.composite
def trees(draw: st.DrawFn, *, depth: int = 3) -> Node:
    """A tree that comes to a number."""
    return draw(_number(depth, in_series=False))


@cache
def _number(depth: int, *, in_series: bool) -> Nodes:
    """What comes to a number, or place by place to a series."""
    leaves: list[Nodes] = [_WRITTEN, st.sampled_from(NUMBERS).map(Name)]
    if in_series:
        leaves += [st.sampled_from(SERIES).map(Name)] * 2
    if depth == 0:
        return st.one_of(leaves)
    return st.one_of(*leaves, st.deferred(lambda: _grown(depth - 1, in_series=in_series)))


@cache
def _grown(depth: int, *, in_series: bool) -> Nodes:
    inner = _number(depth, in_series=in_series)
    kinds: list[Nodes] = [
        inner.map(Unary),
        st.builds(Binary, st.sampled_from(_ARITHMETIC), inner, inner),
        st.builds(Choice, _truth(depth, in_series=in_series), inner, inner),
        st.builds(Lookup, st.sampled_from(sorted(TABLES)), inner),
        _mapped(inner),
    ]
    # Series of fewer places (newest) go together with no others, so only folds take them.
    kinds.append(_reshaped(depth) if in_series else _folded(depth))
    kinds.append(_folded(depth))
    return st.one_of(kinds)


@cache
def _truth(depth: int, *, in_series: bool) -> Nodes:
    inner = _number(max(depth - 1, 0), in_series=in_series)
    compared: Nodes = st.builds(Binary, st.sampled_from(sorted(COMPARISONS)), inner, inner)
    known: Nodes = inner.map(lambda node: Call(Function.KNOWN, (node,)))
    if depth == 0:
        return st.one_of(compared, known)
    parts = st.deferred(lambda: _truth(depth - 1, in_series=in_series))
    joined: Nodes = st.builds(Binary, st.sampled_from([Operator.AND, Operator.OR]), parts, parts)
    return st.one_of(compared, known, joined, parts.map(Not))


@st.composite
def _mapped(draw: st.DrawFn, inner: Nodes) -> Node:
    functions = [each for each in _of_sort(Sort.EACH, Sort.EITHER) if each != Function.KNOWN]
    function = draw(st.sampled_from(functions))
    signature = SIGNATURES[function]
    if signature.constant:
        return Call(function, (draw(inner), draw(_LAST[function])))
    least = 2 if signature.most > 1 else 1
    count = draw(st.integers(least, min(signature.most, 4)))
    return Call(function, tuple(draw(inner) for _ in range(count)))


@cache
def _reshaped(depth: int) -> Nodes:
    """Of as many places as before."""
    inner = _anchored(depth)
    age: Nodes = inner.map(lambda node: Call(Function.AGE, (node,)))
    running: Nodes = st.builds(
        lambda node, places: Call(Function.RUNNING_MEAN, (node, places)),
        inner,
        _LAST[Function.RUNNING_MEAN],
    )
    return st.one_of(age, running)


@cache
def _anchored(depth: int) -> Nodes:
    """What is a series for certain: a number alone would not be one."""
    return st.builds(
        Binary,
        st.sampled_from([Operator.ADD, Operator.MULTIPLY]),
        st.sampled_from(SERIES).map(Name),
        _number(max(depth - 1, 0), in_series=True),
    )


@cache
def _folded(depth: int) -> Nodes:
    return _a_fold(depth)


@st.composite
def _a_fold(draw: st.DrawFn, depth: int) -> Node:
    function = draw(st.sampled_from(_of_sort(Sort.FOLD, Sort.EITHER)))
    if function in _TRUTHS:
        place = Binary(Operator.LESS, draw(_anchored(depth)), Number(draw(st.floats(0, 9))))
        return Call(function, (place,))
    series = draw(_anchored(depth))
    if draw(st.booleans()):
        series = Call(Function.NEWEST, (series, draw(_LAST[Function.NEWEST])))
    if SIGNATURES[function].constant:
        return Call(function, (series, draw(_LAST[function])))
    return Call(function, (series,))
