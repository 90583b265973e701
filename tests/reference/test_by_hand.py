"""Rules of which the reference has no case: numbers worked out by hand from the standard's text."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from aggregator.compiler import compile_rule
from kpi_rules.evaluate import evaluate_rule
from kpi_rules.interpret import Value
from kpi_rules.load import load_rules
from kpi_rules.present import find_band
from tests.reference.inputs import as_arrays

RULES: Final = {rule.id: rule for rule in load_rules()}
NAN: Final = math.nan


def came(rule_id: str, given: Mapping[str, Value]) -> tuple[float, str | None]:
    """The value and band of a rule, by interpreter and compiled expression, which must agree."""
    rule = RULES[rule_id]
    names = [one.name for one in rule.inputs] + [fact.name for fact in rule.facts]
    values: dict[str, Value] = {name: [] if name in rule.series else NAN for name in names}
    values |= given
    for one in rule.inputs:
        said = values[one.name]
        if not isinstance(said, float):
            values[f"hour_of({one.name})"] = [float(i % 24) for i in range(len(said))]
    found = evaluate_rule(rule, values).value
    compiled = float(compile_rule(rule)(as_arrays(values)).value[0])
    assert found == compiled or (math.isnan(found) and math.isnan(compiled))
    return found, find_band(rule.body()["bands"], None if math.isnan(found) else found)


def day(value: float, other: float = NAN, count: int = 0) -> list[float]:
    """24 hours of a value, the last `count` of them another."""
    return [value] * (24 - count) + [other] * count


CASES: Final[Sequence[tuple[str, Mapping[str, Any], float, str | None]]] = [
    # Three consecutive hours, each rounded to whole ug/m3, must lie above an alert threshold.
    ("air.eu2008.no2.alert", {"no2": [400.0, 401.0, 402.0]}, 400.0, "no alert"),
    ("air.eu2008.no2.alert", {"no2": [401.0, 450.0, 402.0]}, 401.0, "alert"),
    ("air.eu2008.no2.alert", {"no2": [401.0, NAN, 402.0]}, NAN, None),
    ("air.eu2008.so2.alert", {"so2": [501.0, 501.0, 501.0]}, 501.0, "alert"),
    ("air.eu2030.so2.alert", {"so2": [351.0, 360.0, 900.0]}, 351.0, "alert"),
    ("air.eu2030.no2.alert", {"no2": [200.0, 200.0, 900.0]}, 200.0, "no alert"),
    ("air.eu2008.o3.alert", {"o3": 180.4}, 180.0, "no alert"),
    ("air.eu2008.o3.alert", {"o3": 180.5}, 181.0, "information"),
    ("air.eu2008.o3.alert", {"o3": 240.0}, 240.0, "information"),
    ("air.eu2008.o3.alert", {"o3": 240.5}, 241.0, "alert"),
    ("air.eu2030.pm2_5.alert", {"pm2_5": 50.4}, 50.0, "no alert"),
    ("air.eu2030.pm2_5.alert", {"pm2_5": 50.5}, 51.0, "alert"),
    ("air.eu2030.pm10.alert", {"pm10": 90.0}, 90.0, "no alert"),
    ("air.eu2030.so2.information", {"so2": 275.6}, 276.0, "information"),
    ("air.eu2030.no2.information", {"no2": 150.2}, 150.0, "no information"),
    # 54 days of three years are 18 a year.
    ("air.eu2030.o3.target", {"o3": [121.0] * 54 + [90.0] * 1041}, 18.0, "met"),
    ("air.eu2030.o3.target", {"o3": [121.0] * 55 + [90.0] * 1040}, 55 / 3, "breached"),
    ("air.eu2030.o3.target", {"o3": [121.0] * 54 + [NAN] * 1041}, NAN, None),
    ("air.eu2030.o3.target", {"o3": [121.0] * 60 + [NAN] * 1035}, 20.0, "breached"),
    ("air.eu2008.o3.target", {"o3": [121.0] * 75 + [90.0] * 1020}, 25.0, "met"),
    ("air.eu2030.o3.objective", {"o3": [101.0] * 3 + [100.0] * 362}, 3.0, "met"),
    ("air.eu2030.o3.objective", {"o3": [101.0] * 4 + [100.0] * 361}, 4.0, "breached"),
    # Ranks from 0: 0.904 * 10 is 9.04, between 50 and 60.
    ("air.eu2008.pm10.percentile", {"pm10": [*[40.0] * 9, 50.0, 60.0]}, 50.0, "met"),
    ("air.eu2008.pm10.percentile", {"pm10": [*[40.0] * 8, 60.0, 60.0, 60.0]}, 60.0, "breached"),
    ("air.who.co.quarter_hour", {"co": 100.0}, 100.0, "AQG"),
    ("air.who.co.quarter_hour", {"co": 100.1}, 100.1, "above AQG"),
    ("air.sdg_11_6_2.pm2_5.year", {"pm2_5": 12.0}, 12.0, None),
    # Energy.
    (
        "energy.renewable_share.year",
        {"electricity": 200.0, "renewable_electricity": 50.0},
        25.0,
        None,
    ),
    ("energy.electricity_per_area.year", {"electricity": 900.0, "floor_area": 30.0}, 30.0, None),
    ("energy.electricity_peak.month", {"hourly": [1.0, 5.0, NAN, 3.0]}, 5.0, None),
    ("energy.load_factor.month", {"hourly": [1.0, 5.0, NAN, 3.0]}, 0.6, None),
    (
        "energy.electricity_co2e_market.year",
        {
            "electricity": 100000.0,
            "contracted_share": 0.25,
            "contracted_emission_factor": 0.0,
            "residual_emission_factor": 0.4,
        },
        30.0,  # 75 MWh at 400 g
        None,
    ),
    (
        "energy.electricity_losses_co2e.year",
        {"electricity": 100000.0, "losses_emission_factor": 0.02},
        2.0,
        None,
    ),
    ("energy.gas_co2e.year", {"gas": 100000.0, "gas_emission_factor": 0.183}, 18.3, None),
    (
        "energy.electricity_normalised.year",
        {  # two days of 10 K, reference 40: 200 + 800 * 40 / 20
            "electricity": 1000.0,
            "mean_temperature": [5.0, 5.0, 25.0],
            "base_load": 200.0,
            "reference_degree_days": 40.0,
            "heating_base": 15.0,
        },
        1800.0,
        None,
    ),
    (
        "energy.electricity_normalised.year",
        {  # a fifth of the days is missing: 16 days of 10 K stand for 20
            "electricity": 1000.0,
            "mean_temperature": [5.0] * 16 + [NAN] * 4,
            "base_load": 0.0,
            "reference_degree_days": 100.0,
            "heating_base": 15.0,
        },
        500.0,
        None,
    ),
    (
        "energy.electricity_normalised.year",
        {
            "electricity": 1000.0,
            "mean_temperature": [5.0] * 15 + [NAN] * 5,
            "base_load": 0.0,
            "reference_degree_days": 100.0,
            "heating_base": 15.0,
        },
        NAN,
        None,
    ),
    (
        "energy.heating_degree_days_eurostat.month",
        {"mean_temperature": [15.0, 15.1, -2.0, 18.0]},
        23.0,  # 3 and 20
        None,
    ),
    (
        "energy.cooling_degree_days_eurostat.month",
        {"mean_temperature": [23.9, 24.0, 30.0, 21.0]},
        12.0,  # 3 and 9
        None,
    ),
    (
        "energy.asai.year",
        {
            "interrupted_customers": [100.0, 300.0],
            "interruption_minutes": [60.0, 10.0],
            "customers_served": 100.0,
        },
        100 * (1 - 90 / 525600),
        None,
    ),
    (
        "energy.major_event_days.year",
        {"daily_saidi": [1.0, 50.0, 45.0, 46.0], "major_event_threshold": 45.0},
        2.0,
        None,
    ),
    (
        "energy.saidi_without_major_events.year",
        {"daily_saidi": [1.0, 50.0, 45.0, 46.0], "major_event_threshold": 45.0},
        46.0,
        None,
    ),
    # Water against limits: hours that lie outside, of a day with 18 hours.
    ("water.quality.nitrate.day", {"nitrate": day(50.0)}, 0.0, "met"),
    ("water.quality.nitrate.day", {"nitrate": day(50.0, 50.1, 2)}, 2.0, "not met"),
    ("water.quality.nitrate.day", {"nitrate": day(50.0, NAN, 6)}, 0.0, "met"),
    ("water.quality.nitrate.day", {"nitrate": day(60.0, NAN, 7)}, NAN, None),
    ("water.quality.ph.day", {"ph": [*[6.5] * 20, 9.5, 9.6, 6.4, 7.0]}, 2.0, "not met"),
    ("water.quality.iron.day", {"iron": day(200.0)}, 0.0, "met"),
    (
        "water.quality.nitrogen.day",  # 25/50 + 1.5/3 is 1; 1.6 is too much
        {"nitrate": day(25.0), "nitrite": day(1.5, 1.6, 3)},
        3.0,
        "not met",
    ),
    # 2790 at 25 degrees are 2500 at 20: a factor of 1.116.
    (
        "water.quality.conductivity.day",
        {"conductivity": day(2789.0, 2791.0, 1), "conductivity_reference": 25.0},
        1.0,
        "not met",
    ),
    (
        "water.quality.conductivity.day",
        {"conductivity": day(2500.0, 2501.0, 2), "conductivity_reference": 20.0},
        2.0,
        "not met",
    ),
    (
        "water.quality.conductivity_raw.day",  # at 10 degrees 2500 at 20 would show 2000
        {
            "conductivity": day(1999.0, 2001.0, 4),
            "temperature": day(10.0),
            "conductivity_change_per_kelvin": 0.02,
        },
        4.0,
        "not met",
    ),
    ("water.quality.turbidity.day", {"turbidity": [*[0.3] * 19, 0.31]}, 5.0, "met"),
    ("water.quality.turbidity.day", {"turbidity": day(0.3, 0.31, 2)}, 100 / 12, "not met"),
    ("water.quality.turbidity.day", {"turbidity": day(0.3, 1.01, 1)}, 100.0, "not met"),
    ("water.quality.chlorine.day", {"chlorine": day(0.2, 5.0, 1)}, 0.0, "met"),
    ("water.quality.chlorine.day", {"chlorine": day(0.19, 5.1, 1)}, 24.0, "not met"),
    (
        "water.quality.turbidity_before_disinfection.day",
        {"turbidity": day(0.9, 1.0, 1)},
        1.0,
        "not met",
    ),
    (
        "water.sdg_6_4_2.year",
        {"freshwater_withdrawn": 10.0, "renewable_freshwater": 60.0, "environmental_flow": 20.0},
        25.0,
        "no stress",
    ),
    # The lowest hour of each night of the sum; one night of five has its second hour alone.
    (
        "water.night_flow.week",
        {"at_two": [5.0, NAN, 7.0, 8.0, 9.0], "at_three": [6.0, 6.0, 6.0, 8.5, 1.0]},
        4.2,  # of 5, 6, 6, 8 and 1: rank 0.8 from the least
        None,
    ),
    ("water.night_flow.week", {"at_two": [5.0] * 4, "at_three": [6.0] * 4}, NAN, None),
    # Traffic.
    ("traffic.flow.hour", {"flow": 800.0}, 800.0, None),
    ("traffic.occupancy.hour", {"occupancy": 12.5}, 12.5, None),
    ("traffic.volume.day", {"volume": 12000.0}, 12000.0, None),
    ("traffic.volume_by_flow.day", {"volume": 12000.0}, 12000.0, None),
    ("traffic.delay.day", {"time": [600.0, 900.0], "free_flow_time": 600.0}, 2.5, None),
    ("traffic.delay.day", {"time": [500.0], "free_flow_time": 600.0}, 0.0, None),
    (
        "traffic.delay.detectors.day",  # a minute a kilometre by night, two by day
        {"speed": [*[60.0] * 6, *[30.0] * 12]},
        (6 * 1 + 12 * 2) / 18 - 1,
        None,
    ),
    (
        "traffic.level_of_service.hour",
        {"speed": 42.5, "base_free_flow_speed": 50.0},
        2.0,
        "B",
    ),
    ("traffic.level_of_service.hour", {"speed": 43.0, "base_free_flow_speed": 50.0}, 1.0, "A"),
    ("traffic.level_of_service.hour", {"speed": 15.0, "base_free_flow_speed": 50.0}, 6.0, "F"),
    ("traffic.level_of_service.hour", {"speed": 33.5, "base_free_flow_speed": 50.0}, 3.0, "C"),
    ("traffic.level_of_service.hour", {"speed": 70.0, "base_free_flow_speed": 50.0}, 1.0, "A"),
    (
        "traffic.monitored_share.year",
        {"monitored_streets": 30.0, "major_streets": 120.0},
        25.0,
        None,
    ),
    (
        "traffic.travel_time_index.day",
        {"time": [90.0, 60.0], "free_flow_time": 50.0},
        1.5,
        "good",
    ),
    ("traffic.travel_time_index.day", {"time": [151.0], "free_flow_time": 60.0}, 151 / 60, "poor"),
    (
        "traffic.bus_nox.day",  # 100 km at 20 km/h, half of each: 0.5516 and 7.78 g/km
        {
            "speed": [20.0] * 24,
            "bus_distance": 100.0,
            "bus_share_euro_5": 0.0,
            "bus_share_euro_6": 1.0,
        },
        0.05516108773952536,
        None,
    ),
    (
        "traffic.bus_nox.day",
        {
            "speed": [20.0] * 24,
            "bus_distance": 100.0,
            "bus_share_euro_5": 0.5,
            "bus_share_euro_6": 0.4,
        },
        NAN,
        None,
    ),
    # Noise: equal levels of 60 are 66.395 dB (11.1 dB of them by penalties); nights alone stay.
    ("noise.lden.year", {"laeq": [60.0] * 8760}, 66.395243, "above 65"),
    ("noise.lnight.year", {"laeq": [50.0] * 8760}, 50.0, "up to 50"),
    ("noise.lnight.year", {"laeq": [60.0] * 7800 + [NAN] * 960}, NAN, None),
]


@pytest.mark.parametrize(
    ("rule", "given", "value", "band"),
    CASES,
    ids=[f"{number}-{one[0]}" for number, one in enumerate(CASES)],
)
def test_what_the_standard_says_comes_out(
    rule: str, given: Mapping[str, Any], value: float, band: str | None
) -> None:
    found, name = came(rule, given)
    assert found == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True)
    assert name == band


def test_estimates_say_so() -> None:
    found = [rule for rule in RULES.values() if rule.id.startswith("traffic.bus_")]
    assert len(found) == 11
    for rule in found:
        assert "(estimate)" in rule.title
        assert rule.category == "Emissions (estimates)"


def test_location_and_market_based_are_never_one_number() -> None:
    location = RULES["energy.electricity_co2e.year"]
    market = RULES["energy.electricity_co2e_market.year"]
    facts = {fact.name for fact in location.facts} & {fact.name for fact in market.facts}
    assert not facts, "a factor of one would count in the other"
