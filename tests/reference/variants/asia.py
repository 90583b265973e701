"""India's and China's indices."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from tests.reference.variants.tables import Case, Edges, around, case, half_up, in_rows, on_points

_NAQI: Final[dict[str, tuple[Edges, str, str]]] = {
    "PM2.5": (("30", "60", "90", "120", "250"), "1", "ug/m3"),
    "PM10": (("50", "100", "250", "350", "430"), "1", "ug/m3"),
    "NO2": (("40", "80", "180", "280", "400"), "1", "ug/m3"),
    "SO2": (("40", "80", "380", "800", "1600"), "1", "ug/m3"),
    "CO": (("1.0", "2.0", "10", "17", "34"), "0.1", "mg/m3"),
    "O3": (("50", "100", "168", "208", "748"), "1", "ug/m3"),
    "NH3": (("200", "400", "800", "1200", "1800"), "1", "ug/m3"),
    "Pb": (("0.5", "1.0", "2.0", "3.0", "3.5"), "0.01", "ug/m3"),
}
"""Upper edges, and how far above one the next range begins."""
_INDIAN: Final = (50, 100, 200, 300, 400)
_CHINESE: Final = (0, 50, 100, 150, 200, 300, 400, 500)
_BOTH: Final[dict[str, Edges]] = {
    "SO2_24h": ("50", "150", "475", "800", "1600", "2100", "2620"),
    "SO2_1h": ("150", "500", "650", "800"),
    "NO2_24h": ("40", "80", "180", "280", "565", "750", "940"),
    "NO2_1h": ("100", "200", "700", "1200", "2340", "3090", "3840"),
    "CO_24h": ("2", "4", "14", "24", "36", "48", "60"),
    "CO_1h": ("5", "10", "35", "60", "90", "120", "150"),
    "O3_1h": ("160", "200", "300", "400", "800", "1000", "1200"),
    "O3_8h": ("100", "160", "215", "265", "800"),
}
_2012: Final = "China HJ 633-2012"
_2026: Final = "China HJ 633-2026 (from 2026-03-01)"
_SAME: Final = "China HJ 633 (2012 = 2026 for this row)"
_DUST: Final[dict[str, dict[str, Edges]]] = {
    _2012: {
        "PM2.5_24h": ("35", "75", "115", "150", "250", "350", "500"),
        "PM10_24h": ("50", "150", "250", "350", "420", "500", "600"),
    },
    _2026: {
        "PM2.5_24h": ("35", "60", "115", "150", "250", "350", "500"),
        "PM10_24h": ("50", "120", "250", "350", "420", "500", "600"),
    },
}


def cases() -> Iterator[Case]:
    """All of Asia's."""
    yield from _overall()
    for gas, (edges, gap, unit) in _NAQI.items():
        yield from _indian(gas, edges, gap, unit)
    for standard, dust in _DUST.items():
        for quantity, edges in (dust | _BOTH).items():
            yield from _chinese(standard, quantity, edges, "conc_ugm3")
    for quantity, edges in _BOTH.items():
        yield from _chinese(_SAME, quantity, edges, "conc")


def _overall() -> Iterator[Case]:
    """The worst of three pollutants with particles among them; in China the worst of any."""
    name, three = "India NAQI (CPCB 2014)", {"PM2.5": 60, "NO2": 40, "SO2": 80}
    yield case(name, "overall", three, {"index": 100})
    yield case(name, "overall", {"PM2.5": 60, "NO2": 40}, {"index": None})
    yield case(name, "overall", {"O3": 50, "NO2": 40, "SO2": 80}, {"index": None})
    yield case(name, "overall", {"PM10": 250, "NO2": 40, "O3": 50}, {"index": 200})
    said = {"PM2.5_24h": 60, "PM10_24h": 50, "O3_8h": 100}
    yield case(_2026, "AQI", said, {"aqi": 100})
    yield case(_2012, "AQI", said, {"aqi": 82})  # 50 + 25 / 40 * 50, carried up


def _indian(gas: str, edges: Edges, gap: str, unit: str) -> Iterator[Case]:
    begins = ["0", *(str(float(Fraction(edge) + Fraction(gap))) for edge in edges[:-1])]
    lows = (0, *(each + 1 for each in _INDIAN[:-1]))
    rows = list(zip(begins, edges, lows, _INDIAN, strict=True))
    middles = [str(float((Fraction(row[0]) + Fraction(row[1])) / 2)) for row in rows]
    for value in [*begins, *edges, *middles]:
        exact = in_rows(rows, Fraction(value))
        assert exact is not None
        for quantity in (gas, f"{gas} {unit}"):
            said = {"conc": float(value)}
            # Ranges and rounding are printed alike, what lies between ranges is not: within 1.
            yield case("India NAQI (CPCB 2014)", quantity, said, {"index": half_up(exact)}, 1)


def _chinese(standard: str, quantity: str, edges: Edges, key: str) -> Iterator[Case]:
    points = [("0", 0), *zip(edges, _CHINESE[1 : len(edges) + 1], strict=True)]
    top = points[-1][1]
    for value in {"0", *around(edges, ("1", "0.5", "0.1"))}:
        index = on_points(points, Fraction(value))
        said = _said(quantity, key, value)
        if index is not None:
            yield case(standard, quantity, said, {"iaqi": math.ceil(index)})
        elif (standard, quantity) != (_SAME, "SO2_1h"):  # there the two editions differ
            yield case(standard, quantity, said, {"iaqi": _beyond(standard, quantity, top)})


def _beyond(standard: str, quantity: str, top: int) -> int | None:
    """What stands above the last point."""
    if quantity == "SO2_1h":
        return 200 if standard == _2026 else None
    return top if top == 500 else None


def _said(quantity: str, key: str, value: str) -> dict[str, float | str]:
    """CO is printed in milligrams: as micrograms where the key says so."""
    if quantity.startswith("CO") and key == "conc_ugm3":
        return {key: float(Fraction(value) * 1000)}
    return {key: float(value)}
