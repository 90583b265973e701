"""Rules' expressions compiled to programs of the machine, equal to the plain interpreter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from aggregator.kernels import codes
from aggregator.program import Evaluated, Names, Program
from kpi_rules.evaluate import candidates, is_division
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
from kpi_rules.model import Rounding, Rule
from kpi_rules.rounding import Mode
from kpi_rules.tables import Beyond, Edge, Table

_BINARY: Final = {
    Operator.ADD: codes.ADD,
    Operator.SUBTRACT: codes.SUBTRACT,
    Operator.MULTIPLY: codes.MULTIPLY,
    Operator.DIVIDE: codes.DIVIDE,
    Operator.POWER: codes.POWER,
    Operator.LESS: codes.LESS,
    Operator.AT_MOST: codes.AT_MOST,
    Operator.MORE: codes.MORE,
    Operator.AT_LEAST: codes.AT_LEAST,
    Operator.EQUAL: codes.EQUAL,
    Operator.UNEQUAL: codes.UNEQUAL,
    Operator.AND: codes.AND,
    Operator.OR: codes.OR,
}
ROUNDING: Final = {
    Mode.TRUNCATE: codes.TRUNCATE,
    Mode.HALF_UP: codes.ROUND_HALF_UP,
    Mode.HALF_EVEN: codes.ROUND_HALF_EVEN,
    Mode.UP: codes.ROUND_UP,
    Mode.DOWN: codes.ROUND_DOWN,
}
_FOLDS: Final = {Function.MIN: codes.SMALLEST, Function.MAX: codes.LARGEST}
"""Functions that have another code where they fold a series."""
_VALUE, _UNROUNDED = "(value)", "(unrounded)"
_ABOVE, _BELOW, _DOMINANT = "(numerator)", "(denominator)", "(dominant)"
_RESULTS: Final = (_VALUE, _UNROUNDED, _ABOVE, _BELOW, _DOMINANT)
"""Names that no rule can use."""
_EDGES: Final = {Edge.FROM: codes.EDGE_FROM, Edge.TO: codes.EDGE_TO}
_BEYOND: Final = {
    Beyond.EXTEND: codes.BEYOND_EXTEND,
    Beyond.HOLD: codes.BEYOND_HOLD,
    Beyond.MISSING: codes.BEYOND_MISSING,
}


def _code(function: Function) -> int:
    """The machine's code of a function: it has the same name there."""
    found: int = getattr(codes, function.name)
    return found


class _Writer:
    """Writes a program, tree by tree."""

    def __init__(self, tables: Mapping[str, Table], series: frozenset[str]) -> None:
        self._tables = list(tables.values())
        self._is_series = series
        self._code: list[tuple[int, int, int]] = []
        self._constants: list[float] = []
        self._scalars: dict[str, int] = {}
        self._series: dict[str, int] = {}
        self._locals: dict[str, int] = {}
        self._held = self._depth = self._outputs = 0

    def store(self, name: str) -> None:
        """Take the value away under a name that may be used from now on."""
        at = self._locals.setdefault(name, len(self._locals))
        self._emit(codes.STORE, at, change=-1)

    def put_out(self) -> None:
        """Make the value the next output."""
        self._emit(codes.OUTPUT, self._outputs, change=-1)
        self._outputs += 1

    def scale(self, factor: float) -> None:
        """Multiply the value."""
        self.tree(Number(factor))
        self._emit(codes.MULTIPLY, change=-1)

    def round(self, rounding: Rounding | None) -> None:
        """Round the value, if it is to be rounded."""
        if rounding is not None:
            self._round(ROUNDING[rounding.mode], rounding.digits)

    def tree(self, node: Node) -> None:  # noqa: C901 (a case for each node)
        """Write what leaves the value of a tree on the stack."""
        match node:
            case Number(value):
                self._emit(codes.CONSTANT, self._constant(value), change=1)
            case UnitOf():
                self._emit(codes.CONSTANT, self._constant(1.0), change=1)
            case Name(name):
                self._name(name)
            case Clocked():
                self._emit(codes.SERIES, _at(self._series, node.key), change=1)
            case Unary(operand):
                self._after([operand], codes.NEGATE)
            case Not(operand):
                self._after([operand], codes.NOT)
            case Binary(operator, left, right):
                self._after([left, right], _BINARY[operator])
            case Choice(condition, then, other):
                self._after([condition, then, other], codes.CHOOSE)
            case Lookup(table, operand):
                names = [each.name for each in self._tables]
                self._after([operand], codes.LOOKUP, names.index(table))
            case Call():
                self._call(node)

    def _name(self, name: str) -> None:
        if name in self._locals:
            self._emit(codes.LOCAL, self._locals[name], change=1)
        elif name in self._is_series:
            self._emit(codes.SERIES, _at(self._series, name), change=1)
        else:
            self._emit(codes.SCALAR, _at(self._scalars, name), change=1)

    def _call(self, node: Call) -> None:
        function, arguments = node.function, node.arguments
        signature = SIGNATURES[function]
        if signature.constant:
            self._call_with_constant(node)
        elif signature.sort is Sort.EITHER and len(arguments) == 1:
            self._after(arguments, _FOLDS[function])
        elif signature.most == 1:
            self._after(arguments, _code(function))
        else:
            self._after(arguments, _code(function), len(arguments))

    def _call_with_constant(self, node: Call) -> None:
        value = _written_out(node.arguments[-1])
        code = _code(node.function)
        if node.function in {Function.NEWEST, Function.RUNNING_MEAN}:
            self._after(node.arguments[:-1], code, int(value))
        elif SIGNATURES[node.function].sort is Sort.FOLD:
            self._after(node.arguments[:-1], code, self._constant(value))
        else:
            self.tree(node.arguments[0])
            self._round(code, int(value))

    def _round(self, code: int, digits: int) -> None:
        self._emit(code, digits, self._constant(10.0 ** abs(digits)))

    def _after(self, operands: Sequence[Node], code: int, first: int = 0) -> None:
        for each in operands:
            self.tree(each)
        self._emit(code, first, change=1 - len(operands))

    def _emit(self, code: int, first: int = 0, second: int = 0, change: int = 0) -> None:
        self._code.append((code, first, second))
        self._held += change
        self._depth = max(self._depth, self._held)

    def _constant(self, value: float) -> int:
        self._constants.append(value)
        return len(self._constants) - 1

    def program(self) -> Program:
        """All that was written."""
        meta: list[tuple[int, int, int, int, int]] = []
        rows: list[tuple[float, float, float, float]] = []
        for each in self._tables:
            codes_of = (_EDGES[each.edge], _BEYOND[each.below], _BEYOND[each.above])
            meta.append((len(rows), len(rows) + len(each.rows), *codes_of))
            rows += each.rows
        return Program(
            np.array(self._code, np.int64).reshape(-1, 3),
            # One at least: folds are handed the one at their operand, most of them for nothing.
            np.array(self._constants or [0.0], np.float64),
            np.array(meta, np.int64).reshape(-1, 5),
            np.array(rows, np.float64).reshape(-1, 4),
            tuple(self._scalars),
            tuple(self._series),
            self._depth,
            len(self._locals),
            self._outputs,
        )


def _at(places: dict[str, int], name: str) -> int:
    return places.setdefault(name, len(places))


def _written_out(node: Node) -> float:
    match node:
        case Number(value):
            return value
        case Unary(Number(value)):
            return -value
        case _:
            raise ValueError("a number was to be written out")


def compile_tree(
    node: Node, series: frozenset[str], tables: Mapping[str, Table] | None = None
) -> Program:
    """The program of one expression that comes to a number; its only output is that.

    Args:
        node: the tree.
        series: names in it that are series.
        tables: those that it looks up.
    """
    writer = _Writer(tables or {}, series)
    writer.tree(node)
    writer.put_out()
    return writer.program()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule, ready for arrays.

    Attributes:
        outputs: what comes out, in order: results, then parts.
        divides: whether its expression is a division.
    """

    program: Program
    outputs: tuple[str, ...]
    divides: bool

    def __call__(self, names: Names) -> Evaluated:
        """Evaluate it; see `Program`."""
        found = dict(zip(self.outputs, self.program(names), strict=True))
        nothing = np.full_like(found[_VALUE], np.nan)
        value, *further = (found.pop(name, nothing) for name in _RESULTS)
        unrounded, above, below, dominant = further
        return Evaluated(value, unrounded, above, below, dominant, found)


def compile_rule(rule: Rule) -> Compiled:
    """Compile a rule once."""
    writer = _Writer(rule.tables, rule.series)
    for part in rule.parts:
        writer.tree(part.tree)
        writer.store(part.name)
    writer.tree(rule.tree)
    writer.scale(rule.scale)
    writer.store(_UNROUNDED)
    outputs = [_VALUE, _UNROUNDED]
    for rounding in (rule.rounding, None):
        writer.tree(Name(_UNROUNDED))
        writer.round(rounding)
        writer.put_out()
    outputs += _write_fraction(writer, rule)
    outputs += _write_dominant(writer, rule)
    for part in rule.parts:
        if not part.is_series:
            writer.tree(Name(part.name))
            writer.put_out()
            outputs.append(part.name)
    return Compiled(writer.program(), tuple(outputs), is_division(rule.tree))


def _write_fraction(writer: _Writer, rule: Rule) -> Sequence[str]:
    match rule.tree:
        case Binary(Operator.DIVIDE, above, below):
            writer.tree(above)
            writer.scale(rule.scale)
            writer.put_out()
            writer.tree(below)
            writer.put_out()
            return (_ABOVE, _BELOW)
        case _:
            return ()


def _write_dominant(writer: _Writer, rule: Rule) -> Sequence[str]:
    found = candidates(rule)
    if not found:
        return ()
    writer.tree(_which(found))
    writer.put_out()
    return (_DOMINANT,)


def _which(found: Sequence[str]) -> Node:
    return Call(Function.WHICH_HIGHEST, tuple(Name(each) for each in found))
