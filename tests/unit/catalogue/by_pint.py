"""What pint says about the catalogue's units."""

from fractions import Fraction
from functools import cache
from typing import Any, Final

import pint

from cityvitals.catalogue.load import Dimension

DEFINITIONS: Final = (
    # Counted things get dimensions of their own, so that kW.h and kW.h per inhabitant differ.
    "inhabitant = [inhabitant]",
    "vehicle = [vehicle]",
    "currency = [currency]",
    "hundred_thousand_inhabitants = 100000 * inhabitant",
    # A level is no plain power of ten here: means of levels are a matter for rules.
    "sound_decibel = [sound_level]",
    # What pint itself lacks.
    "volt_ampere_reactive = volt * ampere",
    "ppb = 1e-9",
    "per_hundred_thousand = 1e-5",
    # Scales of their own: a pH is no number to add up, turbidity is what its instrument says.
    "acidity_unit = [acidity]",
    "turbidity_unit = [turbidity]",
    "colony = [colony]",
    # Which dollars (of which year, at which parity) a figure's source says.
    "dollar = [dollar]",
)


@cache
def registry() -> Any:
    """The registry of pint, with what the catalogue adds to it."""
    units: Any = pint.UnitRegistry()
    for definition in DEFINITIONS:
        units.define(definition)
    return units


@cache
def dimension(unit: str) -> Dimension:
    """The dimension of a pint expression."""
    powers = registry().get_dimensionality(registry().parse_units(unit))
    return tuple(
        sorted((name, Fraction(power).limit_denominator(12)) for name, power in powers.items())
    )
