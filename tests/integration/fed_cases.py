"""Reference cases as readings: for each standard that is run, one that a city's sensors could say.

A case gives a concentration, a series of hours, a count of days; here it becomes what has to be
measured so that the aggregator's own folding comes to it: constant hours for a mean, days above a
limit for a count, a night's flow for a leakage.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cityvitals.catalogue.gases import conversion_at
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Domain, Kind, Stamp
from cityvitals.domain.series import Declaration
from tests.integration.aggregator_town import Station

Inputs = Mapping[str, Any]
Said = Sequence[float | None]
"""Values of steps that follow each other; None for what is missing."""

HOUR_S: Final = 3600.0
QUARTER_S: Final = 900.0
DAY: Final = datetime(2026, 11, 22, 23, tzinfo=UTC)
"""Midnight in Rome; NOON of the town is on that day."""
_NOON: Final = DAY + timedelta(hours=13)
_MONTH: Final = datetime(2026, 10, 31, 23, tzinfo=UTC)
_YEAR: Final = datetime(2024, 12, 31, 23, tzinfo=UTC)
"""Of 2025, which is over."""
_HOURS_OF_YEAR: Final = 8760
_KWH_OF_THERM: Final = 29.3071
"""As the case's source has it."""
_M2_OF_FT2: Final = 0.09290304
_STATE: Final = "298.15 K, 101325 Pa"


@dataclass(frozen=True, slots=True)
class Fed:
    """A case, and how it is measured.

    Attributes:
        case: its id.
        window: when the rule's window begins that gives its result.
        said: by quantity, from the case's inputs.
        begin: of the first step that is said; that of the window if absent.
        step_s: length of the steps.
        facts: of the city, from the case's inputs.
        dated: figures that are dated one by one: by name, from the first day of the window on.
        keys: of the case's results, those that are stored; all that the mapping knows if empty.
        index: where a case ends before the index: what the standard gives for its result, by hand.
    """

    case: str
    window: datetime
    said: Callable[[Inputs], Mapping[str, Said]]
    begin: datetime | None = None
    step_s: float = HOUR_S
    facts: Callable[[Inputs], Mapping[str, float]] = lambda _: {}
    dated: Callable[[Inputs], Mapping[str, Sequence[float]]] = lambda _: {}
    keys: tuple[str, ...] = ()
    index: float | None = None


def station(quantity: str, step_s: float) -> Station:
    """A sensor that says means (of energy: totals) of such steps, stamped with their begin."""
    entry = load_catalogue().quantities[quantity]
    kind = Kind.INTERVAL_TOTAL if entry.kind is Kind.INTERVAL_TOTAL else Kind.INTERVAL_MEAN
    state = _STATE if entry.domain is Domain.AIR and quantity in {"no2", "o3"} else ""
    declared = Declaration(
        kind, period_s=step_s, stamp=Stamp.BEGIN, unit=entry.unit, reference_state=state
    )
    return Station("gw-1", entry.domain, quantity, declared, "north")


def _constant(quantity: str, key: str, hours: int = 24) -> Callable[[Inputs], Mapping[str, Said]]:
    return lambda given: {quantity: [float(given[key])] * hours}


def _nowcast(given: Inputs) -> Mapping[str, Said]:
    return {"pm2_5": given["hours_recent_first"][::-1]}


def _canadian(given: Inputs) -> Mapping[str, Said]:
    return {
        "no2": [_from_ppb("no2", given["NO2_ppb"])] * 3,
        "o3": [_from_ppb("o3", given["O3_ppb"])] * 3,
        "pm2_5": [given["PM2.5_ugm3"]] * 3,
    }


def _from_ppb(quantity: str, value: float) -> float:
    conversion = conversion_at(load_catalogue(), quantity, "[ppb]", _STATE)
    assert conversion is not None
    return value * conversion.scale


def _ozone_summer(given: Inputs) -> Mapping[str, Said]:
    """So much above the threshold in as many hours of May to July, 8 to 20, as were measured."""
    left, values = int(given["measured_hours"]), []
    above = 80.0 + given["aot40_measured"] / given["measured_hours"]
    for number in range(_HOURS_OF_YEAR):
        at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)  # as the clock shows
        daytime = at.month in {5, 6, 7} and 8 <= at.hour < 20
        values.append(None if daytime and not left else above if daytime else 120.0)
        left -= bool(daytime and left)
    return {"o3": values}


def _days_above(given: Inputs) -> Mapping[str, Said]:
    high, low = [given["limit"] + 1.0] * 24, [given["limit"] - 1.0] * 24
    days = [high if day < given["exceedances"] else low for day in range(365)]
    return {"so2": [value for day in days for value in day]}


def _degree_days(given: Inputs) -> Mapping[str, Said]:
    """The days of the case, then days on which nobody heats."""
    days = [*given["tmean"], *[18.0] * (30 - len(given["tmean"]))]
    return {"air_temperature": [float(day) for day in days for _ in range(24)]}


def _warm_and_cold_hours(given: Inputs) -> Mapping[str, Said]:
    """A day of the case's extremes, then days on which nobody heats."""
    day = [float(given["tmin"])] * 12 + [float(given["tmax"])] * 12
    return {"air_temperature": [*day, *[18.0] * (29 * 24)]}


def _pressures(given: Inputs) -> Mapping[str, Said]:
    use = _NIGHT_USE["households"] * _NIGHT_USE["household_night_use"] / 3600
    return {
        "water_flow": [given["leak_l_s_at_mnf"] + use] * 24,
        "water_pressure": [_metres(each) for each in given["p_hourly_m"]],
    }


def _metres(head: float) -> float:
    """A head of water as the catalogue's unit of pressure."""
    conversion = conversion_at(load_catalogue(), "water_pressure", "m[H2O]", "")
    return head * (conversion.scale if conversion else 1.0)


def _travel(given: Inputs) -> Mapping[str, Said]:
    """The times of the case over and over: a day of quarter hours has the same mean."""
    return {"travel_time": [60.0 * each for each in given["travel_min"]] * 8}


def _periods(day: range, evening: range) -> Callable[[Inputs], Mapping[str, Said]]:
    """Hours at the levels of day, evening and night."""

    def said(given: Inputs) -> Mapping[str, Said]:
        keys = [
            "Lday" if hour in day else "Levening" if hour in evening else "Lnight"
            for hour in range(24)
        ]
        return {"noise_laeq": [float(given[key]) for key in keys]}

    return said


_NIGHT_USE: Final = {"households": 2500.0, "household_night_use": 1.7}

FED: Final = (
    Fed("epa_aqi_PM2p5_24h_80p0", DAY, _constant("pm2_5", "conc"), keys=("aqi",)),
    Fed(
        "nowcast_pm25_gap_mid",
        _NOON - timedelta(hours=1),
        _nowcast,
        begin=_NOON - timedelta(hours=12),
        index=59.0,  # 13.4: 51 + (13.4 - 9.1) * (100 - 51) / (35.4 - 9.1) = 59.01
    ),
    Fed("eaqi2024_PM2.5_75", _NOON, _constant("pm2_5", "conc", 1)),
    Fed(
        "eaqi2017_PM2.5_50",
        datetime(2024, 5, 2, 11, tzinfo=UTC),
        _constant("pm2_5", "conc"),
        begin=datetime(2024, 5, 1, 12, tzinfo=UTC),
    ),
    Fed("who_NO2_24h_60", _YEAR, _constant("no2", "conc", _HOURS_OF_YEAR)),
    Fed("eu_aot40", _YEAR, _ozone_summer),
    Fed("eu2030_SO2_day_18", _YEAR, _days_above),
    Fed("daqi_NO2_201", _NOON, _constant("no2", "conc_ugm3", 1)),
    Fed("naqi_PM2.5_75", DAY, _constant("pm2_5", "conc")),
    Fed(
        "cn2012_pm25_55",
        datetime(2025, 11, 22, 23, tzinfo=UTC),
        _constant("pm2_5", "conc_ugm3"),
    ),
    Fed("cn2026_pm25_100", DAY, _constant("pm2_5", "conc_ugm3")),
    Fed("caqi_NO2_75", _NOON, _constant("no2", "conc", 1)),
    Fed(
        "aqhi_10_25_5",
        _NOON,
        _canadian,
        begin=_NOON - timedelta(hours=2),
        keys=("reported",),
    ),
    Fed(
        "mnf_0",
        DAY,
        _constant("water_flow", "mnf_l_s"),
        facts=lambda given: {
            "households": given["households"],
            "household_night_use": given["night_use_l_hh_h"],
            "exceptional_night_use": given["exceptional_l_s"],
        },
    ),
    Fed(
        "mnf_day",
        DAY,
        _pressures,
        facts=lambda given: {**_NIGHT_USE, "leakage_exponent": given["N1"]},
    ),
    Fed(
        "nrw_0",
        _YEAR,
        lambda given: {"water_flow": [given["siv_m3"] / _HOURS_OF_YEAR / 3.6] * _HOURS_OF_YEAR},
        facts=lambda given: {"billed_authorised": given["billed_authorised_m3"]},
        keys=("nrw_pct",),
    ),
    Fed(
        "ili_0",
        _YEAR,
        lambda _: {"water_flow": [20.0] * 24},
        facts=lambda given: {
            "real_losses": given["carl_m3_yr"],
            "mains_length": given["Lm_km"],
            "connections": given["Nc"],
            "private_length": given["Lp_km"],
            "mean_pressure": given["P_m"],
        },
    ),
    Fed(
        "co2e_2024",
        _YEAR,
        lambda given: {"electricity_energy": [given["kwh"] / _HOURS_OF_YEAR] * _HOURS_OF_YEAR},
        facts=lambda given: {"grid_emission_factor": given["factor"]},
    ),
    Fed(
        "eui_0",
        _YEAR,
        lambda given: {"electricity_energy": [given["elec_kwh"] / _HOURS_OF_YEAR] * _HOURS_OF_YEAR},
        facts=lambda given: {
            "fuel": given["gas_therm"] * _KWH_OF_THERM,
            "floor_area": given["area_ft2"] * _M2_OF_FT2,
        },
        keys=("kwh_m2",),
    ),
    Fed(
        "hddw_17_11",
        _MONTH,
        _warm_and_cold_hours,
        facts=lambda _: {"heating_base": 15.5},
        keys=("hdd",),
    ),
    Fed("hdd_1", _MONTH, _degree_days, facts=lambda _: {"heating_base": 18.0}),
    Fed(
        "tti_0",
        DAY,
        _travel,
        step_s=QUARTER_S,
        facts=lambda given: {"free_flow_time": 60.0 * given["free_flow_min"]},
        keys=("tti",),
    ),
    Fed(
        "saidi_0",
        _YEAR,
        lambda _: {"electricity_energy": [1.0] * 24},
        facts=lambda given: {"customers_served": given["customers"]},
        dated=lambda given: {
            "interrupted_customers": [people for people, _ in given["events"]],
            "interruption_minutes": [minutes for _, minutes in given["events"]],
        },
        keys=("saidi_min",),
    ),
    Fed(
        "med_0",
        datetime(2022, 12, 31, 23, tzinfo=UTC),
        lambda _: {"electricity_energy": [1.0] * 24},
        begin=_YEAR,
        dated=lambda given: {"daily_saidi": given["daily_saidi_min"]},
        keys=("tmed",),
    ),
    Fed("emep_bus6_nox_20", DAY, _constant("traffic_speed", "kmh")),
    Fed("lden_hourly", DAY, lambda given: {"noise_laeq": given["laeq_h"]}, keys=("Lden",)),
    Fed("lden_68_66_61", DAY, _periods(range(7, 19), range(19, 23)), keys=("lden",)),
    Fed("ldn_70_50", DAY, _periods(range(7, 22), range(0)), keys=("ldn",)),
    Fed(
        "lf_0",
        DAY,
        lambda given: {"electricity_energy": given["kw_hourly"]},
        keys=("load_factor",),
    ),
)
