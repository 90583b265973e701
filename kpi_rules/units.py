"""Units through a whole expression: what may be added to what, and what comes out.

An expression works on plain numbers in the units that its names have. So only equal units may be
added or compared: litres and cubic metres have the same dimension, but their numbers do not add.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from cityvitals.catalogue.dimension import Dimension, dimension
from cityvitals.catalogue.load import UnitToken
from cityvitals.errors import BadRule
from kpi_rules.expression import (
    Binary,
    Call,
    Function,
    Name,
    Node,
    Number,
    Operator,
    Unary,
    written,
)


class UnfitUnits(BadRule):
    """The units of an expression do not go together: says which, and where."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The unit of a part of an expression.

    Attributes:
        size: coherent SI units in one of it.
        dimension: powers of base dimensions.
        text: how messages call it.
        is_zero: the number 0, which is 0 of anything.
    """

    size: Fraction
    dimension: Dimension
    text: str
    is_zero: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is a number without a unit."""
        return not self.dimension and self.size == 1


PLAIN: Final = Measure(Fraction(1), (), "a plain number")
SECOND: Final = Measure(Fraction(1), (("[time]", Fraction(1)),), "s")


def measure_of(unit: UnitToken) -> Measure:
    """A catalogue unit as a measure."""
    return Measure(unit.scale, dimension(unit.unit), unit.token)


def times(left: Measure, right: Measure, power: int = 1) -> Measure:
    """The measure of a product, or with power -1 of a quotient."""
    powers: Counter[str] = Counter()
    for name, each in left.dimension:
        powers[name] += each  # type: ignore[assignment]  # a Counter adds fractions as well
    for name, each in right.dimension:
        powers[name] += each * power  # type: ignore[assignment]
    kept = tuple(sorted((name, Fraction(each)) for name, each in powers.items() if each))
    return Measure(left.size * right.size**power, kept, _product(left, right, power))


def _product(left: Measure, right: Measure, power: int) -> str:
    if right.is_plain:
        return left.text
    if left.is_plain and power > 0:
        return right.text
    head = "1" if left.is_plain else left.text
    return f"{head} {'*' if power > 0 else '/'} {right.text}"


def infer(node: Node, named: Mapping[str, Measure]) -> Measure:
    """The measure of an expression, given those of its names.

    Raises:
        UnfitUnits: naming the operation and the two units.
    """
    match node:
        case Number(value):
            return PLAIN if value else Measure(Fraction(1), (), "0", is_zero=True)
        case Name(name):
            return named[name]
        case Unary(operand):
            return infer(operand, named)
        case Binary(operator, left, right):
            return _binary(node, operator, infer(left, named), infer(right, named))
        case Call(function, arguments):
            return _call(node, function, [infer(each, named) for each in arguments])


def _binary(node: Node, operator: Operator, left: Measure, right: Measure) -> Measure:
    match operator:
        case Operator.MULTIPLY:
            return times(left, right)
        case Operator.DIVIDE:
            return times(left, right, -1)
        case Operator.ADD:
            return _alike(node, "adds", left, right)
        case Operator.SUBTRACT:
            return _alike(node, "subtracts", left, right)


def _call(node: Node, function: Function, arguments: list[Measure]) -> Measure:
    found = arguments[0]
    for each in arguments[1:]:
        found = _alike(node, f"takes the {function} of", found, each)
    return found


_JOINED: Final = {"adds": "to", "subtracts": "from"}


def _alike(node: Node, verb: str, left: Measure, right: Measure) -> Measure:
    if left.is_zero or right.is_zero:
        return right if left.is_zero else left
    if (left.dimension, left.size) == (right.dimension, right.size):
        return left
    joined = _JOINED.get(verb)
    said = f"{right.text} {joined} {left.text}" if joined else f"{left.text} and {right.text}"
    hint = "; same dimension, different size" if left.dimension == right.dimension else ""
    raise UnfitUnits(f"{verb} {said} in '{written(node)}'{hint}")


def scale_to(natural: Measure, unit: UnitToken) -> float:
    """What turns numbers in an expression's natural unit into numbers in the rule's unit.

    Raises:
        UnfitUnits: if the dimensions differ.
    """
    wanted = measure_of(unit)
    if natural.is_zero:
        raise UnfitUnits("is always 0")
    if natural.dimension != wanted.dimension:
        raise UnfitUnits(
            f"gives {natural.text} ({spelled(natural.dimension)}), but the rule's unit is "
            f"{unit.token} ({spelled(wanted.dimension)})"
        )
    return float(natural.size / wanted.size)


def spelled(powers: Dimension) -> str:
    """A dimension in words for messages: `mass / length ** 3`."""
    over = [_power(name, each) for name, each in powers if each > 0]
    under = [_power(name, -each) for name, each in powers if each < 0]
    head = " * ".join(over) or ("1" if under else "no dimension")
    return " / ".join([head, *under])


def _power(name: str, power: Fraction) -> str:
    plain = name.strip("[]")
    return plain if power == 1 else f"{plain} ** {power}"
