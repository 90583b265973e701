"""Gases between shares of moles (ppb) and mass concentrations (ug/m3): by the ideal gas law, pure.

A share of moles says nothing of mass in a volume without the temperature and pressure that the
volume is stated at: the reference state that a series declares. c = x p M / (R T).
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from cityvitals.catalogue.load import Catalogue, Conversion, UnitToken

GAS_CONSTANT: Final = 8.314462618
"""J/(mol K): CODATA 2018, exact since the kelvin and the mole are defined by constants."""

MOLAR_MASS: Final = {
    "no": 30.0061,
    "no2": 46.0055,
    "nox": 46.0055,  # by convention all of it counts as NO2
    "so2": 64.064,
    "o3": 47.9982,
    "co": 28.0101,
    "co2": 44.0095,
    "nh3": 17.0305,
    "ch4": 16.0425,
    "h2s": 34.081,
    "benzene": 78.1118,
}
"""g/mol, by quantity: NIST Chemistry WebBook (SRD 69), "molecular weight"."""

_AMOUNT: Final = "amount fraction"
_MASS: Final = "mass concentration"
_NUMBER: Final = r"(-?\d+(?:\.\d+)?)"
_FORM: Final = re.compile(
    rf"\s*{_NUMBER}\s*(K|degC|°C|Cel)\s*[,;]\s*{_NUMBER}\s*(Pa|hPa|kPa|mbar|atm)\s*", re.ASCII
)
_ZERO_CELSIUS_K: Final = 273.15
_IN_PASCAL: Final = {"Pa": 1.0, "hPa": 100.0, "mbar": 100.0, "kPa": 1000.0, "atm": 101_325.0}
_KELVIN: Final = (200.0, 400.0)
_PASCAL: Final = (30_000.0, 120_000.0)

EXPECTED: Final = 'temperature and pressure such as "293.15 K, 101.3 kPa"'


class ReferenceState(NamedTuple):
    """What a gas volume is stated at."""

    kelvin: float
    pascal: float


@lru_cache(maxsize=1024)
def parse_reference(text: str) -> ReferenceState | None:
    """The reference state that a text names; None where it names none that air can have."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    warmth, scale, pressure, unit = found.groups()
    kelvin = float(warmth) + (0.0 if scale == "K" else _ZERO_CELSIUS_K)
    pascal = float(pressure) * _IN_PASCAL[unit]
    if not (_KELVIN[0] <= kelvin <= _KELVIN[1] and _PASCAL[0] <= pascal <= _PASCAL[1]):
        return None
    return ReferenceState(kelvin, pascal)


def needs_reference(catalogue: Catalogue, quantity: str, token: str) -> bool:
    """Whether numbers in a unit become canonical ones of a quantity by a reference state alone."""
    known, unit = catalogue.quantities.get(quantity), catalogue.find_unit(token)
    if known is None or unit is None or quantity not in MOLAR_MASS:
        return False
    return {unit.family, catalogue.units[known.unit].family} == {_AMOUNT, _MASS}


def conversion_at(
    catalogue: Catalogue, quantity: str, token: str, reference_state: str
) -> Conversion | None:
    """How numbers in the unit `token` become canonical values of a series' quantity.

    Args:
        catalogue: what quantities and units are known.
        quantity: of the series.
        token: the unit as sent.
        reference_state: what the series declares; "" for nothing.

    Returns:
        None where the unit does not fit, or needs a reference state that is not declared.
    """
    plain = catalogue.conversion(quantity, token)
    unit, state = catalogue.find_unit(token), parse_reference(reference_state)
    if plain is not None or unit is None or state is None:
        return plain
    if not needs_reference(catalogue, quantity, token):
        return None
    canonical = catalogue.units[catalogue.quantities[quantity].unit]
    return _by_gas_law(unit, canonical, quantity, state)


def _by_gas_law(
    unit: UnitToken, canonical: UnitToken, quantity: str, state: ReferenceState
) -> Conversion:
    # kg/m3 in one mole per mole.
    density = state.pascal * MOLAR_MASS[quantity] / 1000 / (GAS_CONSTANT * state.kelvin)
    factor = density if unit.family == _AMOUNT else 1 / density
    return Conversion(float(unit.scale) * factor / float(canonical.scale), 0.0)


def refusal(catalogue: Catalogue, quantity: str, token: str) -> str:
    """Why a unit cannot be taken for a quantity, in words."""
    if needs_reference(catalogue, quantity, token):
        canonical = catalogue.quantities[quantity].unit
        return (
            f"unit {token[:64]!a} of {quantity} becomes {canonical} only with a declared "
            f"reference_state: {EXPECTED}"
        )
    return f"unit {token[:64]!a} does not fit {quantity}"
