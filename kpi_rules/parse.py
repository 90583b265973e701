"""Text to the tree of an expression, by `ast`, never by `eval`.

Anything that is not in the language is refused, with the column where it stands.
"""

import ast
import math
from typing import Final

from kpi_rules.expression import (
    MISSING,
    SIGNATURES,
    BadExpression,
    Binary,
    Calendar,
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

LONGEST: Final = 2000
"""Characters of an expression; what a person can still check by reading."""
DEEPEST: Final = 100
"""Levels of nesting, so that everything that walks a tree may recurse."""

_OPERATORS: Final[dict[type[ast.operator | ast.cmpop | ast.boolop], Operator]] = {
    ast.Add: Operator.ADD,
    ast.Sub: Operator.SUBTRACT,
    ast.Mult: Operator.MULTIPLY,
    ast.Div: Operator.DIVIDE,
    ast.Pow: Operator.POWER,
    ast.Lt: Operator.LESS,
    ast.LtE: Operator.AT_MOST,
    ast.Gt: Operator.MORE,
    ast.GtE: Operator.AT_LEAST,
    ast.Eq: Operator.EQUAL,
    ast.NotEq: Operator.UNEQUAL,
    ast.And: Operator.AND,
    ast.Or: Operator.OR,
}
_FUNCTIONS: Final = {function.value: function for function in Function}
_CALENDARS: Final = {each.value: each for each in Calendar}
_NEWLINE: Final = "\n"
_BLANKS: Final = str.maketrans("\n\r\t", "   ")
_LOOKUP: Final = "lookup"
_UNIT: Final = "unit"

WORDS: Final = frozenset({*_FUNCTIONS, *_CALENDARS, _LOOKUP, _UNIT, MISSING})
"""What inputs, facts, constants, parts and tables cannot be called."""

_KNOWN: Final = (
    "known are numbers, names, missing, + - * / **, comparisons, and, or, not, `a if b else c`, "
    "( ), functions of operands"
)
_CALLABLE: Final = f"known functions are {', '.join([*_FUNCTIONS, *_CALENDARS, _LOOKUP, _UNIT])}"


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        BadExpression: naming what is not in the language, and its column (from 1).
    """
    if len(text) > LONGEST:
        raise BadExpression(f"longer than {LONGEST} characters")
    # In one line: an expression may take several, which Python would end it with.
    flat = text.translate(_BLANKS)
    try:
        tree = ast.parse(flat.strip(), mode="eval")
        return _node(tree.body, DEEPEST)
    except (SyntaxError, ValueError) as error:
        raise BadExpression(f"not an expression: {_without_place(error)}") from None
    except (RecursionError, MemoryError):
        raise BadExpression(f"nested deeper than {DEEPEST} levels") from None
    except _Refused as refused:
        begin = len(flat) - len(flat.lstrip())
        place = _place(text, begin + refused.tree.col_offset)
        raise BadExpression(f"{place}: {ast.unparse(refused.tree)!r}: {refused.why}") from None


class _Refused(Exception):
    """A part of an expression is not in the language."""

    def __init__(self, tree: ast.expr, why: str) -> None:
        super().__init__(why)
        self.tree = tree
        self.why = why


def _place(text: str, at: int) -> str:
    """`column 5`, or `line 2, column 5` of a text of several lines."""
    before = text[:at]
    column = f"column {at - before.rfind(_NEWLINE)}"
    return (
        column if _NEWLINE not in text.strip() else f"line {before.count(_NEWLINE) + 1}, {column}"
    )


def _without_place(error: Exception) -> str:
    """What is wrong, without the line and column that are told otherwise."""
    return str(error.args[0]) if isinstance(error, SyntaxError) and error.args else str(error)


def _node(tree: ast.expr, levels: int) -> Node:  # noqa: C901, PLR0911 (a case for each node)
    if levels == 0:
        raise BadExpression(f"nested deeper than {DEEPEST} levels")
    below = levels - 1
    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return Number(_finite(value, tree))
        case ast.Name(id=name):
            return _name(tree, name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Unary(_node(operand, below))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(_node(operand, below))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return Binary(_OPERATORS[type(sign)], _node(left, below), _node(right, below))
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _OPERATORS:
            return Binary(_OPERATORS[type(sign)], _node(left, below), _node(right, below))
        case ast.BoolOp(op=sign, values=values):
            return _chain(_OPERATORS[type(sign)], [_node(each, below) for each in values], tree)
        case ast.IfExp(test=test, body=body, orelse=other):
            return Choice(_node(test, below), _node(body, below), _node(other, below))
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return _called(tree, name, below)
        case ast.Compare(ops=[_, _, *_]):
            raise _Refused(tree, "compare two at a time, and join comparisons by `and`")
        case _:
            raise _Refused(tree, _KNOWN)


def _name(tree: ast.Name, name: str) -> Node:
    if name == MISSING:
        return Number(math.nan)
    if name in WORDS:
        raise _Refused(tree, f"{name} is called with operands in ( )")
    return Name(name)


def _chain(operator: Operator, values: list[Node], tree: ast.expr) -> Node:
    """`a and b and c` as operations of two, from the left."""
    if len(values) > DEEPEST:
        raise _Refused(tree, f"more than {DEEPEST} operands")
    found = values[0]
    for each in values[1:]:
        found = Binary(operator, found, each)
    return found


def _called(tree: ast.Call, name: str, levels: int) -> Node:
    if name == _LOOKUP:
        return _lookup(tree, levels)
    if name == _UNIT:
        return _unit(tree)
    if name in _CALENDARS:
        return _clocked(tree, _CALENDARS[name])
    if name not in _FUNCTIONS:
        raise _Refused(tree, _CALLABLE)
    return _call(tree, _FUNCTIONS[name], levels)


def _lookup(tree: ast.Call, levels: int) -> Node:
    match tree.args:
        case [ast.Name(id=table), operand] if table not in WORDS:
            return Lookup(table, _node(operand, levels))
    raise _Refused(tree, "lookup takes the name of a table and one operand")


def _unit(tree: ast.Call) -> Node:
    match tree.args:
        case [ast.Constant(value=str(token))] if token and '"' not in token and "\\" not in token:
            return UnitOf(token)
    raise _Refused(tree, 'unit takes the name of a unit in quotes: unit("km")')


def _clocked(tree: ast.Call, calendar: Calendar) -> Node:
    match tree.args:
        case [ast.Name(id=name)] if name not in WORDS:
            return Clocked(calendar, name)
    raise _Refused(tree, f"{calendar} takes the name of an input")


def _call(tree: ast.Call, function: Function, levels: int) -> Call:
    arguments = tuple(_node(each, levels) for each in tree.args)
    signature = SIGNATURES[function]
    if not signature.least <= len(arguments) <= signature.most:
        raise _Refused(tree, f"{function} takes {_wanted(function)}")
    if signature.constant and not isinstance(arguments[-1], Number | Unary):
        raise _Refused(tree, f"{function} takes a number written out as its last operand")
    return Call(function, arguments)


def _wanted(function: Function) -> str:
    signature = SIGNATURES[function]
    if signature.sort is Sort.EITHER:
        return "a series, or two operands or more"
    if signature.most > signature.least:
        return "two operands or more"
    return "one operand" if signature.least == 1 else "two operands"


def _finite(value: float, tree: ast.expr) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _Refused(tree, "too large a number")
    return number
