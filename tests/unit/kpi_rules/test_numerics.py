"""The traps of official indices: decimals in binary, ties, reference states, ends of scales."""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.catalogue.gases import conversion_at
from cityvitals.catalogue.load import load_catalogue
from kpi_rules.evaluate import evaluate_rule
from kpi_rules.load import load_rules
from kpi_rules.model import Rule
from kpi_rules.rounding import Mode, rounded
from kpi_rules.tables import Beyond, Edge, Table, look_up

RULES = {rule.id: rule for rule in load_rules()}


def index(rule: str, **given: float) -> float:
    """The index of a rule; inputs that are not given are missing."""
    found = RULES[rule]
    return evaluate_rule(found, {one.name: math.nan for one in found.inputs} | given).value


# Truncation -------------------------------------------------------------------------------------


def test_the_mean_of_equal_decimals_truncates_to_itself() -> None:
    """Naively 343 of 2999 levels fall below themselves by np.mean, 1038 by a sum in sequence."""
    naive = [0, 0]
    for tenths in range(1, 3000):
        level = tenths / 10
        total = 0.0
        for _ in range(24):
            total += level
        for way, mean in enumerate((float(np.mean([level] * 24)), total / 24)):
            naive[way] += math.floor(mean * 10) < tenths
            assert rounded(mean, Mode.TRUNCATE, 1) == level
    assert min(naive) > 300, "there is a trap"


def test_decimals_that_came_in_single_precision_truncate_to_themselves() -> None:
    """Naively 2400 of 6005 levels fall below themselves."""
    naive = 0
    for tenths in range(6005):
        promoted = float(np.float32(tenths / 10))
        naive += math.floor(promoted * 10) < tenths
        assert rounded(promoted, Mode.TRUNCATE, 1) == tenths / 10
    assert naive > 2000, "there is a trap"


def test_truncation_still_truncates() -> None:
    assert rounded(9.0999, Mode.TRUNCATE, 1) == 9.0
    assert rounded(0.0709, Mode.TRUNCATE, 3) == 0.070
    assert rounded(-1.29, Mode.TRUNCATE, 1) == -1.2
    assert rounded(53.999, Mode.TRUNCATE, 0) == 53.0
    assert rounded(1234.0, Mode.TRUNCATE, -2) == 1200.0


_BY_DECIMAL = {
    Mode.TRUNCATE: ROUND_DOWN,
    Mode.HALF_EVEN: ROUND_HALF_EVEN,
    Mode.UP: ROUND_CEILING,
    Mode.DOWN: ROUND_FLOOR,
}


@given(
    st.integers(-5_000_000, 5_000_000),
    st.integers(0, 4),
    st.sampled_from([*_BY_DECIMAL, Mode.HALF_UP]),
)
def test_rounding_is_that_of_decimal_numbers(thousandths: int, digits: int, mode: Mode) -> None:
    exact = Decimal(thousandths).scaleb(-3 - digits)
    step = Decimal(1).scaleb(-digits)
    if mode is Mode.HALF_UP:  # towards the higher; decimal's goes away from zero
        expected = (exact + step / 2).quantize(step, ROUND_FLOOR)
    else:
        expected = exact.quantize(step, _BY_DECIMAL[mode])
    assert rounded(float(exact), mode, digits) == float(expected)


@pytest.mark.parametrize("mode", Mode)
def test_rounding_keeps_what_is_no_number_or_too_large_to_have_decimals(mode: Mode) -> None:
    for value in (math.inf, -math.inf, 1e300, 2.0**53 + 2):
        assert rounded(value, mode, 2) == value
    assert math.isnan(rounded(math.nan, mode, 2))
    assert math.copysign(1.0, rounded(-0.2, Mode.TRUNCATE, 0)) == 1.0


# Ties -------------------------------------------------------------------------------------------

TIES = [
    *(("air.us_aqi.o3.day", "o3_8h", ppb / 1000) for ppb in (72, 74, 76, 78, 80, 82, 84, 153)),
    *(("air.us_aqi.co.day", "co", ppm) for ppm in (1.1, 3.3)),
    *(("air.us_aqi.no2.day", "no2", ppb) for ppb in (77.0, 505.0)),
    ("air.us_aqi.so2.day", "so2_1h", 245.0),
]


@pytest.mark.parametrize(("rule", "name", "value"), TIES)
def test_an_index_in_the_middle_goes_up(rule: str, name: str, value: float) -> None:
    found = RULES[rule]
    nothing = {one.name: math.nan for one in found.inputs}
    outcome = evaluate_rule(found, nothing | {name: value})
    assert outcome.unrounded % 1 == pytest.approx(0.5, abs=1e-9)
    assert outcome.value == math.floor(outcome.unrounded + 0.25) + 1


def test_half_up_and_half_even_differ() -> None:
    o3 = [evaluate_rule(RULES["air.us_aqi.o3.day"], {"o3_8h": ppb / 1000, "o3_1h": math.nan})
          for ppb in (72, 76, 80, 84, 153)]  # fmt: skip
    assert [one.value - rounded(one.unrounded, Mode.HALF_EVEN, 0) for one in o3] == [1.0] * 5


# Reference states -------------------------------------------------------------------------------


def test_a_mass_concentration_depends_on_the_state_that_it_is_stated_at() -> None:
    catalogue = load_catalogue()
    factors = []
    for state in ("293 K, 101.3 kPa", "298.15 K, 101325 Pa"):
        found = conversion_at(catalogue, "no2", "ppb", state)
        assert found is not None
        factors.append(found.scale)
    assert factors == [pytest.approx(1.91301, rel=1e-5), pytest.approx(1.88043, rel=1e-5)]
    assert conversion_at(catalogue, "no2", "ppb", "") is None


@pytest.mark.parametrize("gas", ["o3", "co", "no2", "so2"])
def test_the_us_index_sees_gases_as_shares_by_each_series_state(gas: str) -> None:
    for one in RULES[f"air.us_aqi.{gas}.day"].inputs:
        assert one.in_unit in {"[ppm]", "[ppb]"}
        assert one.scale is None, "one factor for all series would take one state for all"


# Ends of scales ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (9.0, 50.0), (225.5, 301.0), (275.4, 400.0), (325.4, 500.0), (400.0, 649.0)],
)
def test_hazardous_is_one_stretch_and_goes_on(value: float, expected: float) -> None:
    """One package and one service bend it at 325.4 -> 400."""
    assert index("air.us_aqi.pm2_5.day", pm2_5=value) == expected


def test_a_negative_mean_counts_as_nothing() -> None:
    assert index("air.us_aqi.pm2_5.day", pm2_5=-0.4) == 0.0


def test_ozone_and_sulphur_dioxide_change_their_averaging_where_it_gets_bad() -> None:
    assert index("air.us_aqi.o3.day", o3_8h=0.060, o3_1h=0.120) == 67.0  # no 1-hour index yet
    assert index("air.us_aqi.o3.day", o3_8h=0.060, o3_1h=0.130) == 107.0
    assert index("air.us_aqi.o3.day", o3_8h=0.250, o3_1h=0.500) == 396.0
    assert index("air.us_aqi.so2.day", so2_1h=304.0, so2_24h=100.0) == 200.0
    assert index("air.us_aqi.so2.day", so2_1h=900.0, so2_24h=100.0) == 200.0
    assert index("air.us_aqi.so2.day", so2_1h=900.0, so2_24h=305.0) == 201.0


@pytest.mark.parametrize(
    ("edge", "value", "expected"),
    [
        (Edge.FROM, 1.0, 20.0),
        (Edge.TO, 1.0, 10.0),
        (Edge.FROM, 2.5, 30.0),
        (Edge.TO, 2.5, 30.0),
        (Edge.FROM, -1.0, math.nan),
        (Edge.FROM, 4.0, 40.0),
    ],
)
def test_an_edge_belongs_to_the_row_that_the_table_says(
    edge: Edge, value: float, expected: float
) -> None:
    rows = ((0.0, 1.0, 0.0, 10.0), (1.0, 2.0, 20.0, 20.0), (2.0, 3.0, 20.0, 40.0))
    table = Table("t", "1", "1", rows, edge, Beyond.MISSING, Beyond.HOLD)
    assert look_up(table, value) == pytest.approx(expected, nan_ok=True)


# Editions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("air.eaqi_2017.pm2_5.hour", "air.eaqi.pm2_5.hour"),
        ("air.us_aqi_2012.pm2_5.day", "air.us_aqi.pm2_5.day"),
    ],
)
def test_an_edition_ends_where_the_next_begins(old: str, new: str) -> None:
    assert RULES[old].valid_to == RULES[new].valid_from is not None
    assert RULES[old].valid_from is None and RULES[new].valid_to is None


def test_editions_give_other_numbers() -> None:
    assert index("air.us_aqi_2012.pm2_5.day", pm2_5=12.0) == 50.0
    assert index("air.us_aqi.pm2_5.day", pm2_5=12.0) == 56.0
    assert index("air.eaqi_2017.pm2_5.hour", pm2_5=30.0) == 4.0
    assert index("air.eaqi.pm2_5.hour", pm2_5=30.0) == 3.0


def test_between_whole_numbers_a_class_ends_at_its_upper_edge() -> None:
    """EEA prints 0-5, 6-15 and says nothing of 5.4: ours is Fair, rounding first would say Good."""
    assert index("air.eaqi.pm2_5.hour", pm2_5=5.0) == 1.0
    assert index("air.eaqi.pm2_5.hour", pm2_5=5.4) == 2.0


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_nothing_makes_nothing(rule: Rule) -> None:
    """No shipped rule has a value where all its inputs are missing."""
    if not rule.inputs:
        return
    given: dict[str, float | list[float]] = {
        fact.name: [] if fact.values else math.nan for fact in rule.facts
    }
    for one in rule.inputs:
        given[one.name] = [math.nan] * 24 if one.is_series else math.nan
        for calendar in ("hour_of", "weekday_of", "month_of"):
            given[f"{calendar}({one.name})"] = [6.0] * 24
    assert math.isnan(evaluate_rule(rule, given).value)
