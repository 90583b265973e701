"""The catalogue's files, and how they are read."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.catalogue.load import (
    Conversion,
    UnitToken,
    load_catalogue,
    read_catalogue,
    read_quantities,
    read_units,
)
from cityvitals.domain.names import Domain, Kind, Stamp
from cityvitals.errors import BadCatalogue
from tests.unit.catalogue.by_pint import dimension, registry

CATALOGUE = load_catalogue()
UNITS = sorted({unit.token: unit for unit in CATALOGUE.units.values()}.values(), key=str)
SPELLINGS = st.sampled_from(sorted(CATALOGUE.units))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.token)
def test_scale_and_offset_are_what_pint_says(unit: UnitToken) -> None:
    pint = registry()
    one = pint.Quantity(1.0, unit.unit).to_base_units()
    zero = pint.Quantity(0.0, unit.unit).to_base_units()
    assert float(unit.scale) == pytest.approx((one - zero).magnitude, rel=1e-12)
    assert float(unit.offset) == pytest.approx(zero.magnitude, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.token)
def test_the_dimension_is_what_pint_says(unit: UnitToken) -> None:
    assert unit.dimension == dimension(unit.unit)


def test_one_base_unit_of_every_family_is_coherent() -> None:
    """Rules calculate over families, so scales must refer to SI everywhere."""
    for unit in UNITS:
        if unit.scale == 1 and not unit.offset:
            assert registry().Quantity(1.0, unit.unit).to_base_units().magnitude == 1.0


@pytest.mark.parametrize(
    ("quantity", "token", "expected"),
    [
        ("pm2_5", "ug/m3", (1.0, 0.0)),
        ("pm2_5", "µg/m³", (1.0, 0.0)),  # the micro sign, and a superscript
        ("pm2_5", "\u03bcg/m3", (1.0, 0.0)),  # the Greek letter
        ("pm10", "GQ", (1.0, 0.0)),
        ("co", "mg/m3", (1000.0, 0.0)),
        ("co", "GP", (1000.0, 0.0)),
        ("air_temperature", "K", (1.0, -273.15)),
        ("air_temperature", "°C", (1.0, 0.0)),
        ("air_pressure", "mbar", (1.0, 0.0)),
        ("relative_humidity", "%RH", (1.0, 0.0)),
        ("electricity_energy", "Wh", (0.001, 0.0)),
        ("electricity_energy", "KWH", (1.0, 0.0)),
        ("electricity_power", "W", (0.001, 0.0)),
        ("reactive_energy", "kVArh", (1.0, 0.0)),
        ("water_flow", "G51", (1.0, 0.0)),
        ("water_flow", "m3/s", (1000.0, 0.0)),
        ("water_volume", "L", (0.001, 0.0)),
        ("traffic_speed", "mph", (1.609344, 0.0)),
        ("traffic_speed", "m/s", (3.6, 0.0)),
        ("traffic_count", "veh", (1.0, 0.0)),
        ("noise_laeq", "dB(A)", (1.0, 0.0)),
        ("wind_speed", "km/h", (1 / 3.6, 0.0)),
        ("precipitation", "[in_i]", (25.4, 0.0)),
    ],
)
def test_units_convert(quantity: str, token: str, expected: tuple[float, float]) -> None:
    assert CATALOGUE.conversion(quantity, token) == Conversion(*expected)


def test_fahrenheit_keeps_its_zero() -> None:
    conversion = CATALOGUE.conversion("air_temperature", "[degF]")
    assert conversion is not None
    assert 32 * conversion.scale + conversion.offset == pytest.approx(0, abs=1e-12)
    assert 212 * conversion.scale + conversion.offset == pytest.approx(100, rel=1e-12)


@pytest.mark.parametrize(
    ("quantity", "token"),
    [
        ("no2", "ppb"),  # needs a reference state
        ("o3", "[ppm]"),
        ("reactive_energy", "kWh"),  # same dimension for pint, another thing for a meter
        ("pm2_5", "kW.h"),
        ("relative_humidity", "ppm"),
        ("air_temperature", "C"),  # coulomb
        ("pm2_5", "furlong"),
        ("pm2_5", ""),
        ("unheard_of", "ug/m3"),
    ],
)
def test_what_does_not_fit_has_no_conversion(quantity: str, token: str) -> None:
    assert CATALOGUE.conversion(quantity, token) is None


@given(SPELLINGS, st.sampled_from(sorted(CATALOGUE.quantities)), st.floats(-1e6, 1e6))
def test_conversions_agree_with_pint(token: str, quantity: str, value: float) -> None:
    found = CATALOGUE.quantities[quantity]
    conversion = CATALOGUE.conversion(quantity, token)
    unit = CATALOGUE.find_unit(token)
    assert unit is not None
    if conversion is not None:
        canonical = CATALOGUE.units[found.unit]
        expected = registry().Quantity(value, unit.unit).to(canonical.unit).magnitude
        assert value * conversion.scale + conversion.offset == pytest.approx(
            expected, rel=1e-12, abs=1e-6
        )


@given(st.text(max_size=12))
def test_any_token_is_known_or_not(token: str) -> None:
    found = CATALOGUE.find_unit(token)
    assert found is None or found.token in CATALOGUE.units


def test_every_quantity_is_fit_to_be_declared() -> None:
    for quantity in CATALOGUE.quantities.values():
        assert CATALOGUE.conversion(quantity.name, quantity.unit) == Conversion(1.0, 0.0)
        assert quantity.reporting_s > 0
        assert (quantity.period_s > 0) == (quantity.kind != Kind.GAUGE)


def test_what_other_parts_rely_on_is_there() -> None:
    quantities = CATALOGUE.quantities
    assert {quantities[each].unit for each in ("pm2_5", "pm10", "no2", "so2", "o3", "co")} == {
        "ug/m3"
    }
    energy = quantities["electricity_energy"]
    assert (energy.domain, energy.kind, energy.period_s, energy.stamp) == (
        Domain.ENERGY,
        Kind.INTERVAL_TOTAL,
        900,
        Stamp.END,
    )
    assert quantities["water_flow"].unit == "L/s"
    assert quantities["traffic_speed"].unit == "km/h"


UNIT = """
[[family]]
name = "length"
base = "meter"
dimension = { length = 1 }
unit = [{ token = "m", pint = "meter", scale = "1", names = ["MTR"] }]
"""
QUANTITY = """
[depth]
title = "Depth"
domain = "water"
unit = "m"
kind = "gauge"
reporting_s = 60
low = 0
high = 10
limits = "the river is ten metres deep"
"""


def test_a_small_catalogue_loads() -> None:
    catalogue = read_catalogue(QUANTITY, UNIT)
    assert catalogue.quantities["depth"].high == 10
    assert catalogue.units["MTR"].scale == Fraction(1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"1"', '"one"', r"units.toml: family\[0\].unit\[0\].scale: expected a decimal"),
        ('"1"', '"1/0"', r"scale: expected a decimal or a fraction, got '1/0'"),
        ('"1"', '"-1"', r"scale: expected a positive number"),
        ('["MTR"]', '["m "]', None),
        ("]\n", ', { token = "MTR", pint = "x", scale = "1" }]\n', "'MTR' already names m"),
        ('pint = "meter", ', "", r"unit\[0\].pint: missing"),
        ('base = "meter"', 'basis = "meter"', "base: missing"),
        ("length = 1", "length = 0.5", r"family\[0\].dimension.length: expected a whole number"),
        ("dimension", "dimensions", r"family\[0\].dimension: missing"),
        ('pint = "meter"', 'pint = "meter", x = 1', r"unit\[0\].x: unknown key; expected only"),
        ("[[family]]", "[[family", "units.toml: not TOML"),
    ],
)
def test_a_broken_unit_is_named(old: str, new: str, message: str | None) -> None:
    text = UNIT.replace(old, new) if old != "]\n" else UNIT.rstrip()[:-1] + new
    if message is None:
        read_units(text, "units.toml")
        return
    with pytest.raises(BadCatalogue, match=message):
        read_units(text, "units.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('unit = "m"', 'unit = "MTR"', "depth: unit: expected a canonical token, got 'MTR'"),
        ("limits", 'averaged = "energy"\nlimits', "depth: averaged: expected levels in dB"),
        ("limits", "step = -1\nlimits", "depth: step: expected a number from 0"),
        ('"gauge"', '"dial"', 'depth: kind: expected one of "gauge"'),
        ('"gauge"', '"interval_mean"', "depth: period_s: missing"),
        ("low = 0", "low = 11", "depth: low: expected less than high"),
        ("low = 0", "low = nan", "depth: low: expected a finite number"),
        ("low = 0", "low = true", "depth: low: expected a finite number"),
        ('"water"', '"fire"', "depth: domain: expected one of"),
        ("reporting_s = 60", "reporting_s = 0", "depth: reporting_s: expected a number from 1"),
        ("high", "hight", "depth: hight: unknown key"),
        ("[depth]", "[Depth]", "Depth: expected a name like"),
        ("[depth]", "depth = 1\n[deep]", "depth: expected a table"),
        ("limits", "fault_codes = [true]\nlimits", "depth: fault_codes: expected a list of num"),
        ('title = "Depth"', 'title = " "', "depth: title: expected text"),
    ],
)
def test_a_broken_quantity_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(BadCatalogue, match=message):
        read_quantities(QUANTITY.replace(old, new), "q.toml", read_units(UNIT, "u"))
