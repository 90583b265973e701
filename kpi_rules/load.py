"""Rule files to rules: everything is checked here, so that evaluating cannot meet a surprise."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from cityvitals.catalogue.entry import Entry, parse_toml
from cityvitals.catalogue.load import Catalogue, UnitToken, load_catalogue
from cityvitals.domain.names import Domain, Kind
from cityvitals.errors import BadRule
from kpi_rules import model
from kpi_rules.expression import Function, Name, Node, names, parse
from kpi_rules.model import (
    Band,
    ClockName,
    Combine,
    FactUse,
    Fold,
    Input,
    Length,
    Rule,
    Space,
    Standard,
    Statistic,
    Verified,
    Window,
)
from kpi_rules.units import SECOND, Measure, UnfitUnits, infer, measure_of, scale_to, times

_ID: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_COLOUR: Final = re.compile(r"#[0-9A-F]{6}")
_DOMAINS: Final = {domain.value: domain for domain in Domain}
_LENGTHS: Final = {each.value: each for each in Length}
_CLOCKS: Final = {each.value: each for each in ClockName}
_FOLDS: Final = {each.value: each for each in Fold}
_STATISTICS: Final = {each.value: each for each in Statistic}
_COMBINES: Final = {each.value: each for each in Combine}
_VERIFIED: Final = {each.value: each for each in Verified}


def load_rules(folder: Path | None = None) -> tuple[Rule, ...]:
    """The shipped rules and, where a folder is given, those of its TOML files; sorted by id.

    Raises:
        BadRule: naming file, rule, key, and what was expected; also when two rules share an id.
    """
    known: dict[str, tuple[str, Rule]] = {}
    for name, text in [*_shipped(), *_of_folder(folder)]:
        for rule in read_rules(text, name):
            if rule.id in known:
                raise BadRule(f"{name}: rule '{rule.id}': id: already in {known[rule.id][0]}")
            known[rule.id] = (name, rule)
    return tuple(known[each][1] for each in sorted(known))


def _shipped() -> Iterator[tuple[str, str]]:
    found = [each for each in files("kpi_rules").iterdir() if each.name.endswith(".toml")]
    for each in sorted(found, key=lambda file: file.name):
        yield each.name, each.read_text("utf-8")


def _of_folder(folder: Path | None) -> Iterator[tuple[str, str]]:
    if folder is None:
        return
    if not folder.is_dir():
        raise BadRule(f"{folder}: expected a folder of rule files")
    for path in sorted(folder.glob("*.toml")):
        try:
            yield str(path), path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRule(f"{path}: cannot be read: {error}") from None


def read_rules(text: str, name: str) -> tuple[Rule, ...]:
    """The rules of one TOML text, in its order.

    Raises:
        BadRule: naming file, rule, key, and what was expected.
    """
    table = parse_toml(text, name, BadRule)
    top = Entry(table, name, BadRule)
    count = sum(1 for _ in top.tables("rule"))
    top.finish()
    seen: dict[str, Rule] = {}
    for index in range(count):
        body = table["rule"][index]
        label = body.get("id", f"number {index + 1}")
        entry = Entry(body, f"{name}: rule '{label}'", BadRule)
        rule = _rule(entry, load_catalogue())
        if rule.id in seen:
            raise entry.fail("id", "already in this file")
        seen[rule.id] = rule
    return tuple(seen.values())


def _rule(entry: Entry, catalogue: Catalogue) -> Rule:
    space = _space(entry.table("space"))
    inputs = tuple(_input(each, catalogue, space) for each in entry.tables("input"))
    facts = tuple(_fact(each, catalogue) for each in entry.tables("fact"))
    unit = _unit(entry, catalogue)
    expression = entry.text("expression")
    tree = _tree(entry, expression, inputs, facts)
    standard = entry.optional_table("standard")
    rule = Rule(
        id=entry.text("id", _ID),
        revision=entry.whole("revision", 1, 1_000_000),
        title=entry.text("title"),
        domain=entry.choice("domain", _DOMAINS),
        unit=unit.token,
        digits=entry.whole("digits", 0, 9),
        window=_window(entry.table("window")),
        inputs=inputs,
        space=space,
        facts=facts,
        expression=expression,
        tree=tree,
        scale=_scale(entry, tree, unit, inputs, facts),
        bands=_bands(entry),
        standard=None if standard is None else _standard(standard),
        source=entry.text("source"),
        verified=entry.choice("verified", _VERIFIED),
    )
    entry.finish(model.COMING_KEYS)
    if (rule.standard is None) != (rule.verified is Verified.OWN):
        raise entry.fail("verified", 'expected "own" exactly where no standard is named')
    return rule


def _window(entry: Entry) -> Window:
    window = Window(
        entry.choice("length", _LENGTHS, model.COMING_LENGTHS),
        entry.choice("clock", _CLOCKS),
        entry.choice("fold", _FOLDS, model.COMING_FOLDS),
    )
    entry.finish(model.COMING_WINDOW_KEYS)
    return window


def _space(entry: Entry) -> Space:
    space = Space(
        entry.choice("zone", _COMBINES, model.COMING_COMBINES),
        entry.choice("city", _COMBINES, model.COMING_COMBINES),
        entry.number("min_coverage", 0, 1),
    )
    entry.finish(model.COMING_SPACE_KEYS)
    return space


def _input(entry: Entry, catalogue: Catalogue, space: Space) -> Input:
    name, quantity = entry.text("name", _NAME), entry.text("quantity")
    found = catalogue.quantities.get(quantity)
    if found is None:
        raise entry.fail("quantity", f"expected a quantity of the catalogue, got {quantity!r}")
    statistic = entry.choice("statistic", _STATISTICS, model.COMING_STATISTICS)
    if (statistic is Statistic.TOTAL) != (found.kind == Kind.INTERVAL_TOTAL):
        fitting = "total" if found.kind == Kind.INTERVAL_TOTAL else "mean or integral"
        raise entry.fail("statistic", f"expected {fitting} of {quantity}, got {statistic}")
    min_coverage = entry.number("min_coverage", 0, 1)
    if min_coverage > 0 and space.zone is space.city is Combine.SUM:
        raise entry.fail("min_coverage", "is not built yet for sums, which take every station: 0")
    entry.finish(model.COMING_INPUT_KEYS)
    return Input(name, quantity, statistic, min_coverage, found.unit)


def _fact(entry: Entry, catalogue: Catalogue) -> FactUse:
    fact = FactUse(entry.text("name", _NAME), _unit(entry, catalogue).token)
    entry.finish()
    return fact


def _unit(entry: Entry, catalogue: Catalogue) -> UnitToken:
    token = entry.text("unit")
    unit = catalogue.find_unit(token)
    if unit is None:
        raise entry.fail("unit", f"expected a unit of the catalogue, got {token!r}")
    return unit


def _bands(entry: Entry) -> tuple[Band, ...]:
    bands: list[Band] = []
    for each in entry.tables("band"):
        to = each.optional_number("to")
        band = Band(each.text("name"), to, each.text("colour", _COLOUR))
        each.finish()
        before = bands[-1] if bands else None
        if before and (before.to is None or (to is not None and to <= before.to)):
            raise each.fail("to", "expected bands that rise, and only the last without an end")
        bands.append(band)
    if bands and bands[-1].to is not None:
        raise entry.fail("band", "expected a last band without `to`, so that every value has one")
    return tuple(bands)


def _standard(entry: Entry) -> Standard:
    standard = Standard(
        entry.text("body"), entry.text("document"), entry.text("clause"), entry.text("edition")
    )
    entry.finish()
    return standard


def _tree(
    entry: Entry, expression: str, inputs: tuple[Input, ...], facts: tuple[FactUse, ...]
) -> Node:
    try:
        tree = parse(expression)
    except BadRule as bad:
        raise entry.fail("expression", str(bad)) from None
    declared = [*(each.name for each in inputs), *(each.name for each in facts)]
    _check_names(entry, declared, set(names(tree)))
    if not inputs:
        raise entry.fail("input", "expected at least one")
    return tree


def _check_names(entry: Entry, declared: list[str], used: set[str]) -> None:
    for name in declared:
        if declared.count(name) > 1 or name in set(Function):
            raise entry.fail("input", f"expected names that nothing else has, got {name!r}")
    for name in sorted(used - set(declared)):
        raise entry.fail("expression", f"expected names of inputs and facts, got {name!r}")
    for name in declared:
        if name not in used:
            raise entry.fail("expression", f"expected to use every input and fact, not {name!r}")


def _scale(
    entry: Entry,
    tree: Node,
    unit: UnitToken,
    inputs: tuple[Input, ...],
    facts: tuple[FactUse, ...],
) -> float:
    tokens = [unit.token, *(each.unit for each in inputs), *(each.unit for each in facts)]
    if any(_known(each).offset for each in tokens):
        return _scale_with_zero(entry, tree, unit, inputs)
    named = {each.name: _input_measure(each) for each in inputs}
    named |= {each.name: measure_of(_known(each.unit)) for each in facts}
    try:
        return scale_to(infer(tree, named), unit)
    except UnfitUnits as unfit:
        raise entry.fail("expression", str(unfit)) from None


def _known(token: str) -> UnitToken:
    """A unit that was found before."""
    return load_catalogue().units[token]


def _scale_with_zero(entry: Entry, tree: Node, unit: UnitToken, inputs: tuple[Input, ...]) -> float:
    """A unit with a zero of its own (Cel) can be shown as it is, but not be calculated with."""
    only = inputs[0]
    if isinstance(tree, Name) and only.unit == unit.token and only.statistic is Statistic.MEAN:
        return 1.0
    raise entry.fail(
        "expression",
        "calculating with a unit that has a zero of its own (Cel, [degF]) is not built yet; "
        f"built so far: the mean itself, in {only.unit}",
    )


def _input_measure(each: Input) -> Measure:
    measure = measure_of(_known(each.unit))
    return times(measure, SECOND) if each.statistic is Statistic.INTEGRAL else measure
