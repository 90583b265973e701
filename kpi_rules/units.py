"""Units as rules calculate with them: what may be added to what, and what comes out.

An expression works on plain numbers in the units that its names have. So only equal units may be
added or compared: litres and cubic metres have the same dimension, but their numbers do not add.

A unit with a zero of its own (Cel) tells a place on a scale: differences are in kelvin, places can
be compared and averaged, but neither added nor multiplied.
"""

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from cityvitals.catalogue.load import Dimension, UnitToken
from cityvitals.errors import BadRule


class UnfitUnits(BadRule):
    """The units of an expression do not go together: says which, and where."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The unit of a part of an expression.

    Attributes:
        size: coherent SI units in one of it.
        dimension: powers of base dimensions.
        text: how messages call it.
        zero: where its zero lies, in coherent SI units; None where that is no matter.
        is_zero: the number 0, which is 0 of anything that has no zero of its own.
        is_missing: the word `missing`, which may stand for anything.
    """

    size: Fraction
    dimension: Dimension
    text: str
    zero: Fraction | None = None
    is_zero: bool = False
    is_missing: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is a number without a unit."""
        return not self.dimension and self.size == 1

    def same(self, other: "Measure") -> bool:
        """Whether numbers of both can be compared."""
        return (self.dimension, self.size, self.zero) == (other.dimension, other.size, other.zero)


PLAIN: Final = Measure(Fraction(1), (), "a plain number")
SECOND: Final = Measure(Fraction(1), (("[time]", Fraction(1)),), "s")
ZERO: Final = replace(PLAIN, text="0", is_zero=True)
NOTHING: Final = replace(PLAIN, text="missing", is_missing=True)


def measure_of(unit: UnitToken) -> Measure:
    """A catalogue unit as a measure."""
    zero = unit.offset or None
    return Measure(unit.scale, unit.dimension, unit.token, zero)


def times(left: Measure, right: Measure, power: int = 1) -> Measure:
    """The measure of a product, or with power -1 of a quotient.

    Raises:
        UnfitUnits: if one of them has a zero of its own.
    """
    for each in (left, right):
        if each.zero is not None:
            raise UnfitUnits(f"multiplies or divides {each.text}, which has a zero of its own")
    powers: Counter[str] = Counter()
    for name, each_power in left.dimension:
        powers[name] += each_power  # type: ignore[assignment]  # a Counter adds fractions as well
    for name, each_power in right.dimension:
        powers[name] += each_power * power  # type: ignore[assignment]
    kept = tuple(sorted((name, Fraction(each)) for name, each in powers.items() if each))
    return Measure(left.size * right.size**power, kept, _product(left, right, power))


def _product(left: Measure, right: Measure, power: int) -> str:
    if right.is_plain:
        return left.text
    if left.is_plain and power > 0:
        return right.text
    head = "1" if left.is_plain else left.text
    return f"{head} {'*' if power > 0 else '/'} {right.text}"


def raised(base: Measure, power: int) -> Measure:
    """The measure of a whole power.

    Raises:
        UnfitUnits: if it has a zero of its own.
    """
    found = PLAIN
    for _ in range(abs(power)):
        found = times(found, base, 1 if power > 0 else -1)
    return found


def added(left: Measure, right: Measure) -> Measure | None:
    """The measure of a sum; None where the two do not go together."""
    if left.zero is not None and right.zero is not None:
        return None
    place = left if left.zero is not None else right
    return place if _steps(left, right) else common(left, right)


def subtracted(left: Measure, right: Measure) -> Measure | None:
    """The measure of a difference; None where the two do not go together."""
    if left.zero is not None and left.same(right):
        return replace(left, text="K", zero=None)
    if left.zero is not None and _steps(left, right):
        return left
    return common(left, right)


def _steps(left: Measure, right: Measure) -> bool:
    """Whether one of them is a place on a scale, and the other a difference on it."""
    if (left.zero is None) == (right.zero is None):
        return False
    step = left if left.zero is None else right
    return step.is_zero or (left.dimension, left.size) == (right.dimension, right.size)


def common(left: Measure, right: Measure) -> Measure | None:
    """The measure of either of two; None where they do not go together."""
    if left.is_missing or right.is_missing:
        return right if left.is_missing else left
    if (left.is_zero and right.zero is None) or (right.is_zero and left.zero is None):
        return right if left.is_zero else left
    return left if left.same(right) else None


def scale_to(natural: Measure, unit: UnitToken) -> float:
    """What turns numbers in an expression's natural unit into numbers in the rule's unit.

    Raises:
        UnfitUnits: if the dimensions differ.
    """
    wanted = measure_of(unit)
    if natural.is_zero or natural.is_missing:
        raise UnfitUnits(f"is always {natural.text}")
    if natural.dimension != wanted.dimension:
        raise UnfitUnits(
            f"gives {natural.text} ({spelled(natural.dimension)}), but the rule's unit is "
            f"{unit.token} ({spelled(wanted.dimension)})"
        )
    if natural.zero != wanted.zero:
        raise UnfitUnits(f"gives {natural.text}, whose zero is not that of {unit.token}")
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
