"""What a rule comes to for one zone and window, by the plain interpreter."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kpi_rules.expression import Binary, Call, Function, Name, Node, Operator
from kpi_rules.interpret import Value, as_number, compute
from kpi_rules.model import Rule
from kpi_rules.rounding import rounded


class Outcome(NamedTuple):
    """A value and how it came about, in the rule's unit; nan for what is not there.

    Attributes:
        value: rounded as the rule says.
        unrounded: before that.
        numerator, denominator: where the expression is a division; the numerator carries the scale.
        dominant: the part or input that `highest` took; "" where the expression is not of that
            form, or nothing is known.
        parts: the named steps.
    """

    value: float
    unrounded: float
    numerator: float
    denominator: float
    dominant: str
    parts: dict[str, Value]


def candidates(rule: Rule) -> tuple[str, ...]:
    """Of a rule that is the highest of several things with names: their names, in order."""
    match rule.tree:
        case Call(Function.HIGHEST, arguments):
            found = [each.name for each in arguments if isinstance(each, Name)]
            return tuple(found) if len(found) == len(arguments) else ()
        case _:
            return ()


def is_division(tree: Node) -> bool:
    """Whether an expression is the quotient of a numerator and a denominator."""
    return isinstance(tree, Binary) and tree.operator is Operator.DIVIDE


def evaluate_rule(rule: Rule, given: Mapping[str, Value]) -> Outcome:
    """Evaluate a rule.

    Args:
        rule: the definition.
        given: numbers and series by the names of inputs (in the unit that the rule sees them in)
            and facts; what the clock shows under `Clocked.key`. A part that is given is not worked
            out.

    Raises:
        KeyError: something is lacking.
    """
    values = dict(given)
    for part in rule.parts:
        if part.name not in values:
            values[part.name] = compute(part.tree, values, rule.tables)
    unrounded = as_number(compute(rule.tree, values, rule.tables)) * rule.scale
    value = unrounded
    if rule.rounding is not None:
        value = rounded(unrounded, rule.rounding.mode, rule.rounding.digits)
    above, below = _fraction(rule, values)
    parts = {part.name: values[part.name] for part in rule.parts}
    return Outcome(value, unrounded, above, below, _dominant(rule, values), parts)


def _fraction(rule: Rule, values: Mapping[str, Value]) -> tuple[float, float]:
    match rule.tree:
        case Binary(Operator.DIVIDE, left, right):
            above, below = (as_number(compute(each, values, rule.tables)) for each in (left, right))
            return above * rule.scale, below
        case _:
            return math.nan, math.nan


def _dominant(rule: Rule, values: Mapping[str, Value]) -> str:
    names = candidates(rule)
    row: Sequence[float] = [as_number(values[name]) for name in names]
    known = [each for each in row if not math.isnan(each)]
    return names[row.index(max(known))] if known else ""
