"""Rules' expressions compiled to functions over arrays, equal to the plain interpreter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from kpi_rules.expression import Binary, Call, Function, Name, Node, Number, Operator, Unary
from kpi_rules.model import Rule

Floats = NDArray[np.float64]
Names = Mapping[str, Floats]
Evaluate = Callable[[Names], Floats]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule's expression, ready for arrays.

    Attributes:
        value: the value in the rule's unit.
        fraction: numerator and denominator where the expression is a division, else None; the
            numerator carries the scale, so that their quotient is the value.
    """

    value: Evaluate
    fraction: Callable[[Names], tuple[Floats, Floats] | None]


def compile_rule(rule: Rule) -> Compiled:
    """Compile a rule's expression once."""
    evaluate = compile_node(rule.tree)

    def value(names: Names) -> Floats:
        return evaluate(names) * rule.scale

    if not (isinstance(rule.tree, Binary) and rule.tree.operator == Operator.DIVIDE):
        return Compiled(value, lambda _names: None)
    above, below = compile_node(rule.tree.left), compile_node(rule.tree.right)
    return Compiled(value, lambda names: (above(names) * rule.scale, below(names)))


def compile_node(node: Node) -> Evaluate:
    """The function of a tree, from arrays by name to an array of their shape."""
    match node:
        case Number(value):
            return lambda names: _like(names, value)
        case Name(name):
            return lambda names: names[name]
        case Unary(operand):
            inner = compile_node(operand)
            return lambda names: -inner(names)
        case Binary(operator, left, right):
            return _binary(operator, compile_node(left), compile_node(right))
        case Call(function, arguments):
            return _call(function, [compile_node(each) for each in arguments])


def _like(names: Names, value: float) -> Floats:
    shape = np.broadcast_shapes(*(array.shape for array in names.values()))
    return np.full(shape, value)


def _binary(operator: Operator, left: Evaluate, right: Evaluate) -> Evaluate:
    def divide(names: Names) -> Floats:
        above, below = left(names), right(names)
        nothing = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
        np.divide(above, below, out=nothing, where=below != 0.0)
        return nothing

    match operator:
        case Operator.ADD:
            return lambda names: left(names) + right(names)
        case Operator.SUBTRACT:
            return lambda names: left(names) - right(names)
        case Operator.MULTIPLY:
            return lambda names: left(names) * right(names)
        case Operator.DIVIDE:
            return divide


def _call(function: Function, arguments: list[Evaluate]) -> Evaluate:
    match function:
        case Function.ABS:
            return lambda names: np.abs(arguments[0](names))
        case Function.MIN:
            return lambda names: reduce(_smaller, [one(names) for one in arguments])
        case Function.MAX:
            return lambda names: reduce(_larger, [one(names) for one in arguments])


def _smaller(left: Floats, right: Floats) -> Floats:
    """As Python's min, but nan where either is (numpy's own differs in the sign of zero)."""
    return np.where(np.isnan(left) | np.isnan(right), np.nan, np.where(right < left, right, left))


def _larger(left: Floats, right: Floats) -> Floats:
    """As Python's max, but nan where either is."""
    return np.where(np.isnan(left) | np.isnan(right), np.nan, np.where(right > left, right, left))
