"""Canonical numbers to the unit that an input sees, where that takes a series' reference state.

c = x p M / (R T): a share of moles stays what it is at any temperature and pressure, a mass in a
volume belongs to the ones that the volume is stated at.
"""

import math
from collections.abc import Sequence

from cityvitals.catalogue.gases import (
    GAS_CONSTANT,
    MOLAR_MASS,
    ReferenceState,
    parse_reference,
)
from cityvitals.catalogue.load import load_catalogue
from cityvitals.store.audit import DeclaredRow
from cityvitals.verify.stations import newest_of
from kpi_rules.model import Input

_SHARE_OF_MOLES = "amount fraction"


def scale_of(one: Input, declared: Sequence[DeclaredRow]) -> float:
    """What turns a series' canonical numbers into those of an input; nan where nobody can know.

    Args:
        one: the input.
        declared: all declarations of the series, at least one; the newest says its state.
    """
    if one.scale is not None:
        return one.scale
    units = load_catalogue().units
    canonical, seen = units[one.unit], units[one.seen_in]
    own = parse_reference(newest_of(declared).reference_state)
    asked = parse_reference(one.reference_state) or own
    factor = float(canonical.scale) / float(seen.scale)
    if canonical.family != _SHARE_OF_MOLES:
        factor /= _mass_of_a_mole(one.quantity, own)
    if seen.family != _SHARE_OF_MOLES:
        factor *= _mass_of_a_mole(one.quantity, asked)
    return factor


def _mass_of_a_mole(quantity: str, state: ReferenceState | None) -> float:
    """kg/m3 in one mole per mole; of what is no gas, where only ratios matter, as if of 1 g/mol."""
    if state is None:
        return math.nan
    kilograms = MOLAR_MASS.get(quantity, 1.0) / 1000
    return state.pascal * kilograms / (GAS_CONSTANT * state.kelvin)
