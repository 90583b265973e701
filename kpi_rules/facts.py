"""Which facts a rule uses, and facts in the units that rules want; pure."""

import math
from collections.abc import Iterable
from fractions import Fraction

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.facts import POPULATION, POPULATION_UNIT
from kpi_rules.model import FactUse, Rule
from kpi_rules.words import Combine


def uses_of(rule: Rule) -> tuple[FactUse, ...]:
    """The facts that a rule names, and the one that it weights zones by."""
    if weights_by_population(rule) and all(use.name != POPULATION for use in rule.facts):
        return (*rule.facts, FactUse(POPULATION, POPULATION_UNIT))
    return rule.facts


def weights_by_population(rule: Rule) -> bool:
    """Whether the city's value takes every zone's population."""
    words = {rule.space.city, *(one.combine for one in rule.inputs)}
    return Combine.POPULATION_WEIGHTED in words


def wanted_units(rules: Iterable[Rule]) -> dict[str, dict[str, str]]:
    """By a fact's name: in which units rules use it, each with the id of the first such rule."""
    found: dict[str, dict[str, str]] = {}
    for rule in rules:
        for use in uses_of(rule):
            found.setdefault(use.name, {}).setdefault(use.unit, rule.id)
    return found


def in_unit(value: float, unit: str, wanted: str) -> float:
    """A number in another unit, rounded once; nan where the two units do not fit.

    Args:
        value: as stated.
        unit: in which it is stated.
        wanted: in which it is wanted; both are tokens of the catalogue.
    """
    if unit == wanted:
        return value
    source, target = load_catalogue().find_unit(unit), load_catalogue().find_unit(wanted)
    if source is None or target is None or source.family != target.family:
        return math.nan
    exact = (Fraction(value) * source.scale + source.offset - target.offset) / target.scale
    try:
        return float(exact)
    except OverflowError:
        return math.nan
