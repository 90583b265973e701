"""Which series are stations of an input, and when each stands where. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.domain.names import Kind
from cityvitals.store.audit import AuditSeries, DeclaredRow, PlacedRow
from cityvitals.verify.fold import QUARTER, in_force
from kpi_rules.model import Input
from kpi_rules.words import Statistic

ALWAYS: Final = (-(2**62), 2**62)

KEPT: Final = np.dtype(
    [
        ("bucket", "<i8"),
        ("integral", "<f8"),
        ("covered", "<i8"),
        ("count", "<i4"),
        ("flagged", "<i4"),
    ]
)
"""What windows need of a partial; a third of it."""

FITTING: Final = {
    Statistic.MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN, Kind.STATE},
    Statistic.INTEGRAL: {Kind.GAUGE, Kind.INTERVAL_MEAN, Kind.STATE},
    Statistic.ENERGY_MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN},
    Statistic.TOTAL: {Kind.INTERVAL_TOTAL, Kind.COUNTER, Kind.EVENT},
    Statistic.INCREASE: {Kind.COUNTER},
    Statistic.COUNT: {Kind.EVENT},
}
"""What can be made of quarter hours, and of which kinds of series."""


class Taker(NamedTuple):
    """Who took part in a window: a series, and the sensor that it is of."""

    series: int
    sensor: str


@dataclass(frozen=True, slots=True)
class Station:
    """A series as a zone sees it.

    Attributes:
        series: its id.
        sensor: the sensor's name.
        stretches: [since, until) in which it stands there, in microseconds.
        folded: its partials (KEPT) in order of time, of those stretches alone.
        scale: from canonical numbers to those that the input sees; nan where nobody knows.
    """

    series: int
    sensor: str
    stretches: tuple[tuple[int, int], ...]
    folded: Records
    scale: float = 1.0

    @property
    def taker(self) -> Taker:
        """It, as one that takes part."""
        return Taker(self.series, self.sensor)


def keep(folded: Records) -> Records:
    """What windows need (KEPT) of partials (ROLLUP)."""
    kept = np.empty(len(folded), KEPT)
    for name in KEPT.names or ():
        kept[name] = folded[name]
    return kept


def stretches_by_zone(placements: Iterable[PlacedRow]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Where one sensor stands when; a placement counts from the next quarter-hour edge on."""
    rows = sorted(in_force(list(placements)), key=lambda row: row.from_us)
    edges = [-(-row.from_us // QUARTER) * QUARTER for row in rows] + [ALWAYS[1]]
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for row, since, until in zip(rows, edges, edges[1:], strict=False):
        if row.zone is not None and until > since:
            found[row.zone] = (*found.get(row.zone, ()), (since, until))
    return found


def feeds(one: Input, series: AuditSeries, declared: Sequence[DeclaredRow]) -> bool:
    """Whether a series is a station of an input: of its quantity and a kind with the statistic."""
    if series.quantity != one.quantity or not declared:
        return False
    lowest = one.levels[0].statistic if one.levels else one.statistic
    return newest_of(declared).kind in FITTING[lowest]


def newest_of(declared: Sequence[DeclaredRow]) -> DeclaredRow:
    """The newest declaration in force; there is at least one."""
    found: DeclaredRow = max(in_force(declared), key=lambda row: row.since_us)
    return found


def zones_of(
    series: Iterable[AuditSeries],
    placed: Mapping[int, Mapping[str, tuple[tuple[int, int], ...]]],
    folded: Mapping[int, Records],
    scale_of: Callable[[AuditSeries], float],
) -> dict[str, list[Station]]:
    """Stations by zone, '' being the city, each in order of the natural key."""
    found: dict[str, list[Station]] = {}
    for one in sorted(series, key=lambda s: (s.city, s.sensor, s.quantity, s.channel)):
        places = {"": (ALWAYS,), **placed.get(one.sensor_id, {})}
        for zone, stretches in places.items():
            partials = _within(folded[one.id], stretches)
            station = Station(one.id, one.sensor, stretches, partials, scale_of(one))
            found.setdefault(zone, []).append(station)
    return found


def _within(folded: Records, stretches: Iterable[tuple[int, int]]) -> Records:
    bucket = folded["bucket"]
    stands = np.zeros(len(bucket), np.bool_)
    for since, until in stretches:
        stands |= (bucket >= since) & (bucket < until)
    found: Records = folded if stands.all() else folded[stands]
    return found
