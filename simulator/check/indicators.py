"""A set of indicators recomputed from the truth by their definitions; pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from cityvitals.domain.times import BUCKET_US, from_us, to_us
from simulator.check.expected import Quarter, folded
from simulator.truth import SeriesName, Truth

_HOUR_US: Final = 4 * BUCKET_US


@dataclass(frozen=True, slots=True)
class Definition:
    """An indicator: a quantity over windows, of stations, zones and city.

    Attributes:
        is_sum: stations add up; else their unweighted mean.
        scale: from the quantity's unit (by seconds, for an integral) to the indicator's.
        station: covered share that a station needs to count.
        space: covered share that zone or city needs.
    """

    rule: str
    quantity: str
    length: str
    is_sum: bool
    scale: float
    station: float
    space: float


def _mean(rule: str, quantity: str, length: str, station: float, scale: float = 1.0) -> Definition:
    return Definition(rule, quantity, length, False, scale, station, 0.5)  # noqa: FBT003


def _sum(rule: str, quantity: str, length: str, scale: float = 1.0) -> Definition:
    return Definition(rule, quantity, length, True, scale, 0.0, 0.9)  # noqa: FBT003


CHECKED: Final = (
    *(
        _mean(f"air.{gas}.{length}", gas, length, 0.75)
        for gas in ("pm2_5", "pm10", "no2", "so2", "o3")
        for length in ("hour", "day")
    ),
    *(_mean(f"air.co.{length}", "co", length, 0.75, 0.001) for length in ("hour", "day")),
    _mean("traffic.speed.hour", "traffic_speed", "hour", 0.5),
    _sum("energy.electricity.hour", "electricity_energy", "hour"),
    _sum("energy.electricity.day", "electricity_energy", "day"),
    _sum("water.supplied.day", "water_flow", "day", 0.001),
)
"""What is checked of what is derived; `docs/catalogue.md` has the definitions."""


class Window(NamedTuple):
    """Which value: of a zone, or "" for the city, over [begin, end)."""

    rule: str
    zone: str
    begin: int
    end: int


class Expected(NamedTuple):
    """What it must be; value None where coverage does not allow one."""

    value: float | None
    coverage: float


Quarters = Mapping[SeriesName, Mapping[int, Quarter]]


def indicators(truth: Truth, quarters: Quarters) -> Iterator[tuple[Window, Expected]]:
    """Every window of every checked indicator in which one of its series spoke."""
    for definition in CHECKED:
        for zone, names in _places(truth, definition.quantity).items():
            own = [quarters[name] for name in names]
            for begin, end in _windows(own, definition.length, truth.time_zone):
                window = Window(definition.rule, zone, begin, end)
                yield window, _value(definition, own, begin, end)


def _places(truth: Truth, quantity: str) -> dict[str, list[SeriesName]]:
    """The series of a quantity, by zone and for the city, where one of the place ever spoke."""
    found: dict[str, list[SeriesName]] = {}
    for name, one in truth.series.items():
        if name.quantity == quantity:
            found.setdefault("", []).append(name)
            if one.zone is not None:
                found.setdefault(one.zone, []).append(name)
    return {
        zone: names for zone, names in found.items() if any(truth.series[n].current for n in names)
    }


def _windows(
    own: Iterable[Mapping[int, Quarter]], length: str, time_zone: str
) -> list[tuple[int, int]]:
    """The windows that hold any of the quarter hours."""
    begins = {at for each in own for at in each}
    if length == "hour":
        return sorted({(at - at % _HOUR_US, at - at % _HOUR_US + _HOUR_US) for at in begins})
    zone = ZoneInfo(time_zone)
    days = {from_us(at).astimezone(zone).date() for at in begins}
    edges = [
        tuple(
            to_us(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))
            for day in (day, day + timedelta(days=1))
        )
        for day in sorted(days)
    ]
    return [(begin, end) for begin, end in edges]


def _value(
    definition: Definition, own: list[Mapping[int, Quarter]], begin: int, end: int
) -> Expected:
    stations = [folded(each, begin, end) for each in own]
    shares = [one.covered / (end - begin) for one in stations]
    coverage = math.fsum(shares) / len(shares)
    valid = [
        one
        for one, share in zip(stations, shares, strict=True)
        if one.covered and share >= definition.station
    ]
    if coverage < definition.space or not valid:
        return Expected(None, coverage)
    if definition.is_sum:
        return Expected(definition.scale * math.fsum(one.integral for one in valid), coverage)
    return Expected(definition.scale * math.fsum(one.mean for one in valid) / len(valid), coverage)
