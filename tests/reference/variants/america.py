"""US EPA's indices, their NowCasts, and Canada's."""

import math
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from tests.reference.variants.tables import Case, Row, around, case, half_up, in_rows, truncated

_2024: Final = "US EPA AQI (May 2024)"
_2012: Final = "US EPA AQI (2012 table)"
_PM10: Final[Sequence[Row]] = (
    ("0", "54", 0, 50),
    ("55", "154", 51, 100),
    ("155", "254", 101, 150),
    ("255", "354", 151, 200),
    ("355", "424", 201, 300),
    ("425", "604", 301, 500),
)
_CO: Final[Sequence[Row]] = (
    ("0", "4.4", 0, 50),
    ("4.5", "9.4", 51, 100),
    ("9.5", "12.4", 101, 150),
    ("12.5", "15.4", 151, 200),
    ("15.5", "30.4", 201, 300),
    ("30.5", "50.4", 301, 500),
)
_O3_8H: Final[Sequence[Row]] = (
    ("0", "0.054", 0, 50),
    ("0.055", "0.070", 51, 100),
    ("0.071", "0.085", 101, 150),
    ("0.086", "0.105", 151, 200),
    ("0.106", "0.200", 201, 300),
)
_O3_1H: Final[Sequence[Row]] = (
    ("0.125", "0.164", 101, 150),
    ("0.165", "0.204", 151, 200),
    ("0.205", "0.404", 201, 300),
    ("0.405", "0.604", 301, 500),
)
_SO2_1H: Final[Sequence[Row]] = (
    ("0", "35", 0, 50),
    ("36", "75", 51, 100),
    ("76", "185", 101, 150),
    ("186", "304", 151, 200),
)
_SO2_24H: Final[Sequence[Row]] = (("305", "604", 201, 300), ("605", "1004", 301, 500))
_NO2: Final[Sequence[Row]] = (
    ("0", "53", 0, 50),
    ("54", "100", 51, 100),
    ("101", "360", 101, 150),
    ("361", "649", 151, 200),
    ("650", "1249", 201, 300),
    ("1250", "2049", 301, 500),
)
_PM2_5_2024: Final[Sequence[Row]] = (
    ("0", "9.0", 0, 50),
    ("9.1", "35.4", 51, 100),
    ("35.5", "55.4", 101, 150),
    ("55.5", "125.4", 151, 200),
    ("125.5", "225.4", 201, 300),
    ("225.5", "325.4", 301, 500),
)
_PM2_5_2012: Final[Sequence[Row]] = (
    ("0", "12.0", 0, 50),
    ("12.1", "35.4", 51, 100),
    ("35.5", "55.4", 101, 150),
    ("55.5", "150.4", 151, 200),
    ("150.5", "250.4", 201, 300),
    ("250.5", "350.4", 301, 400),
    ("350.5", "500.4", 401, 500),
)
_TOP_2012: Final[dict[str, Sequence[Row]]] = {
    "PM10_24h": (("425", "504", 301, 400), ("505", "604", 401, 500)),
    "CO_8h": (("30.5", "40.4", 301, 400), ("40.5", "50.4", 401, 500)),
    "O3_1h": (("0.405", "0.504", 301, 400), ("0.505", "0.604", 401, 500)),
    "SO2_24h": (("605", "804", 301, 400), ("805", "1004", 401, 500)),
    "NO2_1h": (("1250", "1649", 301, 400), ("1650", "2049", 401, 500)),
}
"""Until 2024 the last row was two."""


def _until_2024(quantity: str, rows: Sequence[Row]) -> Sequence[Row]:
    return (*rows[:-1], *_TOP_2012[quantity]) if quantity in _TOP_2012 else rows


_TABLES: Final = (
    (_2024, "PM2.5_24h", "ug/m3", 1, _PM2_5_2024),
    (_2012, "PM2.5_24h", "ug/m3", 1, _PM2_5_2012),
    *(
        (year, quantity, unit, digits, rows if year == _2024 else _until_2024(quantity, rows))
        for year in (_2024, _2012)
        for quantity, unit, digits, rows in (
            ("PM10_24h", "ug/m3", 0, _PM10),
            ("CO_8h", "ppm", 1, _CO),
            ("O3_8h", "ppm", 3, _O3_8H),
            ("O3_1h", "ppm", 3, _O3_1H),
            ("SO2_1h", "ppb", 0, _SO2_1H),
            ("SO2_24h", "ppb", 0, _SO2_24H),
            ("NO2_1h", "ppb", 0, _NO2),
        )
    ),
)
_ENDS: Final = {"O3_8h", "SO2_1h"}
"""What another average judges above its last row."""
_TIES: Final = (
    ("O3_8h", "ppm", ("0.072", "0.074", "0.076", "0.078", "0.080", "0.082", "0.084", "0.153")),
    ("CO_8h", "ppm", ("1.1", "3.3")),
    ("NO2_1h", "ppb", ("77", "505")),
    ("SO2_24h", "ppb", ("805",)),
)


def cases() -> Iterator[Case]:
    """All of North America's."""
    yield from _indices()
    yield from _ties()
    yield from _other_units()
    yield from _nowcasts()
    yield from _surrogates()
    yield from _health_indices()


def _indices() -> Iterator[Case]:
    """Each edge of each row, just inside and outside it, between rows, and far above."""
    chance = random.Random(7)  # noqa: S311 (no secret)
    for standard, quantity, unit, digits, rows in _TABLES:
        step = Fraction(1, 10**digits)
        near = (f"{float(step / 2)}", f"{float(step / 10)}", f"{float(step)}")
        edges = [edge for row in rows for edge in row[:2]]
        top = Fraction(rows[-1][1])
        somewhere = [f"{chance.uniform(0, float(top)):.{digits + 2}f}" for _ in range(12)]
        far = [] if quantity in _ENDS else [str(float(top * 2))]
        for value in {*around(edges, near), *somewhere, *far}:
            if Fraction(value) >= top + step and quantity in _ENDS:
                continue
            yield _index(standard, quantity, unit, digits, rows, value)


def _index(
    standard: str, quantity: str, unit: str, digits: int, rows: Sequence[Row], value: str
) -> Case:
    exact = in_rows(rows, truncated(value, digits))
    expected = {"aqi": None if exact is None else half_up(exact)}
    return case(standard, quantity, {"conc": float(value), "unit": unit}, expected)


def _ties() -> Iterator[Case]:
    for quantity, unit, values in _TIES:
        rows, digits = next((one[4], one[3]) for one in _TABLES if one[1] == quantity)
        for value in values:
            yield _index(_2024, f"{quantity} exact half", unit, digits, rows, value)


def _other_units() -> Iterator[Case]:
    yield case(_2024, "O3_8h", {"conc": 71.0, "unit": "ppb"}, {"aqi": 101})
    yield case(_2024, "CO_8h", {"conc": 9500.0, "unit": "ppb"}, {"aqi": 101})
    yield case(_2024, "NO2_1h", {"conc": 0.101, "unit": "ppm"}, {"aqi": 101})
    yield case(_2024, "SO2_1h", {"conc": 0.076, "unit": "ppm"}, {"aqi": 101})
    yield case(_2024, "PM10_24h", {"conc": 0.155, "unit": "mg/m3"}, {"aqi": 101})
    yield case(_2024, "PM2.5_24h", {"conc": -3.0, "unit": "ug/m3"}, {"aqi": 0})
    yield case(_2024, "SO2_1h", {"conc": 305.0, "unit": "ppb"}, {"aqi": 200})
    yield case(_2024, "SO2_24h", {"conc": 304.9, "unit": "ppb"}, {"aqi": None})
    # A microgram of ozone at 25 degrees and 1 atm is 1 / 1.96188 ppb; at 293 K it is less.
    micro = {"conc": 139.6, "unit": "ug/m3"}  # 71.16 ppb
    yield case(_2024, "O3_8h", micro, {"aqi": 101})
    yield case(
        _2024, "O3_8h", micro | {"T_K": 293, "P_Pa": 101300}, {"aqi": 97}
    )  # 69.94 ppb, cut to 69
    yield case(_2024, "CO_8h", {"conc": 10.88, "unit": "mg/m3"}, {"aqi": 101})  # 9.503 ppm
    both = {"so2_1h_ppb": 400, "so2_24h_ppb": 250}
    yield case(_2024, "SO2 1h and 24h", both, {"aqi": 200})
    yield case(_2024, "SO2 1h and 24h", both | {"so2_24h_ppb": 450}, {"aqi": 249})
    yield case(_2024, "O3 8h and 1h", {"o3_8h_ppm": 0.071, "o3_1h_ppm": 0.165}, {"aqi": 151})
    several = {"PM2.5_24h": 40.0, "O3_8h": 0.072, "NO2": 53}
    expected = {"aqi": 112, "responsible": "PM2.5", "category": "Unhealthy for Sensitive Groups"}
    yield case(_2024, "overall", several, expected)


def _nowcasts() -> Iterator[Case]:
    chance = random.Random(11)  # noqa: S311 (no secret)
    for gas, digits in (("PM2.5", 1), ("PM10", 0)):
        for number in range(60):
            level = chance.choice((3.0, 30.0, 300.0))
            hours = [
                None if chance.random() < number / 120 else round(chance.uniform(-2, level), 1)
                for _ in range(12)
            ]
            yield _nowcast(gas, digits, hours)
        yield _nowcast(gas, digits, [0.0] * 12)
        yield _nowcast(gas, digits, [None] * 12)
        yield _nowcast(gas, digits, [None, 20.0, 10.0, *[None] * 9])
        yield _nowcast(gas, digits, [20.0, None, None, *[9.0] * 9])
        yield _nowcast(gas, digits, [16.1] * 12)


def _nowcast(gas: str, digits: int, hours: list[float | None]) -> Case:
    known = {
        i: max(Fraction(str(one)), Fraction(0)) for i, one in enumerate(hours) if one is not None
    }
    expected: dict[str, float | None] = {"weight": None, "nowcast": None, "truncated": None}
    if sum(1 for i in known if i < 3) >= 2:
        low, high = min(known.values()), max(known.values())
        weight = max(low / high, Fraction(1, 2)) if high else Fraction(1)
        above = sum(weight**i * one for i, one in known.items())
        found = above / sum(weight**i for i in known) if high else Fraction(0)
        cut = Fraction(math.floor(found * 10**digits), 10**digits)
        expected = {"nowcast": float(found), "truncated": float(cut)}
        if high:
            expected["weight"] = float(weight)
    found_case = case(
        "US EPA PM NowCast",
        f"{gas} NowCast, most recent hour first",
        {"hours_recent_first": hours},
        expected,
    )
    found_case["tolerance"] = dict.fromkeys(expected, 1e-09)
    return found_case


def _surrogates() -> Iterator[Case]:
    for value in (0.0, 10.0, 33.3, 70.0, 123.4):
        exact = 0.85 * value + 4.5
        yield case(
            "US EPA O3 NowCast",
            "surrogate branch, ppb",
            {"o3_1h_ppb": value},
            {"nowcast_ppb": exact},
            1e-9,
        )


def _health_indices() -> Iterator[Case]:
    chance = random.Random(3)  # noqa: S311 (no secret)
    for _ in range(20):
        no2, o3, pm = (round(chance.uniform(0, top), 1) for top in (120, 120, 200))
        risk = (
            1000
            / 10.4
            * (math.expm1(0.000871 * no2) + math.expm1(0.000537 * o3) + math.expm1(0.000487 * pm))
        )
        said = {"NO2_ppb": no2, "O3_ppb": o3, "PM2.5_ugm3": pm}
        expected = {"unrounded": risk, "reported": max(1, math.floor(risk + 0.5))}
        yield case("Canada AQHI", "AQHI", said, expected, 1e-9)
    yield case(
        "Canada AQHI",
        "AQHI",
        {"NO2_ppb": 0, "O3_ppb": 0, "PM2.5_ugm3": 0},
        {"unrounded": 0.0, "reported": 1},
        1e-9,
    )
    yield case(
        "Canada AQHI", "AQHI", {"NO2_ppb": None, "O3_ppb": 9, "PM2.5_ugm3": 4}, {"reported": None}
    )
