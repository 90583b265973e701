"""Energy, water, traffic, emissions, noise, the SDGs, and units of gases."""

import math
import random
import statistics
from collections.abc import Iterator
from typing import Any, Final

from tests.reference.variants.tables import Case, case

_R: Final = 8.314462618
_MASS: Final = {"NO2": 46.0055, "O3": 47.9982, "SO2": 64.0638, "CO": 28.0101, "NO": 30.0061}
_STATES: Final = ((293.0, 101300), (293.15, 101325), (298.15, 101325), (273.15, 100000))
_EURO_6_NOX: Final = (
    -0.000578230359829594,
    0.0852369783371723,
    -1.22508586507569,
    5.92250855592671,
    0.00411530569428363,
    -0.040690214275321,
    0.154767302599627,
)
_EURO_5_NOX: Final = (
    0.000353348102039702,
    -0.0561829022680765,
    2.65091227404064,
    7.87360468889005,
    -6.23807914060858e-05,
    0.0065929959703913,
    0.13094553823857,
)
"""ef_europe_emep_db of gtfs2emis: alpha to eta."""


def cases() -> Iterator[Case]:
    """All that is no air."""
    chance = random.Random(13)  # noqa: S311 (no secret)
    yield from _gases()
    yield from _energy(chance)
    yield from _interruptions(chance)
    yield from _degree_days(chance)
    yield from _water(chance)
    yield from _traffic(chance)
    yield from _buses()
    yield from _noise(chance)
    yield from _goals()


def _gases() -> Iterator[Case]:
    for kelvin, pascal in _STATES:
        volume = _R * kelvin / pascal * 1000
        said: dict[str, Any] = {"T_K": kelvin, "P_Pa": pascal}
        yield case("unit conversion", "molar volume l/mol", said, {"Vm": volume}, 1e-9)
        for gas, mass in _MASS.items():
            told = {"gas": gas, **said}
            factor = {"factor": mass / volume}
            yield case("unit conversion", "ug/m3 per ppb", told, factor, 2e-4)
            state = f"({kelvin:g} K, {pascal / 1000:g} kPa)"
            forth, back = f"{gas} 100 ppb -> ug/m3 {state}", f"{gas} 50 ug/m3 -> ppb {state}"
            yield case("unit conversion", forth, {"ppb": 100}, {"ugm3": 100 * mass / volume}, 0.02)
            yield case("unit conversion", back, {"ugm3": 50}, {"ppb": 50 * volume / mass}, 0.01)


def _energy(chance: random.Random) -> Iterator[Case]:
    for _ in range(5):
        hourly = [chance.randint(0, 200) for _ in range(24)]
        factor = statistics.fmean(hourly) / max(hourly)
        said: dict[str, Any] = {"kw_hourly": hourly}
        expected = {"load_factor": factor, "kwh": float(sum(hourly))}
        yield case("energy", "load factor", said, expected, 1e-9)
        kwh, carbon = chance.randint(0, 10**6), round(chance.uniform(0, 1), 5)
        said = {"kwh": kwh, "factor": carbon}
        expected = {"kgco2e": kwh * carbon, "tco2e": kwh * carbon / 1000}
        yield case("UK DESNZ factors", "electricity 1 GWh", said, expected, 1e-6)
        therm, area = chance.randint(0, 9000), chance.randint(1000, 90000)
        said = {"elec_kwh": kwh, "gas_therm": therm, "area_ft2": area}
        total = kwh + therm * 29.3071
        expected = {
            "kwh_m2": total / (area * 0.09290304),
            "kbtu_ft2": (kwh * 3.412142 + therm * 100) / area,
        }
        yield case("energy", "EUI", said, expected, total / area * 1e-4)


def _interruptions(chance: random.Random) -> Iterator[Case]:
    for count in (1, 3, 20):
        events = [[chance.randint(1, 5000), chance.randint(6, 600)] for _ in range(count)]
        minutes, people = sum(n * r for n, r in events), sum(n for n, _ in events)
        said: dict[str, Any] = {"events": events, "customers": 25000}
        expected = {
            "saidi_min": minutes / 25000,
            "saifi": people / 25000,
            "caidi_min": minutes / people,
            "asai": 1 - minutes / 25000 / 525600,
        }
        yield case("IEEE 1366", "SAIDI/SAIFI/CAIDI", said, expected, 1e-9)
        days = [chance.choice((0.0, round(chance.lognormvariate(0, 1.5), 3))) for _ in range(60)]
        logs = [math.log(day) for day in days if day > 0]
        alpha, beta = statistics.fmean(logs), statistics.stdev(logs)
        expected = {
            "n_used": len(logs),
            "alpha": alpha,
            "beta_sample": beta,
            "tmed": math.exp(alpha + 2.5 * beta),
        }
        yield case("IEEE 1366 2.5 beta", "TMED", {"daily_saidi_min": days}, expected, 1e-6)


def _degree_days(chance: random.Random) -> Iterator[Case]:
    for base in (15.5, 18, 20):
        days = [round(chance.uniform(-10, 30), 1) for _ in range(10)]
        said: dict[str, Any] = {"tmean": days}
        heat, cool = (
            sum(max(0, base - day) for day in days),
            sum(max(0, day - base) for day in days),
        )
        name = "degree days (mean method)"
        yield case(name, f"HDD base {base}", said, {"hdd": heat}, 1e-9)
        yield case(name, f"CDD base {base}", said, {"cdd": cool}, 1e-9)
        edges = (base - 5, base - 2, base, base + 2, base + 5)
        for low in edges:
            for high in (each for each in edges if each >= low):
                said = {"tmax": high, "tmin": low}
                name = "degree days (UK Met Office weighted)"
                heat, cool = _weighted(-high, -low, -base), _weighted(low, high, base)
                yield case(name, f"HDD base {base}", said, {"hdd": heat}, 1e-9)
                yield case(name, f"CDD base {base}", said, {"cdd": cool}, 1e-9)


def _weighted(low: float, high: float, base: float) -> float:
    """Cooling degree days of a day by UKCP09's table; heating is the same upside down."""
    middle = (low + high) / 2
    if high <= base:
        return 0.0
    if low > base:
        return middle - base
    if middle > base:
        return 0.5 * (high - base) - 0.25 * (base - low)
    return 0.25 * (high - base)


def _water(chance: random.Random) -> Iterator[Case]:
    for _ in range(5):
        length, count = chance.randint(1, 900), chance.randint(10, 40000)
        private, head = chance.randint(0, 200), chance.randint(15, 90)
        said: dict[str, Any] = {"Lm_km": length, "Nc": count, "Lp_km": private, "P_m": head}
        least = (18 * length + 0.8 * count + 25 * private) * head
        yield case("IWA UARL", "litres/day", said, {"uarl_l_day": least}, 1e-4)
        lost = chance.randint(0, 10**7)
        index = {"ili": lost * 1000 / 365 / least}
        yield case("IWA ILI", "CARL/UARL", {"carl_m3_yr": lost, **said}, index, 1e-9)
        supplied = chance.randint(10**5, 10**7)
        billed = chance.randint(0, supplied)
        said = {"siv_m3": supplied, "billed_authorised_m3": billed}
        lost = supplied - billed
        expected = {"nrw_m3": lost, "nrw_pct": 100 * lost / supplied}
        yield case("IWA water balance", "NRW share", said, expected, 1e-9)
        yield from _night(chance)


def _night(chance: random.Random) -> Iterator[Case]:
    flow, use = round(chance.uniform(3, 30), 2), round(chance.uniform(1, 3), 1)
    said: dict[str, Any] = {
        "mnf_l_s": flow,
        "households": 1200,
        "night_use_l_hh_h": use,
        "exceptional_l_s": 0.4,
    }
    expected = {"leak_l_s": flow - 1200 * use / 3600 - 0.4}
    yield case("minimum night flow", "net night leakage", said, expected, 1e-9)
    heads = [chance.randint(20, 60) for _ in range(24)]
    for power in (0.5, 1.0, 1.5):
        said = {"leak_l_s_at_mnf": flow, "p_mnf_m": 50, "p_hourly_m": heads, "N1": power}
        volume = sum(flow * (head / 50) ** power * 3.6 for head in heads)
        name = "daily leakage via FAVAD"
        yield case("minimum night flow", name, said, {"m3_day": volume}, 1e-6)
    week = [round(chance.uniform(5, 15), 1) for _ in range(7)]
    rank = sorted(week)
    fifth = rank[1] + 0.2 * (rank[2] - rank[1])
    name = "20th percentile over rolling 7 days"
    said = {"mnf_l_s_daily": week}
    yield case("minimum night flow", name, said, {"mnf_l_s": fifth}, 1e-9)


def _traffic(chance: random.Random) -> Iterator[Case]:
    for count in (4, 12, 96):
        times = sorted(round(chance.uniform(9, 40), 1) for _ in range(count))
        rank = 0.95 * (count - 1)
        below = int(rank)
        slow = times[below] + (rank - below) * (times[below + 1] - times[below])
        mean = statistics.fmean(times)
        said: dict[str, Any] = {
            "travel_min": chance.sample(times, count),
            "free_flow_min": 9.5,
            "percentile_method": "linear (numpy default)",
        }
        expected = {"tti": mean / 9.5, "pti": slow / 9.5, "bi": (slow - mean) / mean}
        yield case("FHWA reliability", "TTI/PTI/BI", said, expected, 1e-9)
        speeds = [chance.randint(5, 90) for _ in range(count)]
        expected = {
            "space_mean": statistics.harmonic_mean(speeds),
            "time_mean": statistics.fmean(speeds),
        }
        yield case("traffic", "space vs time mean speed", {"kmh": speeds}, expected, 1e-9)
    yield case("FHWA/TTI", "trip", {"free_flow_min": 15, "tti": 1.2}, {"travel_min": 18.0}, 1e-9)
    yield case("FHWA/TTI", "trip", {"free_flow_min": 15, "pti": 2.0}, {"planned_min": 30.0}, 1e-9)
    yield case("FHWA", "trip", {"mean_min": 30, "bi": 0.2}, {"extra_min": 6.0}, 1e-9)


def _buses() -> Iterator[Case]:
    for words, curve in (
        ("Euro VI DPF+SCR NOx g/km, load 0.5, slope 0", _EURO_6_NOX),
        ("Euro V SCR NOx g/km, load 0.5, slope 0", _EURO_5_NOX),
    ):
        for speed in (0, 3, 5, 5.1, 12, 33.3, 50, 84.9, 85, 86, 130):
            v = min(max(speed, 5), 85)
            a, b, g, d, e, z, h = curve
            found = (a * v**2 + b * v + g + d / v) / (e * v**2 + z * v + h)
            quantity = f"Urban bus std 15-18 t diesel {words}"
            said = {"kmh": speed}
            yield case("EMEP/EEA 2019 tier 3", quantity, said, {"g_km": found}, 1e-9)
    name = "Urban bus std 15-18 t diesel Euro VI DPF+SCR energy MJ/km, load 0.5, slope 0"
    yield case("EMEP/EEA 2019 tier 3", name, {"kmh": 50}, {"mj_km": 9.25}, 0.01)


def _noise(chance: random.Random) -> Iterator[Case]:
    for _ in range(5):
        hours = [round(chance.uniform(35, 80), 1) for _ in range(24)]
        day, evening = _mean(hours[7:19]), _mean(hours[19:23])
        night = _mean([*hours[:7], hours[23]])
        expected = {
            "Lday": day,
            "Levening": evening,
            "Lnight": night,
            "Lden": _lden(day, evening, night),
            "Leq24": _mean(hours),
        }
        name = "Lday/Levening/Lnight/Lden from 24 hourly LAeq"
        yield case("2002/49/EC Annex I", name, {"laeq_h": hours}, expected, 1e-9)
        said = {"Lday": day, "Levening": evening, "Lnight": night}
        lden = {"lden": _lden(day, evening, night)}
        yield case("2002/49/EC Annex I", "Lden", said, lden, 1e-9)
        both = {"Lday": day, "Lnight": night}
        ldn = 10 * math.log10((15 * 10 ** (day / 10) + 9 * 10 ** ((night + 10) / 10)) / 24)
        yield case("EPA Ldn", "Ldn", both, {"ldn": ldn}, 1e-9)


def _mean(levels: list[float]) -> float:
    return 10 * math.log10(statistics.fmean([10 ** (each / 10) for each in levels]))


def _lden(day: float, evening: float, night: float) -> float:
    power = 12 * 10 ** (day / 10) + 4 * 10 ** ((evening + 5) / 10) + 8 * 10 ** ((night + 10) / 10)
    return 10 * math.log10(power / 24)


def _goals() -> Iterator[Case]:
    """The worked example of SDG 7.2.1 (195 TJ), and the formulas of the others by hand."""
    said: dict[str, Any] = {
        "renewable_direct_TJ": 150,
        "electricity_final_TJ": 400,
        "renewable_electricity_share": 0.1,
        "heat_final_TJ": 100,
        "renewable_heat_share": 0.05,
        "final_energy_TJ": 1000,
    }
    expected: dict[str, float] = {"renewable_tj": 195.0, "share_pct": 19.5}
    yield case("SDG 7.2.1", "renewable share", said, expected, 1e-9)
    said = {"energy_supply_TJ": 5000, "gross_domestic_product_USD": 10**9}
    yield case("SDG 7.3.1", "energy intensity", said, {"mj_per_usd": 5.0}, 1e-9)
    said = {
        "freshwater_withdrawn_m3": 30,
        "renewable_freshwater_m3": 100,
        "environmental_flow_m3": 40,
    }
    yield case("SDG 6.4.2", "water stress", said, {"stress_pct": 50.0}, 1e-9)
    said = {
        "added_value_agriculture": 1000,
        "rainfed_share": 0.4,
        "water_agriculture": 300,
        "added_value_industry": 5000,
        "water_industry": 100,
        "added_value_services": 8000,
        "water_services": 100,
    }
    # 2 USD/m3 for three fifths of the water, 50 and 80 for a fifth each.
    yield case("SDG 6.4.1", "water-use efficiency", said, {"wue": 27.2, "agriculture": 2.0}, 1e-9)
    change = said | {"base_efficiency": 20}
    yield case("SDG 6.4.1", "change", change, {"change_pct": 36.0, "efficiency": 27.2}, 1e-9)
    said = {"conc": [10.0, 20.0, 40.0], "population": [60000, 30000, 10000]}
    yield case("SDG 11.6.2", "PM2.5 annual mean", said, {"mean": 16.0}, 1e-9)
