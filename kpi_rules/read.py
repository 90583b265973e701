"""One rule from its TOML: everything is checked here, so that evaluating cannot meet a surprise."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cityvitals.catalogue.entry import Entry
from cityvitals.catalogue.load import UnitToken, load_catalogue
from cityvitals.domain.names import Domain
from cityvitals.errors import BadRule
from kpi_rules.expression import (
    Binary,
    Call,
    Choice,
    Function,
    Lookup,
    Name,
    Node,
    Not,
    Number,
    Unary,
    names,
    tables,
)
from kpi_rules.infer import Form, Scope, infer
from kpi_rules.model import Band, Constant, FactUse, Input, Part, Rule, Window
from kpi_rules.parse import WORDS, parse
from kpi_rules.read_parts import (
    NAME,
    natural_measure,
    read_bands,
    read_constant,
    read_fact,
    read_input,
    read_rounding,
    read_space,
    read_standard,
    read_target,
    read_unit,
    read_window,
)
from kpi_rules.rounding import Mode
from kpi_rules.tables import Table
from kpi_rules.units import PLAIN, measure_of, scale_to
from kpi_rules.words import Direction, Statistic, Verified

_ID: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_DOMAINS: Final = {domain.value: domain for domain in Domain}
_VERIFIED: Final = {each.value: each for each in Verified}
_DIRECTIONS: Final = {each.value: each for each in Direction}
_DATED: Final = "dates of figures"
"""The axis of facts that are series: figures that belong together have the same date."""
_ROUNDERS: Final = {
    Mode.TRUNCATE: Function.TRUNCATE,
    Mode.HALF_UP: Function.ROUND_HALF_UP,
    Mode.HALF_EVEN: Function.ROUND_HALF_EVEN,
    Mode.UP: Function.ROUND_UP,
    Mode.DOWN: Function.ROUND_DOWN,
}


@dataclass(frozen=True, slots=True)
class Shared:
    """What the rules of one file share; a wrong one is kept as what is wrong with it."""

    tables: Mapping[str, Table | BadRule]
    bands: Mapping[str, tuple[Band, ...] | BadRule]


@dataclass(frozen=True, slots=True)
class _Named:
    """What a rule's expressions can name."""

    inputs: tuple[Input, ...]
    facts: tuple[FactUse, ...]
    constants: tuple[Constant, ...]
    shared: Shared


@dataclass(slots=True)
class _Worked:
    """Expressions read so far.

    Attributes:
        forms: of what is named, parts as they come.
        put_in: what stands for a name when it is evaluated: constants, inputs that are rounded.
        used: names that were used.
        looked_up: tables that were used.
    """

    forms: dict[str, Form]
    put_in: dict[str, Node]
    used: set[str]
    looked_up: dict[str, Table]


def read_rule(entry: Entry, shared: Shared) -> Rule:
    """A rule.

    Raises:
        BadRule: naming file, line, rule, key, and what was expected.
    """
    window, space = read_window(entry.table("window")), read_space(entry.table("space"))
    named = _Named(
        tuple(read_input(each, space, window) for each in entry.tables("input")),
        tuple(read_fact(each) for each in entry.tables("fact")),
        tuple(read_constant(each) for each in entry.tables("constant")),
        shared,
    )
    unit = read_unit(entry)
    worked = _begin(entry, named, window)
    parts = tuple(_part(each, named, worked) for each in entry.tables("part"))
    expression = entry.text("expression")
    tree, form = _worked_out(entry, expression, named, worked)
    _check_use(entry, named, worked.used)
    standard, target = entry.optional_table("standard"), entry.optional_table("target")
    rule = Rule(
        id=entry.text("id", _ID),
        revision=entry.whole("revision", 1, 1_000_000),
        title=entry.text("title"),
        domain=entry.choice("domain", _DOMAINS),
        unit=unit.token,
        digits=entry.whole("digits", 0, 9),
        window=window,
        inputs=named.inputs,
        space=space,
        facts=named.facts,
        expression=expression,
        tree=tree,
        scale=_scale(entry, form, unit),
        bands=_bands(entry, shared),
        standard=None if standard is None else read_standard(standard),
        source=entry.text("source"),
        verified=entry.choice("verified", _VERIFIED),
        rounding=read_rounding(entry),
        constants=named.constants,
        parts=parts,
        tables=MappingProxyType(dict(sorted(worked.looked_up.items()))),
        valid_from=entry.optional_date("valid_from"),
        valid_to=entry.optional_date("valid_to"),
        dimension=entry.text("dimension", default=""),
        category=entry.text("category", default=""),
        sdg=entry.texts("sdg"),
        iso=entry.texts("iso"),
        direction=entry.choice("direction", _DIRECTIONS) if entry.has("direction") else None,
        target=None if target is None else read_target(target),
    )
    entry.finish()
    _check_whole(entry, rule)
    return rule


def _check_whole(entry: Entry, rule: Rule) -> None:
    """What concerns several keys."""
    if (rule.standard is None) != (rule.verified is Verified.OWN):
        raise entry.fail("verified", 'expected "own" exactly where no standard is named')
    if rule.valid_from and rule.valid_to and rule.valid_from >= rule.valid_to:
        raise entry.fail("valid_to", f"expected a date after {rule.valid_from}")


def _bands(entry: Entry, shared: Shared) -> tuple[Band, ...]:
    if not entry.has("bands"):
        return read_bands(entry)
    name = entry.text("bands", NAME)
    if entry.has("band"):
        raise entry.fail("band", "expected bands of its own or the name of a shared set, not both")
    found = shared.bands.get(name)
    if found is None:
        raise entry.fail("bands", f"expected a set of [[bands]] in this file, got {name!r}")
    if isinstance(found, BadRule):
        raise entry.fail("bands", f"the set {name!r} is wrong: {found}")
    return found


def _begin(entry: Entry, named: _Named, window: Window) -> _Worked:
    if not named.inputs and not named.facts:
        raise entry.fail("input", "expected at least one, or a fact")
    keys = {
        "input": [each.name for each in named.inputs],
        "fact": [each.name for each in named.facts],
        "constant": [each.name for each in named.constants],
    }
    seen: set[str] = set()
    for key, found in keys.items():
        for name in found:
            _check_name(entry, key, name, seen)
            seen.add(name)
    units = load_catalogue().units
    forms = {each.name: _input_form(each, window) for each in named.inputs}
    forms |= {
        each.name: Form(measure_of(units[each.unit]), _DATED if each.values else None)
        for each in named.facts
    }
    forms |= {each.name: Form(measure_of(units[each.unit])) for each in named.constants}
    put_in: dict[str, Node] = {each.name: Number(each.value) for each in named.constants}
    put_in |= {each.name: _prepared(each) for each in named.inputs}
    return _Worked(forms, put_in, set(), {})


def _check_name(entry: Entry, key: str, name: str, seen: set[str]) -> None:
    if name in seen or name in WORDS:
        raise entry.fail(key, f"expected names that nothing else has, got {name!r}")


def _input_form(one: Input, window: Window) -> Form:
    units = load_catalogue().units
    lowest = one.levels[0].statistic if one.levels else one.statistic
    if Statistic.COUNT in {lowest, one.statistic}:
        measure = PLAIN
    elif one.in_unit:
        measure = measure_of(units[one.in_unit])
    else:
        measure = natural_measure(units[one.unit], one.statistic)
    if not one.is_series:
        return Form(measure)
    level = one.levels[-1]
    clock, step = one.clock or window.clock, level.step or level.length
    return Form(measure, f"{level.length} each {step} of {one.length or window.length}, {clock}")


def _prepared(one: Input) -> Node:
    """An input as the expression sees it: not below its floor, and rounded."""
    node: Node = Name(one.name)
    if one.floor is not None:
        node = Call(Function.MAX, (node, Number(one.floor)))
    if one.rounding is not None:
        digits = Number(float(one.rounding.digits))
        node = Call(_ROUNDERS[one.rounding.mode], (node, digits))
    return node


def _part(entry: Entry, named: _Named, worked: _Worked) -> Part:
    name, expression = entry.text("name", NAME), entry.text("expression")
    _check_name(entry, "name", name, set(worked.forms))
    tree, form = _worked_out(entry, expression, named, worked)
    entry.finish()
    worked.forms[name] = form
    return Part(name, expression, tree, form.axis is not None)


def _worked_out(entry: Entry, expression: str, named: _Named, worked: _Worked) -> tuple[Node, Form]:
    """The tree of an expression, ready to be evaluated, and what it comes to."""
    try:
        tree = parse(expression)
    except BadRule as bad:
        raise entry.fail("expression", str(bad)) from None
    found = set(names(tree))
    for name in sorted(found - set(worked.forms)):
        raise entry.fail(
            "expression", f"expected names of inputs, facts, constants or parts, got {name!r}"
        )
    for name in sorted(set(tables(tree))):
        worked.looked_up[name] = _table(entry, named.shared, name)
    worked.used |= found
    series = frozenset(each.name for each in named.inputs if each.is_series)
    try:
        form = infer(tree, Scope(worked.forms, series, worked.looked_up))
    except BadRule as bad:
        raise entry.fail("expression", str(bad)) from None
    return put_in(tree, worked.put_in), form


def _table(entry: Entry, shared: Shared, name: str) -> Table:
    found = shared.tables.get(name)
    if found is None:
        raise entry.fail("expression", f"expected a [[table]] of this file, got {name!r}")
    if isinstance(found, BadRule):
        raise entry.fail("expression", f"the table {name!r} is wrong: {found}")
    return found


def put_in(node: Node, instead: Mapping[str, Node]) -> Node:  # noqa: PLR0911 (a case for each node)
    """A tree with other nodes instead of names."""
    match node:
        case Name(name):
            return instead.get(name, node)
        case Unary(operand):
            return Unary(put_in(operand, instead))
        case Not(operand):
            return Not(put_in(operand, instead))
        case Binary(operator, left, right):
            return Binary(operator, put_in(left, instead), put_in(right, instead))
        case Choice(condition, then, other):
            return Choice(*(put_in(each, instead) for each in (condition, then, other)))
        case Call(function, arguments):
            return Call(function, tuple(put_in(each, instead) for each in arguments))
        case Lookup(table, operand):
            return Lookup(table, put_in(operand, instead))
        case _:
            return node


def _check_use(entry: Entry, named: _Named, used: set[str]) -> None:
    """A part may be there to be shown alone; what is declared must serve something."""
    declared = [each.name for each in named.inputs]
    declared += [each.name for each in named.facts]
    declared += [each.name for each in named.constants]
    for name in declared:
        if name not in used:
            raise entry.fail("expression", f"expected to use all that is named, not {name!r}")


def _scale(entry: Entry, form: Form, unit: UnitToken) -> float:
    if form.axis is not None:
        raise entry.fail("expression", f"comes to a series ({form.axis}), not to a number")
    try:
        scale = scale_to(form.measure, unit)
    except BadRule as unfit:
        raise entry.fail("expression", str(unfit)) from None
    if not math.isfinite(scale) or scale <= 0:
        raise entry.fail("unit", f"{unit.token} is too far from what the expression gives")
    return scale
