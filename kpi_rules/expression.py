"""The language of rules' expressions: what can be written, as a small tree.

`kpi_rules.parse` makes trees of text, by `ast` and never by `eval`; `kpi_rules.interpret` says what
they mean, `kpi_rules.infer` which of them make sense.

A value is a number or a series (the numbers of a window's hours, days, …, in order of time). A
number may be missing (nan). Truth is 1, 0, or missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from cityvitals.errors import BadRule

MISSING: Final = "missing"
"""The word for a number that is not there."""


class BadExpression(BadRule):
    """An expression is not in the language: says what, and in which column."""


class Operator(StrEnum):
    """What stands between two operands."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    POWER = "**"
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EQUAL = "=="
    UNEQUAL = "!="
    AND = "and"
    OR = "or"


COMPARISONS: Final = frozenset(
    {
        Operator.LESS,
        Operator.AT_MOST,
        Operator.MORE,
        Operator.AT_LEAST,
        Operator.EQUAL,
        Operator.UNEQUAL,
    }
)
LOGIC: Final = frozenset({Operator.AND, Operator.OR})


class Function(StrEnum):
    """What can be called; `SIGNATURES` says with what, docs/rules.md what for."""

    ABS = "abs"
    FLOOR = "floor"
    CEIL = "ceil"
    EXP = "exp"
    LN = "ln"
    LOG10 = "log10"
    SQRT = "sqrt"
    POWER_OF = "power_of"
    LEVEL_OF = "level_of"
    KNOWN = "known"
    TRUNCATE = "truncate"
    ROUND_HALF_UP = "round_half_up"
    ROUND_HALF_EVEN = "round_half_even"
    ROUND_UP = "round_up"
    ROUND_DOWN = "round_down"
    MIN = "min"
    MAX = "max"
    LOWEST = "lowest"
    HIGHEST = "highest"
    WHICH_HIGHEST = "which_highest"
    FIRST_KNOWN = "first_known"
    HOW_MANY = "how_many"
    SUM = "sum"
    MEAN = "mean"
    MEDIAN = "median"
    COUNT = "count"
    PLACES = "places"
    FIRST = "first"
    LAST = "last"
    PERCENTILE = "percentile"
    PERCENTILE_HAZEN = "percentile_hazen"
    PERCENTILE_WEIBULL = "percentile_weibull"
    DEVIATION = "deviation"
    DEVIATION_ALL = "deviation_all"
    LONGEST_RUN = "longest_run"
    AGE = "age"
    NEWEST = "newest"
    RUNNING_MEAN = "running_mean"


class Sort(StrEnum):
    """What a function does with series among its operands."""

    EACH = "each"
    """Works place by place; numbers stand for every place."""
    FOLD = "fold"
    """Makes one number of a series."""
    EITHER = "either"
    """`FOLD` of one operand, `EACH` of several."""
    SERIES = "series"
    """Makes a series of a series."""


class Signature(NamedTuple):
    """How a function is called.

    Attributes:
        least: operands that it must have at least.
        most: operands that it can have.
        constant: whether the last operand must be a plain number written out.
    """

    sort: Sort
    least: int
    most: int
    constant: bool = False


_MANY: Final = 40
_ONE_EACH: Final = Signature(Sort.EACH, 1, 1)
_DIGITS: Final = Signature(Sort.EACH, 2, 2, constant=True)
_OF_MANY: Final = Signature(Sort.EACH, 2, _MANY)
_FOLD: Final = Signature(Sort.FOLD, 1, 1)
_FOLD_BY: Final = Signature(Sort.FOLD, 2, 2, constant=True)

SIGNATURES: Final[dict[Function, Signature]] = {
    Function.ABS: _ONE_EACH,
    Function.FLOOR: _ONE_EACH,
    Function.CEIL: _ONE_EACH,
    Function.EXP: _ONE_EACH,
    Function.LN: _ONE_EACH,
    Function.LOG10: _ONE_EACH,
    Function.SQRT: _ONE_EACH,
    Function.POWER_OF: _ONE_EACH,
    Function.LEVEL_OF: _ONE_EACH,
    Function.KNOWN: _ONE_EACH,
    Function.TRUNCATE: _DIGITS,
    Function.ROUND_HALF_UP: _DIGITS,
    Function.ROUND_HALF_EVEN: _DIGITS,
    Function.ROUND_UP: _DIGITS,
    Function.ROUND_DOWN: _DIGITS,
    Function.MIN: Signature(Sort.EITHER, 1, _MANY),
    Function.MAX: Signature(Sort.EITHER, 1, _MANY),
    Function.LOWEST: _OF_MANY,
    Function.HIGHEST: _OF_MANY,
    Function.WHICH_HIGHEST: _OF_MANY,
    Function.FIRST_KNOWN: _OF_MANY,
    Function.HOW_MANY: _OF_MANY,
    Function.SUM: _FOLD,
    Function.MEAN: _FOLD,
    Function.MEDIAN: _FOLD,
    Function.COUNT: _FOLD,
    Function.PLACES: _FOLD,
    Function.FIRST: _FOLD,
    Function.LAST: _FOLD,
    Function.PERCENTILE: _FOLD_BY,
    Function.PERCENTILE_HAZEN: _FOLD_BY,
    Function.PERCENTILE_WEIBULL: _FOLD_BY,
    Function.DEVIATION: _FOLD,
    Function.DEVIATION_ALL: _FOLD,
    Function.LONGEST_RUN: _FOLD,
    Function.AGE: Signature(Sort.SERIES, 1, 1),
    Function.NEWEST: Signature(Sort.SERIES, 2, 2, constant=True),
    Function.RUNNING_MEAN: Signature(Sort.SERIES, 2, 2, constant=True),
}


class Calendar(StrEnum):
    """What a clock shows at the begin of each place of a series."""

    HOUR = "hour_of"
    WEEKDAY = "weekday_of"
    """1 is Monday."""
    MONTH = "month_of"


@dataclass(frozen=True, slots=True)
class Number:
    """A number without a unit; nan is the word `missing`."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """An input, a fact, a constant or a part."""

    name: str


@dataclass(frozen=True, slots=True)
class UnitOf:
    """One of a unit: `unit("km")`."""

    token: str


@dataclass(frozen=True, slots=True)
class Clocked:
    """What the rule's clock shows at the places of an input that is a series: `hour_of(flow)`."""

    calendar: Calendar
    name: str

    @property
    def key(self) -> str:
        """Under which values are given to whoever evaluates."""
        return f"{self.calendar}({self.name})"


@dataclass(frozen=True, slots=True)
class Unary:
    """The negative of an operand."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a truth."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what is done with them."""

    operator: Operator
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if condition else other`."""

    condition: "Node"
    then: "Node"
    other: "Node"


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its operands."""

    function: Function
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a table gives for an operand: `lookup(table, x)`."""

    table: str
    operand: "Node"


Node: TypeAlias = Number | Name | UnitOf | Clocked | Unary | Not | Binary | Choice | Call | Lookup


def children(node: Node) -> tuple[Node, ...]:
    """The operands of a node, in order."""
    match node:
        case Unary(operand) | Not(operand) | Lookup(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Choice(condition, then, other):
            return (condition, then, other)
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, operands in order."""
    yield node
    for each in children(node):
        yield from walk(each)


def names(node: Node) -> Iterator[str]:
    """Every name in a tree, as often as it stands there."""
    for each in walk(node):
        if isinstance(each, Name | Clocked):
            yield each.name


def tables(node: Node) -> Iterator[str]:
    """The name of every table in a tree."""
    for each in walk(node):
        if isinstance(each, Lookup):
            yield each.table


def written(node: Node) -> str:  # noqa: C901, PLR0911 (a case for each node)
    """A tree as text that parses to the same tree; parentheses around every operation inside."""
    match node:
        case Number(value):
            return _number(value)
        case Name(name):
            return name
        case UnitOf(token):
            return f'unit("{token}")'
        case Clocked():
            return node.key
        case Unary(operand):
            return f"-{_inner(operand)}"
        case Not(operand):
            return f"not {_inner(operand)}"
        case Binary(operator, left, right):
            return f"{_inner(left)} {operator} {_inner(right)}"
        case Choice(condition, then, other):
            return f"{_inner(then)} if {_inner(condition)} else {_inner(other)}"
        case Call(function, arguments):
            return f"{function}({', '.join(written(each) for each in arguments)})"
        case Lookup(table, operand):
            return f"lookup({table}, {written(operand)})"


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124 (nan alone differs from itself)
        return MISSING
    return repr(int(value)) if value.is_integer() else repr(value)


def _inner(node: Node) -> str:
    wrapped = isinstance(node, Unary | Not | Binary | Choice)
    return f"({written(node)})" if wrapped else written(node)
