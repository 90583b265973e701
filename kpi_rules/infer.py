"""What an expression comes to: a number, a truth or a series, and in which unit.

Checked through the whole expression when rules load, so that evaluating cannot meet a surprise.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from cityvitals.catalogue.load import load_catalogue
from kpi_rules.expression import (
    COMPARISONS,
    LOGIC,
    SIGNATURES,
    BadExpression,
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
    written,
)
from kpi_rules.rounding import MOST_DIGITS
from kpi_rules.tables import Table
from kpi_rules.units import (
    NOTHING,
    PLAIN,
    ZERO,
    Measure,
    UnfitUnits,
    added,
    common,
    measure_of,
    raised,
    subtracted,
    times,
)


class Form(NamedTuple):
    """What a part of an expression is.

    Attributes:
        axis: which places a series has; None for a number. Only series of one axis go together.
        truth: whether it is true or false.
    """

    measure: Measure
    axis: str | None = None
    truth: bool = False


class Scope(NamedTuple):
    """What an expression can name.

    Attributes:
        names: inputs, facts, constants, and the parts before it.
        clocked: inputs whose places have times.
        tables: by name.
    """

    names: Mapping[str, Form]
    clocked: frozenset[str]
    tables: Mapping[str, Table]


_PLAIN_ONLY: Final = frozenset({Function.EXP, Function.LN, Function.LOG10, Function.SQRT})
_ROUNDING: Final = frozenset(
    {
        Function.TRUNCATE,
        Function.ROUND_HALF_UP,
        Function.ROUND_HALF_EVEN,
        Function.ROUND_UP,
        Function.ROUND_DOWN,
    }
)
_PERCENTILES: Final = frozenset(
    {Function.PERCENTILE, Function.PERCENTILE_HAZEN, Function.PERCENTILE_WEIBULL}
)
_DEVIATIONS: Final = frozenset({Function.DEVIATION, Function.DEVIATION_ALL})
_TRUTHS: Final = frozenset({Function.COUNT, Function.LONGEST_RUN})
_MOST_PLACES: Final = 100_000
_MOST_POWER: Final = 6


def infer(node: Node, scope: Scope) -> Form:  # noqa: C901, PLR0911 (a case for each node)
    """The form of an expression.

    Raises:
        BadExpression: naming the operation and what does not fit it; UnfitUnits for units.
    """
    match node:
        case Number(value):
            return Form(NOTHING if math.isnan(value) else PLAIN if value else ZERO)
        case UnitOf(token):
            return Form(_unit(token))
        case Name(name):
            return scope.names[name]
        case Clocked(calendar, name):
            if name not in scope.clocked:
                raise BadExpression(f"{calendar} takes an input that is a series, not '{name}'")
            return Form(PLAIN, scope.names[name].axis)
        case Unary(operand):
            return _negative(node, _number(operand, scope))
        case Not(operand):
            return _truth(operand, scope)
        case Binary(operator, left, right):
            return _binary(node, operator, left, right, scope)
        case Choice():
            return _choice(node, scope)
        case Call():
            return _call(node, scope)
        case Lookup(name, operand):
            return _lookup(node, scope.tables[name], _number(operand, scope))


def _unit(token: str) -> Measure:
    found = load_catalogue().find_unit(token)
    if found is None:
        raise BadExpression(f"expected a unit of the catalogue, got {token!r}")
    if found.offset:
        raise UnfitUnits(f"{token} has a zero of its own: name a constant instead")
    return measure_of(found)


def _number(node: Node, scope: Scope) -> Form:
    form = infer(node, scope)
    if form.truth:
        raise BadExpression(f"'{written(node)}' is true or false where a number was expected")
    return form


def _truth(node: Node, scope: Scope) -> Form:
    form = infer(node, scope)
    if not form.truth and not form.measure.is_missing:
        raise BadExpression(f"'{written(node)}' is a number where true or false was expected")
    return form._replace(truth=True)


def _negative(node: Node, form: Form) -> Form:
    if form.measure.zero is not None:
        raise UnfitUnits(f"takes the negative of {form.measure.text} in '{written(node)}'")
    return form


def _axis(node: Node, *forms: Form) -> str | None:
    """The places that series have together."""
    found = {form.axis for form in forms if form.axis is not None}
    if len(found) > 1:
        said = " and ".join(sorted(found))
        raise BadExpression(f"series of different places ({said}) in '{written(node)}'")
    return next(iter(found), None)


def _binary(node: Node, operator: Operator, left: Node, right: Node, scope: Scope) -> Form:
    if operator in LOGIC:
        pair = _truth(left, scope), _truth(right, scope)
        return Form(PLAIN, _axis(node, *pair), truth=True)
    one, other = _number(left, scope), _number(right, scope)
    axis = _axis(node, one, other)
    if operator in COMPARISONS:
        _alike(node, "compares", one.measure, other.measure)
        return Form(PLAIN, axis, truth=True)
    if operator is Operator.POWER:
        return Form(_power(node, one.measure, other.measure, right), axis)
    return Form(_arithmetic(node, operator, one.measure, other.measure), axis)


def _arithmetic(node: Node, operator: Operator, left: Measure, right: Measure) -> Measure:
    match operator:
        case Operator.ADD:
            return added(left, right) or _unfit(node, "adds", left, right)
        case Operator.SUBTRACT:
            return subtracted(left, right) or _unfit(node, "subtracts", left, right)
        case _:
            return _scaled(node, left, right, -1 if operator is Operator.DIVIDE else 1)


def _scaled(node: Node, left: Measure, right: Measure, power: int) -> Measure:
    try:
        return times(left, right, power)
    except UnfitUnits as unfit:
        raise UnfitUnits(f"{unfit} in '{written(node)}'") from None


def _power(node: Node, base: Measure, exponent: Measure, written_out: Node) -> Measure:
    if not exponent.is_plain:
        raise UnfitUnits(f"has {exponent.text} as an exponent in '{written(node)}'")
    if base.is_plain:
        return PLAIN
    power = _constant(written_out)
    if power is None or not power.is_integer() or abs(power) > _MOST_POWER:
        raise UnfitUnits(
            f"raises {base.text} to what is no whole number written out in '{written(node)}'"
        )
    return raised(base, int(power))


def _constant(node: Node) -> float | None:
    """A number that is written out."""
    match node:
        case Number(value):
            return value
        case Unary(Number(value)):
            return -value
        case _:
            return None


def _choice(node: Choice, scope: Scope) -> Form:
    condition = _truth(node.condition, scope)
    then, other = infer(node.then, scope), infer(node.other, scope)
    if then.truth != other.truth and not (then.measure.is_missing or other.measure.is_missing):
        raise BadExpression(f"chooses between a truth and a number in '{written(node)}'")
    measure = _alike(node, "chooses between", then.measure, other.measure)
    return Form(measure, _axis(node, condition, then, other), then.truth or other.truth)


def _lookup(node: Lookup, table: Table, form: Form) -> Form:
    wanted, given = (load_catalogue().units[each] for each in (table.unit, table.gives))
    _alike(node, "looks up", measure_of(wanted), form.measure)
    return Form(measure_of(given), form.axis)


def _call(node: Call, scope: Scope) -> Form:
    function, arguments = node.function, node.arguments
    signature = SIGNATURES[function]
    if signature.constant:
        _check_constant(node, _constant(arguments[-1]))
        arguments = arguments[:-1]
    if function in _TRUTHS:
        return _folded(node, _truth(arguments[0], scope))
    if function is Function.KNOWN:
        return Form(PLAIN, infer(arguments[0], scope).axis, truth=True)
    forms = [_number(each, scope) for each in arguments]
    if signature.sort is Sort.FOLD or (signature.sort is Sort.EITHER and len(forms) == 1):
        return _folded(node, forms[0])
    if signature.sort is Sort.SERIES:
        return _reshaped(node, forms[0])
    return _mapped(node, forms)


def _check_constant(node: Call, value: float | None) -> None:
    """The last operand of functions that take a number written out."""
    function = node.function
    if value is None:
        raise BadExpression(f"'{written(node)}' takes a number written out as its last operand")
    if function in _PERCENTILES:
        low, high, fits = 0.0, 100.0, True
    elif function in _ROUNDING:
        low, high, fits = -float(MOST_DIGITS), float(MOST_DIGITS), value.is_integer()
    else:
        low, high, fits = 1.0, float(_MOST_PLACES), value.is_integer()
    if not (fits and low <= value <= high):
        kind = "a number" if function in _PERCENTILES else "a whole number"
        raise BadExpression(f"'{written(node)}' takes {kind} from {low:g} to {high:g}")


def _series(node: Call, form: Form) -> str:
    if form.axis is None:
        raise BadExpression(f"'{written(node)}' takes a series, and that is a number")
    return form.axis


def _folded(node: Call, form: Form) -> Form:
    _series(node, form)
    function, measure = node.function, form.measure
    if function in _TRUTHS or function is Function.PLACES:
        return Form(PLAIN)
    if function is Function.SUM and measure.zero is not None:
        raise UnfitUnits(f"adds up {measure.text} in '{written(node)}'")
    if function in _DEVIATIONS and measure.zero is not None:
        return Form(Measure(measure.size, measure.dimension, "K"))
    return Form(measure)


def _reshaped(node: Call, form: Form) -> Form:
    axis = _series(node, form)
    if node.function is Function.AGE:
        return Form(PLAIN, axis)
    if node.function is Function.NEWEST:
        return Form(form.measure, f"the last {written(node.arguments[1])} of {axis}")
    return form


def _mapped(node: Call, forms: list[Form]) -> Form:
    function = node.function
    axis = _axis(node, *forms)
    measure = forms[0].measure
    for each in forms[1:]:
        measure = _alike(node, f"takes the {function} of", measure, each.measure)
    if function in {Function.HOW_MANY, Function.WHICH_HIGHEST}:
        return Form(PLAIN, axis)
    if function in _PLAIN_ONLY or function is Function.LEVEL_OF:
        _alike(node, f"takes the {function} of", PLAIN, measure)
        return Form(_unit("dB") if function is Function.LEVEL_OF else PLAIN, axis)
    if function is Function.POWER_OF:
        _alike(node, f"takes the {function} of", _unit("dB"), measure)
        return Form(PLAIN, axis)
    if function is Function.ABS:
        _negative(node, forms[0])
    return Form(measure, axis)


def _alike(node: Node, verb: str, left: Measure, right: Measure) -> Measure:
    return common(left, right) or _unfit(node, verb, left, right)


_JOINED: Final = {"adds": "to", "subtracts": "from"}


def _unfit(node: Node, verb: str, left: Measure, right: Measure) -> Measure:
    joined = _JOINED.get(verb)
    said = f"{right.text} {joined} {left.text}" if joined else f"{left.text} and {right.text}"
    hint = "; same dimension, different size" if _differ_in_size(left, right) else ""
    raise UnfitUnits(f"{verb} {said} in '{written(node)}'{hint}")


def _differ_in_size(left: Measure, right: Measure) -> bool:
    return left.dimension == right.dimension and left.size != right.size
