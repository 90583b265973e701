"""The plain interpreter of expressions: what a compiled expression must equal, bit for bit."""

import math
from collections.abc import Mapping

from kpi_rules.expression import Binary, Call, Function, Name, Node, Number, Operator, Unary


def evaluate(node: Node, values: Mapping[str, float]) -> float:
    """The value of an expression, in float64, operand by operand from the left.

    A division by zero is nan. nan in an operand makes the result nan, in min and max too.

    Raises:
        KeyError: if `values` lacks a name.
    """
    match node:
        case Number(value):
            return value
        case Name(name):
            return float(values[name])
        case Unary(operand):
            return -evaluate(operand, values)
        case Binary(operator, left, right):
            return _binary(operator, evaluate(left, values), evaluate(right, values))
        case Call(function, arguments):
            return _call(function, [evaluate(each, values) for each in arguments])


def _binary(operator: Operator, left: float, right: float) -> float:
    match operator:
        case Operator.ADD:
            return left + right
        case Operator.SUBTRACT:
            return left - right
        case Operator.MULTIPLY:
            return left * right
        case Operator.DIVIDE:
            return left / right if right != 0.0 else math.nan


def _call(function: Function, arguments: list[float]) -> float:
    if any(math.isnan(each) for each in arguments):
        return math.nan
    match function:
        case Function.MIN:
            return min(arguments)
        case Function.MAX:
            return max(arguments)
        case Function.ABS:
            return abs(arguments[0])
