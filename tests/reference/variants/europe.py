"""The European index, EU limit values, WHO's levels, Britain's and the CAQI."""

import random
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any, Final

from tests.reference.variants.tables import Case, Edges, around, case, class_of, half_up, on_points

_NEW: Final = "EEA European AQI, 2024/25 bands"
_OLD: Final = "EEA European AQI, bands before 2024"
_EAQI: Final[dict[str, Edges]] = {
    "PM2.5": ("5", "15", "50", "90", "140"),
    "PM10": ("15", "45", "120", "195", "270"),
    "NO2": ("10", "25", "60", "100", "150"),
    "O3": ("60", "100", "120", "160", "180"),
    "SO2": ("20", "40", "125", "190", "275"),
}
_EAQI_OLD: Final[dict[str, Edges]] = {
    "PM2.5": ("10", "20", "25", "50", "75", "800"),
    "PM10": ("20", "40", "50", "100", "150", "1200"),
    "NO2": ("40", "90", "120", "230", "340", "1000"),
    "O3": ("50", "100", "130", "240", "380", "800"),
    "SO2": ("100", "200", "350", "500", "750", "1250"),
}
_WHO: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("PM2.5", "annual"): {"AQG": "5", "IT-4": "10", "IT-3": "15", "IT-2": "25", "IT-1": "35"},
    ("PM2.5", "24h"): {"AQG": "15", "IT-4": "25", "IT-3": "37.5", "IT-2": "50", "IT-1": "75"},
    ("PM10", "annual"): {"AQG": "15", "IT-4": "20", "IT-3": "30", "IT-2": "50", "IT-1": "70"},
    ("PM10", "24h"): {"AQG": "45", "IT-4": "50", "IT-3": "75", "IT-2": "100", "IT-1": "150"},
    ("O3", "peak season"): {"AQG": "60", "IT-2": "70", "IT-1": "100"},
    ("O3", "8h"): {"AQG": "100", "IT-2": "120", "IT-1": "160"},
    ("NO2", "annual"): {"AQG": "10", "IT-3": "20", "IT-2": "30", "IT-1": "40"},
    ("NO2", "24h"): {"AQG": "25", "IT-2": "50", "IT-1": "120"},
    ("SO2", "24h"): {"AQG": "40", "IT-2": "50", "IT-1": "125"},
    ("CO", "24h"): {"AQG": "4", "IT-1": "7"},
}
_UNIT: Final = {"CO": "mg/m3"}
_T1: Final = "Directive (EU) 2024/2881 Annex I table 1"
_T2: Final = "Directive (EU) 2024/2881 Annex I table 2"
_2008: Final = "Directive 2008/50/EC"
_COUNTS: Final = {
    _T1: (
        ("PM2.5", "day", 25, 18),
        ("PM10", "day", 45, 18),
        ("NO2", "hour", 200, 3),
        ("NO2", "day", 50, 18),
        ("SO2", "hour", 350, 3),
        ("SO2", "day", 50, 18),
        ("CO", "day", 4, 18),
        ("CO", "MDA8", 10, 0),
        ("O3", "MDA8", 120, 18),
    ),
    _2008: (
        ("PM10", "day", 50, 35),
        ("NO2", "hour", 200, 18),
        ("SO2", "hour", 350, 24),
        ("SO2", "day", 125, 3),
        ("CO", "max daily 8h mean", 10, 0),
        ("O3", "MDA8", 120, 25),
    ),
}
_YEARS: Final = {
    _T1: {
        "PM2.5": "10",
        "PM10": "20",
        "NO2": "20",
        "SO2": "20",
        "benzene": "3.4",
        "Pb": "0.5",
        "As": "6",
        "Cd": "5",
        "Ni": "20",
        "BaP": "1",
    },
    _2008: {
        "PM2.5": "25",
        "PM10": "40",
        "NO2": "40",
        "benzene": "5",
        "Pb": "0.5",
        "As": "6",
        "Cd": "5",
        "Ni": "20",
        "BaP": "1",
    },
}
_COUNTS[_T2], _YEARS[_T2] = _COUNTS[_2008], _YEARS[_2008]
_DAQI: Final[dict[str, Edges]] = {
    "O3": ("33", "66", "100", "120", "140", "160", "187", "213", "240"),
    "NO2": ("67", "134", "200", "267", "334", "400", "467", "534", "600"),
    "SO2": ("88", "177", "266", "354", "443", "532", "710", "887", "1064"),
    "PM2.5": ("11", "23", "35", "41", "47", "53", "58", "64", "70"),
    "PM10": ("16", "33", "50", "58", "66", "75", "83", "91", "100"),
}
_CAQI: Final[dict[str, Edges]] = {
    "NO2": ("50", "100", "200", "400"),
    "O3": ("60", "120", "180", "240"),
    "PM10": ("25", "50", "90", "180"),
    "PM2.5": ("15", "30", "55", "110"),
    "CO": ("5000", "7500", "10000", "20000"),
    "SO2": ("50", "100", "350", "500"),
}


def cases() -> Iterator[Case]:
    """All of Europe's and WHO's."""
    yield from _european_bands()
    yield from _european_index()
    yield from _computable()
    yield from _who_levels()
    yield from _breaches()
    yield from _thresholds()
    yield from _validity()
    yield from _british()
    yield from _common()


def _european_bands() -> Iterator[Case]:
    for gas, edges in _EAQI.items():
        for value in {"0", "3000", *around(edges, ("1", "0.01"))}:
            band = class_of(edges, Fraction(value))
            yield case(_NEW, f"{gas} 1h ug/m3", {"conc": float(value)}, {"band": band})
    for gas, edges in _EAQI_OLD.items():
        span = "24h" if gas.startswith("PM") else "1h"
        for value in {"0", *around(edges, ("1", "0.01"))}:
            band = class_of(edges, Fraction(value))
            # Above the top band measurements are taken for errors.
            expected = {"band": band if band <= 6 else None}
            yield case(_OLD, f"{gas} {span} ug/m3", {"conc": float(value)}, expected)

    # 100 ppb of NO2 are 191.3 ug/m3 at 293 K and 101.3 kPa; 31.5 ppb are 60.3.
    yield case(_NEW, "NO2 1h", {"conc_ppb": 31.3}, {"band": 3})
    yield case(_NEW, "NO2 1h", {"conc_ppb": 31.5}, {"band": 4})


def _european_index() -> Iterator[Case]:
    chance = random.Random(5)  # noqa: S311 (no secret)
    for _ in range(20):
        gases = chance.sample(sorted(_EAQI), chance.randint(1, 5))
        said = {gas: float(chance.randint(0, 300)) for gas in gases}
        worst = max(class_of(_EAQI[gas], Fraction(int(value))) for gas, value in said.items())
        yield case(_NEW, "index", said, {"band": worst})


def _computable() -> Iterator[Case]:
    gases = ("NO2", "O3", "SO2", "PM10", "PM2.5")
    for count in range(6):
        for some in combinations(gases, count):
            dust = "PM10" in some or "PM2.5" in some
            for kind, needs in (("traffic", ("NO2",)), ("background", ("NO2", "O3"))):
                able = dust and all(gas in some for gas in needs)
                said: dict[str, Any] = {"type": kind, "pollutants": list(some)}
                standard = "EEA European AQI, rule before 2024"
                yield case(standard, "index computable", said, {"computable": able})
            said = {"pollutants": list(some)}
            standard = "EEA European AQI, rule since 2024"
            yield case(standard, "index computable", said, {"computable": bool(some)})


def _who_levels() -> Iterator[Case]:
    for (gas, span), levels in _WHO.items():
        for value in {"0", *around(list(levels.values()), ("0.1", "1"))}:
            met = [name for name, edge in levels.items() if Fraction(value) <= Fraction(edge)]
            said = {"pollutant": gas, "averaging": span, "conc": float(value)}
            expected = {"level": met[0] if met else "above IT-1"}
            yield case("WHO AQG 2021", "best level met", said, expected)
            told = said | {"unit": _UNIT.get(gas, "ug/m3")}
            yield case("WHO AQG 2021", "best level met", told, expected)


def _breaches() -> Iterator[Case]:
    quantity = "limit value breached"
    for standard, limits in _COUNTS.items():
        for gas, span, limit, allowed in limits:
            for count in {0, allowed, allowed + 1, 300}:
                said: dict[str, Any] = {
                    "pollutant": gas,
                    "averaging": span,
                    "limit": limit,
                    "allowed": allowed,
                    "exceedances": count,
                }
                yield case(standard, quantity, said, {"breach": count > allowed})
    for standard, years in _YEARS.items():
        for gas, most in years.items():
            digits = 1 if "." in most else 0
            for step in ("0", "0.04", "0.4", "0.5", "1", "-1"):
                value = max(Fraction(most) + Fraction(step), Fraction(0))
                # Compared with as many decimals as the limit has.
                said = {"pollutant": gas, "averaging": "year", "limit": float(most)}
                breach = half_up(value * 10**digits) > Fraction(most) * 10**digits
                for key in ("conc", "mean"):
                    yield case(standard, quantity, said | {key: float(value)}, {"breach": breach})


_TOLD: Final = {
    ("alert", _T1): (("SO2", 350, 3), ("NO2", 200, 3), ("PM2.5", 50, 1), ("PM10", 90, 1)),
    ("information", _T1): (("SO2", 275, 1), ("NO2", 150, 1), ("PM2.5", 50, 1), ("PM10", 90, 1)),
    ("alert", "2008/50/EC"): (("SO2", 500, 3), ("NO2", 400, 3), ("O3", 240, 1)),
}
"""Thresholds that people are told of, and in how many hours in a row; of particles it is a day."""


def _thresholds() -> Iterator[Case]:
    for (kind, standard), limits in _TOLD.items():
        for gas, limit, hours in limits:
            for value in (0, limit - 1, limit, limit + 1, limit * 2):
                said: dict[str, Any] = {"pollutant": gas, "conc": float(value), "unit": "ug/m3"}
                if hours > 1:
                    said = {"pollutant": gas, "hours": [float(value), 999.0, 2000.0]}
                expected = {"exceeded": value > limit}
                yield case(standard, f"{kind} threshold", said, expected)
    for value, level in (
        (180, "no alert"),
        (181, "information"),
        (240, "information"),
        (241, "alert"),
    ):
        said = {"pollutant": "O3", "conc": float(value), "unit": "ug/m3"}
        yield case("2008/50/EC", "information threshold", said, {"level": level})


def _validity() -> Iterator[Case]:
    yield from _validities()
    for measured, possible, found in ((5000.0, 1104, 1000), (0.0, 1104, 994), (7000.5, 1092, 1092)):
        said = {"aot40_measured": measured, "possible_hours": possible, "measured_hours": found}
        expected = {"aot40": measured * possible / found}
        yield case("2008/50/EC Annex VII", "AOT40 gap scaling", said, expected, 1e-9)


def _validities() -> Iterator[Case]:
    for standard in ("2008/50/EC", "2008/50/EC Annex VII/XI"):
        for minutes in (0, 44, 45, 60):
            said = {"valid_minutes": minutes}
            yield case(standard, "hourly mean validity", said, {"valid": minutes >= 45})
        for hours in (0, 17, 18, 24):
            said = {"valid_hours": hours}
            yield case(standard, "daily mean validity", said, {"valid": hours >= 18})
            means = {"valid_running_means": hours}
            yield case(standard, "max daily 8h mean validity", means, {"valid": hours >= 18})
        for missing in range(9):
            hours8: list[int | None] = [90 + 10 * i for i in range(8)]
            hours8[:missing] = [None] * missing
            known = [each for each in hours8 if each is not None]
            mean = sum(known) / len(known) if len(known) >= 6 else None
            yield case(standard, "8-h mean", {"hours": hours8}, {"mean": mean}, 1e-9)


def _british() -> Iterator[Case]:
    chance = random.Random(17)  # noqa: S311 (no secret)
    for _ in range(20):
        gases = chance.sample(sorted(_DAQI), chance.randint(1, 5))
        said = {gas: float(chance.randint(0, 300)) for gas in gases}
        worst = max(class_of(_DAQI[gas], Fraction(int(value))) for gas, value in said.items())
        yield case("UK DAQI (2013)", "overall", said, {"index": worst})
    for gas, edges in _DAQI.items():
        for value in {"0", "9000", *around(edges, ("1", "0.4", "0.5"))}:
            rounded = Fraction(half_up(Fraction(value)))
            expected = {"index": class_of(edges, rounded)}
            yield case("UK DAQI (2013)", gas, {"conc_ugm3": float(value)}, expected)


def _common() -> Iterator[Case]:
    name, said = "CAQI hourly (CITEAIR II)", {"NO2": 75.0, "PM10": 70.0, "O3": 60.0}
    yield case(name, "overall", said, {"index": 62.5}, 1e-9)
    yield case(name, "overall", {"NO2": 75.0, "PM10": 70.0}, {"index": None})
    for gas, edges in _CAQI.items():
        points = [("0", 0), *((edge, 25 * (i + 1)) for i, edge in enumerate(edges))]
        for value in {"0", *around(edges, ("1", "7.5"))}:
            index = on_points(points, Fraction(value))
            if index is None:
                continue
            expected = {"index": float(index)}
            span = "8h" if gas == "CO" else "1h"
            said = {"conc": float(value)}
            yield case("CAQI hourly (CITEAIR II)", f"{gas} {span} ug/m3", said, expected, 1e-9)
