"""The plain interpreter of expressions: what a compiled expression must equal, bit for bit.

What is missing stays missing: an operation on nan gives nan, but for `known`, `first_known`,
`lowest`, `highest` and `how_many`, which are there to deal with it, and for folds of series, which
leave missing places out. A result that has no finite value though its operands do (a division by
zero, an overflow of `exp`) is missing too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from kpi_rules import folds
from kpi_rules.expression import (
    SIGNATURES,
    Binary,
    Call,
    Choice,
    Clocked,
    Function,
    Lookup,
    Name,
    Node,
    Not,
    Number,
    Operator,
    Sort,
    Unary,
    UnitOf,
)
from kpi_rules.rounding import Mode, rounded
from kpi_rules.tables import Table, look_up

Value: TypeAlias = float | Sequence[float]
"""A number, or a series in order of time; nan for what is missing."""

_NO_TABLES: Final[Mapping[str, Table]] = {}


def evaluate(node: Node, values: Mapping[str, Value]) -> float:
    """The number that an expression without tables comes to, in float64.

    Raises:
        KeyError: if `values` lacks a name.
        TypeError: if the expression comes to a series.
    """
    return as_number(compute(node, values, _NO_TABLES))


def as_number(value: Value) -> float:
    """A value that must be a number.

    Raises:
        TypeError: it is a series.
    """
    if isinstance(value, float):
        return value
    raise TypeError("a series where a number was expected")


def compute(  # noqa: C901, PLR0911 (a case for each node)
    node: Node, values: Mapping[str, Value], tables: Mapping[str, Table]
) -> Value:
    """The value of an expression, operand by operand from the left.

    Raises:
        KeyError: if `values` or `tables` lacks a name.
    """
    match node:
        case Number(value):
            return value
        case UnitOf():
            return 1.0
        case Name(name):
            return _given(values[name])
        case Clocked():
            return _given(values[node.key])
        case Unary(operand):
            return _each(lambda one: -one, compute(operand, values, tables))
        case Not(operand):
            return _each(_not, compute(operand, values, tables))
        case Binary(operator, left, right):
            return _each(
                _BINARY[operator], compute(left, values, tables), compute(right, values, tables)
            )
        case Choice(condition, then, other):
            parts = [compute(each, values, tables) for each in (condition, then, other)]
            return _each(_choose, *parts)
        case Call(function, arguments):
            return _call(function, [compute(each, values, tables) for each in arguments])
        case Lookup(table, operand):
            found = tables[table]
            return _each(lambda one: look_up(found, one), compute(operand, values, tables))


def _given(value: Value) -> Value:
    return [float(each) for each in value] if isinstance(value, Sequence) else float(value)


def _each(function: Callable[..., float], *operands: Value) -> Value:
    """Apply a function place by place; a number stands for every place.

    Series that go together are of one length, but for those of stations that are not there.
    """
    lengths = [len(each) for each in operands if not isinstance(each, float)]
    if not lengths:
        return function(*operands)
    columns = [_places(each, max(lengths)) for each in operands]
    return [function(*row) for row in zip(*columns, strict=True)]


def _places(value: Value, count: int) -> Sequence[float]:
    if isinstance(value, float):
        return [value] * count
    return [*value, *[math.nan] * (count - len(value))]


def _call(function: Function, arguments: list[Value]) -> Value:
    sort = SIGNATURES[function].sort
    if sort is Sort.FOLD or (sort is Sort.EITHER and len(arguments) == 1):
        return _fold(function, arguments)
    if sort is Sort.SERIES:
        return _reshape(function, arguments)
    if function in _ROUNDING:
        return _each(_rounding(_ROUNDING[function], int(as_number(arguments[1]))), arguments[0])
    if function in _ONE:
        return _each(_ONE[function], arguments[0])
    several = _SEVERAL[function]
    return _each(lambda *row: several(row), *arguments)


def _fold(function: Function, arguments: list[Value]) -> float:
    series = arguments[0]
    if isinstance(series, float):
        raise TypeError(f"{function} of a number")
    if function in folds.FOLDS_BY:
        return folds.FOLDS_BY[function](series, as_number(arguments[1]))
    return folds.FOLDS[function](series)


def _reshape(function: Function, arguments: list[Value]) -> Value:
    series = arguments[0]
    if isinstance(series, float):
        raise TypeError(f"{function} of a number")
    if function is Function.AGE:
        return folds.age(series)
    places = as_number(arguments[1])
    if function is Function.NEWEST:
        return folds.newest(series, places)
    return folds.running_mean(series, places)


def _rounding(mode: Mode, digits: int) -> Callable[[float], float]:
    return lambda one: rounded(one, mode, digits)


def _divide(left: float, right: float) -> float:
    return left / right if right != 0.0 else math.nan


def _power(base: float, exponent: float) -> float:
    if math.isnan(base) or math.isnan(exponent):
        return math.nan
    return _defined(math.pow, base, exponent)


def _defined(function: Callable[..., float], *operands: float) -> float:
    """A function's value, missing where it has none or none that is finite."""
    try:
        found = function(*operands)
    except (ValueError, OverflowError):
        return math.nan
    if math.isinf(found) and all(math.isfinite(each) for each in operands):
        return math.nan
    return found


def _compare(holds: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    def compared(left: float, right: float) -> float:
        return math.nan if math.isnan(left) or math.isnan(right) else float(holds(left, right))

    return compared


def _and(left: float, right: float) -> float:
    if left == 0.0 or right == 0.0:
        return 0.0
    return math.nan if math.isnan(left) or math.isnan(right) else 1.0


def _or(left: float, right: float) -> float:
    if any(each != 0.0 and not math.isnan(each) for each in (left, right)):
        return 1.0
    return math.nan if math.isnan(left) or math.isnan(right) else 0.0


def _not(operand: float) -> float:
    return math.nan if math.isnan(operand) else float(operand == 0.0)


def _choose(condition: float, then: float, other: float) -> float:
    if math.isnan(condition):
        return math.nan
    return then if condition != 0.0 else other


_BINARY: Final[dict[Operator, Callable[[float, float], float]]] = {
    Operator.ADD: lambda left, right: left + right,
    Operator.SUBTRACT: lambda left, right: left - right,
    Operator.MULTIPLY: lambda left, right: left * right,
    Operator.DIVIDE: _divide,
    Operator.POWER: _power,
    Operator.LESS: _compare(lambda left, right: left < right),
    Operator.AT_MOST: _compare(lambda left, right: left <= right),
    Operator.MORE: _compare(lambda left, right: left > right),
    Operator.AT_LEAST: _compare(lambda left, right: left >= right),
    Operator.EQUAL: _compare(lambda left, right: left == right),
    Operator.UNEQUAL: _compare(lambda left, right: left != right),
    Operator.AND: _and,
    Operator.OR: _or,
}


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda one: float(function(one)) if math.isfinite(one) else one


def _level_of(power: float) -> float:
    return 10.0 * _defined(math.log10, power)


_ONE: Final[dict[Function, Callable[[float], float]]] = {
    Function.ABS: abs,
    Function.FLOOR: _whole(math.floor),
    Function.CEIL: _whole(math.ceil),
    Function.EXP: lambda one: _defined(math.exp, one),
    Function.LN: lambda one: _defined(math.log, one),
    Function.LOG10: lambda one: _defined(math.log10, one),
    Function.SQRT: lambda one: _defined(math.sqrt, one),
    Function.POWER_OF: lambda one: _power(10.0, one / 10.0),
    Function.LEVEL_OF: _level_of,
    Function.KNOWN: lambda one: float(not math.isnan(one)),
}
_ROUNDING: Final[dict[Function, Mode]] = {
    Function.TRUNCATE: Mode.TRUNCATE,
    Function.ROUND_HALF_UP: Mode.HALF_UP,
    Function.ROUND_HALF_EVEN: Mode.HALF_EVEN,
    Function.ROUND_UP: Mode.UP,
    Function.ROUND_DOWN: Mode.DOWN,
}


def _all_known(choose: Callable[..., float]) -> Callable[[Sequence[float]], float]:
    return lambda row: math.nan if any(math.isnan(each) for each in row) else choose(row)


def _known(row: Sequence[float]) -> list[float]:
    return [each for each in row if not math.isnan(each)]


def _which_highest(row: Sequence[float]) -> float:
    """The place, from 0, of the first of the highest."""
    found = _known(row)
    return float(row.index(max(found))) if found else math.nan


_SEVERAL: Final[dict[Function, Callable[[Sequence[float]], float]]] = {
    Function.MIN: _all_known(min),
    Function.MAX: _all_known(max),
    Function.LOWEST: lambda row: min(_known(row), default=math.nan),
    Function.HIGHEST: lambda row: max(_known(row), default=math.nan),
    Function.WHICH_HIGHEST: _which_highest,
    Function.FIRST_KNOWN: lambda row: next(iter(_known(row)), math.nan),
    Function.HOW_MANY: lambda row: float(len(_known(row))),
}
