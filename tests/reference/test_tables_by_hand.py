"""Rows of tables that no reference case has: limits of water, WHO's kept levels, bus curves."""

import math
from typing import Final

import pytest

from tests.reference.test_by_hand import came, day

LIMITS: Final = {
    "nitrate": 50.0,
    "nitrite": 0.5,
    "ammonium": 0.5,
    "chloride": 250.0,
    "sulfate": 250.0,
    "sodium": 200.0,
    "iron": 200.0,
    "manganese": 50.0,
    "aluminium": 200.0,
}
"""Directive (EU) 2020/2184, as the reference has it: mg/l, metals from iron on ug/l."""


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_water_may_have_as_much_as_the_limit_and_no_more(name: str, limit: float) -> None:
    rule = f"water.quality.{name}.day"
    assert came(rule, {name: day(limit)}) == (0.0, "met")
    assert came(rule, {name: day(limit, limit * 1.01, 3)}) == (3.0, "not met")
    assert math.isnan(came(rule, {name: day(limit, math.nan, 7)})[0])  # 17 hours are too few


@pytest.mark.parametrize(
    ("rule", "gas", "level"),
    [
        ("air.who.no2.hour", "no2", 200.0),
        ("air.who.co.hour", "co", 35.0),
        ("air.who.co.8h", "co", 10.0),
        ("air.who.co.quarter_hour", "co", 100.0),
    ],
)
def test_levels_that_who_kept_from_earlier_guidelines(rule: str, gas: str, level: float) -> None:
    assert came(rule, {gas: level}) == (level, "AQG")
    assert came(rule, {gas: level + 0.1})[1] == "above AQG"


SPEEDS: Final = (3.0, 20.0, 50.0, 100.0)
CURVES: Final = {
    ("nox", 5): (24.3518823, 8.67036565, 2.8971894, 2.16471421),
    ("co", 5): (10.2071331, 2.93352905, 1.40261113, 1.00003289),
    ("voc", 5): (0.0790738793, 0.0361432684, 0.0195612142, 0.020019764),
    ("pm10", 5): (0.105277518, 0.0650933529, 0.0374476018, 0.0294641421),
    ("energy", 5): (23.6103204, 13.5446332, 8.98416754, 8.56386223),
    ("nox", 6): (6.84783565, 0.551610877, 0.203322006, 0.072345011),
    ("co", 6): (0.865606725, 0.296397455, 0.151273727, 0.10961197),
    ("voc", 6): (0.133166204, 0.0485441977, 0.0250408495, 0.022686841),
    ("pm10", 6): (0.0108987291, 0.00656745404, 0.0033272179, 0.0030738598),
    ("energy", 6): (23.629546, 13.9807272, 9.25492348, 8.76277679),
}
"""Of ef_europe_emep_db.rda of gtfs2emis (MIT) by its own formula: standard urban buses, diesel,
half loaded, on the flat, Euro V SCR and VI DPF+SCR; beyond its speeds the curve's end holds."""


@pytest.mark.parametrize(("gas", "euro"), CURVES)
def test_bus_curves_are_those_of_the_source(gas: str, euro: int) -> None:
    rule = f"traffic.bus_{gas}_factor.euro_{euro}.day"
    found = [came(rule, {"speed": [speed] * 24})[0] for speed in SPEEDS]
    assert found == pytest.approx(CURVES[gas, euro], rel=1e-8)


HOURS: Final = [40.0] * 7 + [60.0] * 12 + [50.0] * 4 + [40.0]
"""By day 60, in the evening 50, at night 40 dB."""


@pytest.mark.parametrize(
    ("part", "level"), [("lday", 60.0), ("levening", 50.0), ("lnight", 40.0), ("ldn", 57.690)]
)
def test_parts_of_a_day_of_noise(part: str, level: float) -> None:
    found, _ = came(f"noise.{part}.day", {"laeq": HOURS})
    assert found == pytest.approx(level, abs=1e-3)
