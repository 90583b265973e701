"""Facts come in the unit that a rule wants, rounded once, or not at all."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_rules.facts import in_unit, uses_of, wanted_units
from kpi_rules.load import load_rules


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (1234.5, "m", "km", 1.2345),
        (0.1, "{inhabitant}", "{inhabitant}", 0.1),
        (3.0, "km2", "har", 300.0),
        (20.0, "Cel", "K", 293.15),
    ],
)
def test_a_figure_is_converted(value: float, unit: str, wanted: str, expected: float) -> None:
    assert in_unit(value, unit, wanted) == expected


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_it_is_rounded_once(value: float) -> None:
    assert in_unit(value, "m", "km") == float(Fraction(value) / 1000)


@pytest.mark.parametrize(("unit", "wanted"), [("W", "km"), ("nothing", "km"), ("1", "km")])
def test_what_does_not_fit_is_no_number(unit: str, wanted: str) -> None:
    assert math.isnan(in_unit(1.0, unit, wanted))


def test_what_no_float_holds_is_no_number() -> None:
    assert math.isnan(in_unit(1e308, "km", "m"))


def test_what_the_rules_want_is_known_by_name() -> None:
    rules = load_rules()
    wanted = wanted_units(rules)
    assert "{inhabitant}" in wanted["population"]
    named = {use.name for rule in rules for use in uses_of(rule)}
    assert set(wanted) == named
