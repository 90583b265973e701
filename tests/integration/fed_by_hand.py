"""Standards that are run and of which the reference has no case: readings, and values by hand.

Rules of one group are fed the same readings, in one city.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tests.integration.fed_cases import DAY, HOUR_S, Said

_YEAR: Final = datetime(2024, 12, 31, 23, tzinfo=UTC)
_MONTH: Final = datetime(2026, 10, 31, 23, tzinfo=UTC)
_HOURS_OF_YEAR: Final = 8760
_ROME: Final = ZoneInfo("Europe/Rome")


@dataclass(frozen=True, slots=True)
class Group:
    """Readings of a city, and what rules make of them.

    Attributes:
        begin: of the first step that is said; rules' windows begin there.
        said: by quantity.
        values: by rule.
        facts: of the city and its zone, in the units that the rules want.
        step_s: length of the steps.
    """

    begin: datetime
    said: Mapping[str, Said]
    values: Mapping[str, float]
    facts: Mapping[str, float] = field(default_factory=dict)
    step_s: float = HOUR_S


def _days(*means: float) -> Sequence[float]:
    return [mean for mean in means for _ in range(24)]


def _trips() -> Sequence[float]:
    """Seconds in each hour of 2025: 26 minutes in peaks of working days, 20 at night, else 24."""
    found = []
    for hour in range(_HOURS_OF_YEAR):
        at = (_YEAR + timedelta(hours=hour)).astimezone(_ROME)
        rush = at.weekday() < 5 and at.hour in {7, 8, 16, 17, 18}
        night = at.hour < 6 or at.hour >= 22
        found.append(1560.0 if rush else 1200.0 if night else 1440.0)
    return found


GROUPS: Final = {
    "a day of 2023": Group(
        datetime(2023, 11, 22, 23, tzinfo=UTC),
        {"pm2_5": [12.1] * 24},
        {"air.us_aqi_2012.pm2_5.day": 51.0},
    ),
    "an hour of streets": Group(
        DAY,
        {"traffic_speed": [30.0]},
        {"traffic.level_of_service.hour": 3.0},  # 0.6 of free flow: C
        {"base_free_flow_speed": 50.0},
    ),
    "a day of drinking water": Group(
        DAY,
        {
            "nitrate": [*[50.0] * 22, 50.1, 51.0],
            "free_chlorine": [*[0.2] * 20, 0.1, 0.1, 0.1, 6.0],
            "conductivity": [2700.0] * 20 + [2800.0] * 4,  # 2508.96 at 20 degrees
        },
        {
            "water.quality.nitrate.day": 2.0,
            "water.quality.chlorine.day": 4.0,
            "water.quality.conductivity.day": 4.0,
        },
        {"conductivity_reference": 25.0},
    ),
    "a month of weather": Group(
        _MONTH,
        {"air_temperature": _days(15.0, 10.0, 15.1, 24.0, 23.9, 26.5, *[18.0] * 24)},
        {
            "energy.heating_degree_days_eurostat.month": 11.0,  # 3 and 8
            "energy.cooling_degree_days_eurostat.month": 8.5,  # 3 and 5.5
        },
    ),
    "a year": Group(
        _YEAR,
        {
            "arsenic": [6.4] * _HOURS_OF_YEAR,
            "pm2_5": [12.0] * _HOURS_OF_YEAR,
            "electricity_energy": [1.0] * _HOURS_OF_YEAR,
            "air_temperature": _days(*[5.0] * 182, *[25.0] * 183),
        },
        {
            "air.eu2008.arsenic.year": 6.0,
            "air.sdg_11_6_2.pm2_5.year": 12.0,
            "u4ssc.pm2_5.year": 12.0,
            "u4ssc.electricity_consumption.year": 0.219,
            "energy.electricity_normalised.year": 4380.0,  # 1820 K.d, at half of them
            "energy.electricity_losses_co2e.year": 0.1752,
            "energy.electricity_co2e_market.year": 2.628,  # three quarters at 400 g
        },
        {
            "population": 40000.0,
            "base_load": 0.0,
            "reference_degree_days": 910.0,
            "heating_base": 15.0,
            "losses_emission_factor": 0.02,
            "contracted_share": 0.25,
            "contracted_emission_factor": 0.0,
            "residual_emission_factor": 0.4,
        },
    ),
    "a year of water": Group(
        _YEAR,
        {"water_flow": [10.0] * 1460, "water_volume": [162.0] * 1460},  # 216 m3 go in
        {"u4ssc.water_loss.year": 25.0, "u4ssc.water_consumption.year": 16.2},
        {"population": 40000.0},
        step_s=6 * HOUR_S,
    ),
    "a year of a street": Group(
        _YEAR,
        {"travel_time": _trips(), "noise_laeq": [50.0] * _HOURS_OF_YEAR},  # Lden 56.4
        {"u4ssc.travel_time_index.year": 1.3, "u4ssc.noise_exposure.year": 100.0},
        {"population": 40000.0},
    ),
    "figures of a year": Group(
        _YEAR,
        {"water_flow": [20.0] * 24},
        {
            "traffic.monitored_share.year": 25.0,
            "water.sdg_6_4_1.year": 27.2,
            "water.sdg_6_4_1.change": 36.0,
            "water.sdg_6_4_2.year": 50.0,
            "energy.sdg_7_2_1.year": 19.5,  # 195 of 1000 TJ
            "energy.sdg_7_3_1.year": 5.0,
            "energy.gas_co2e.year": 18.3,
        },
        {
            "monitored_streets": 30.0,
            "major_streets": 120.0,
            "added_value_agriculture": 1000.0,
            "rainfed_share": 0.4,
            "water_agriculture": 300.0,
            "added_value_industry": 5000.0,
            "water_industry": 100.0,
            "added_value_services": 8000.0,
            "water_services": 100.0,
            "base_efficiency": 20.0,
            "freshwater_withdrawn": 30.0,
            "renewable_freshwater": 100.0,
            "environmental_flow": 40.0,
            "renewable_direct": 150.0,
            "electricity_final": 400.0,
            "renewable_electricity_share": 0.1,
            "heat_final": 100.0,
            "renewable_heat_share": 0.05,
            "final_energy": 1000.0,
            "energy_supply": 5000.0,
            "gross_domestic_product": 1e9,
            "gas": 100000.0,
            "gas_emission_factor": 0.183,
        },
    ),
}
