import pytest

from cityvitals.catalogue.gases import (
    MOLAR_MASS,
    ReferenceState,
    conversion_at,
    needs_reference,
    parse_reference,
)
from cityvitals.catalogue.load import load_catalogue
from tests.unit.catalogue.by_pint import registry

CATALOGUE = load_catalogue()
EUROPE = "293.15 K, 101.3 kPa"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EUROPE, (293.15, 101_300)),
        ("20 degC, 1013 hPa", (293.15, 101_300)),
        (" 25 °C ; 1 atm ", (298.15, 101_325)),
        ("-10Cel,101300Pa", (263.15, 101_300)),
        ("273.15 K, 1013.25 mbar", (273.15, 101_325)),
    ],
)
def test_reference_states_are_read(text: str, expected: tuple[float, float]) -> None:
    assert parse_reference(text) == pytest.approx(ReferenceState(*expected))


@pytest.mark.parametrize(
    "text",
    ["", "EU", "20, 101.3", "20 K, 101.3 kPa", "293.15 K, 101.3 Pa", "293.15 K", "٣٠٠ K, 1 atm"],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_reference(text) is None


@pytest.mark.parametrize(
    ("quantity", "factor"),
    # Factors of European reporting, ug/m3 per ppb at 20 degC and 101.3 kPa.
    [("no2", 1.9125), ("so2", 2.66), ("o3", 1.9954), ("co", 1.1642)],
)
def test_a_ppb_is_what_europe_says(quantity: str, factor: float) -> None:
    found = conversion_at(CATALOGUE, quantity, "ppb", EUROPE)
    assert found is not None
    assert found.scale == pytest.approx(factor, rel=2e-3)
    assert found.offset == 0
    million = conversion_at(CATALOGUE, quantity, "umol/mol", EUROPE)
    assert million is not None and million.scale == pytest.approx(1000 * found.scale)


def test_the_gas_law_is_pints() -> None:
    pint = registry()
    mass = pint.Quantity(MOLAR_MASS["no2"], "g/mol")
    density = pint.Quantity(101.3, "kPa") * mass / (pint("molar_gas_constant") * pint("293.15 K"))
    found = conversion_at(CATALOGUE, "no2", "[ppb]", EUROPE)
    assert found is not None
    assert found.scale == pytest.approx(
        (density * 1e-9).to("microgram / meter ** 3").magnitude, rel=1e-9
    )


@pytest.mark.parametrize(
    ("quantity", "token", "state"),
    [
        ("no2", "ppb", ""),
        ("no2", "ppb", "warm"),
        ("pm2_5", "ppb", EUROPE),
        ("no2", "kWh", EUROPE),
        ("no2", "furlong", EUROPE),
        ("unheard_of", "ppb", EUROPE),
    ],
)
def test_what_does_not_fit_stays_without(quantity: str, token: str, state: str) -> None:
    assert conversion_at(CATALOGUE, quantity, token, state) is None


def test_mass_needs_no_state() -> None:
    assert conversion_at(CATALOGUE, "no2", "mg/m3", "") == (1000, 0)
    assert not needs_reference(CATALOGUE, "no2", "mg/m3")
