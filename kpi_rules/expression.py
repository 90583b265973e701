"""The language of rules' expressions: text to a small tree, by `ast`, never by `eval`.

Numbers, names, + - * /, a minus sign, parentheses, and min, max, abs. Anything else is refused,
with the column where it stands.
"""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from cityvitals.errors import BadRule

LONGEST: Final = 1000
"""Characters of an expression; what a person can still check by reading."""
DEEPEST: Final = 100
"""Levels of nesting, so that everything that walks a tree may recurse."""


class BadExpression(BadRule):
    """An expression is not in the language: says what, and in which column."""


class Operator(StrEnum):
    """What stands between two operands."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"


class Function(StrEnum):
    """What can be called."""

    MIN = "min"
    MAX = "max"
    ABS = "abs"


@dataclass(frozen=True, slots=True)
class Number:
    """A number without a unit."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """An input or a fact."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """The negative of an operand."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what is done with them."""

    operator: Operator
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one operand (abs) or of two and more (min, max)."""

    function: Function
    arguments: "tuple[Node, ...]"


Node: TypeAlias = Number | Name | Unary | Binary | Call

_OPERATORS: Final[dict[type[ast.operator], Operator]] = {
    ast.Add: Operator.ADD,
    ast.Sub: Operator.SUBTRACT,
    ast.Mult: Operator.MULTIPLY,
    ast.Div: Operator.DIVIDE,
}
_FUNCTIONS: Final = {function.value: function for function in Function}


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        BadExpression: naming what is not in the language, and its column (from 1).
    """
    if len(text) > LONGEST:
        raise BadExpression(f"longer than {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise BadExpression(f"not an expression: {error}") from None
    except (RecursionError, MemoryError):
        raise BadExpression(f"nested deeper than {DEEPEST} levels") from None
    return _node(tree.body, DEEPEST)


def _node(tree: ast.expr, levels: int) -> Node:
    if levels == 0:
        raise BadExpression(f"nested deeper than {DEEPEST} levels")
    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return Number(_finite(value, tree))
        case ast.Name(id=name) if name not in _FUNCTIONS:
            return Name(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Unary(_node(operand, levels - 1))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            operator = _OPERATORS[type(sign)]
            return Binary(operator, _node(left, levels - 1), _node(right, levels - 1))
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            return _call(tree, _FUNCTIONS[name], levels)
        case _:
            raise _refused(tree, "only numbers, names, + - * /, ( ), min, max and abs are known")


def _call(tree: ast.Call, function: Function, levels: int) -> Call:
    arguments = tuple(_node(each, levels - 1) for each in tree.args)
    fits = len(arguments) == 1 if function is Function.ABS else len(arguments) > 1
    if not fits:
        wanted = "one operand" if function is Function.ABS else "two operands or more"
        raise _refused(tree, f"{function} takes {wanted}")
    return Call(function, arguments)


def _finite(value: float, tree: ast.expr) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _refused(tree, "too large a number")
    return number


def _refused(tree: ast.expr, why: str) -> BadExpression:
    return BadExpression(f"column {tree.col_offset + 1}: {ast.unparse(tree)!r}: {why}")


def names(node: Node) -> Iterator[str]:
    """Every name in a tree, as often as it stands there."""
    match node:
        case Name(name):
            yield name
        case Unary(operand):
            yield from names(operand)
        case Binary(_, left, right):
            yield from names(left)
            yield from names(right)
        case Call(_, arguments):
            for each in arguments:
                yield from names(each)
        case Number():
            return


def written(node: Node) -> str:
    """A tree as text that parses to the same tree; parentheses around every operation inside."""
    match node:
        case Number(value):
            return repr(int(value)) if value.is_integer() else repr(value)
        case Name(name):
            return name
        case Unary(operand):
            return f"-{_inner(operand)}"
        case Binary(operator, left, right):
            return f"{_inner(left)} {operator} {_inner(right)}"
        case Call(function, arguments):
            return f"{function}({', '.join(written(each) for each in arguments)})"


def _inner(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, Unary | Binary) else written(node)
