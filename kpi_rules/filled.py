"""An expression with numbers put in for names, so that it can be worked out by hand. Pure."""

import math
from collections.abc import Mapping

from kpi_rules.expression import (
    Binary,
    Call,
    Choice,
    Lookup,
    Name,
    Node,
    Not,
    Number,
    Unary,
    written,
)
from kpi_rules.interpret import Value


def with_numbers(node: Node, values: Mapping[str, Value]) -> str:
    """The text of an expression, each name that stands for a number replaced by it.

    Series stay names, and so does what `values` lacks; nan is written `missing`. What the text
    parses to comes to the same number.
    """
    return written(_filled(node, values))


def _filled(  # noqa: PLR0911 (a case for each node)
    node: Node, values: Mapping[str, Value]
) -> Node:
    def fill(each: Node) -> Node:
        return _filled(each, values)

    match node:
        case Name(name):
            value = values.get(name)
            return _number(value) if isinstance(value, float) else node
        case Unary(operand):
            return Unary(fill(operand))
        case Not(operand):
            return Not(fill(operand))
        case Binary(operator, left, right):
            return Binary(operator, fill(left), fill(right))
        case Choice(condition, then, other):
            return Choice(fill(condition), fill(then), fill(other))
        case Call(function, arguments):
            return Call(function, tuple(fill(each) for each in arguments))
        case Lookup(table, operand):
            return Lookup(table, fill(operand))
        case _:
            return node


def _number(value: float) -> Node:
    # A minus that stands inside binds less than a power: `-2.0 ** 2` is not the square of -2.
    negative = math.copysign(1.0, value) < 0 and not math.isnan(value)
    return Unary(Number(-value)) if negative else Number(value)
