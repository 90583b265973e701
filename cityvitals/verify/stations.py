"""From partials to a rule's value for a zone, window by window: definitions as arithmetic, pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.domain.coverage import least
from cityvitals.domain.names import Kind
from cityvitals.store.audit import AuditSeries, DeclaredRow, PlacedRow
from cityvitals.verify.edges import Windows
from cityvitals.verify.fold import QUARTER, Floats, Ints, in_force
from kpi_rules.model import Input
from kpi_rules.words import Combine, Statistic

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

_FITTING: Final = {
    Statistic.MEAN: {Kind.GAUGE, Kind.INTERVAL_MEAN},
    Statistic.INTEGRAL: {Kind.GAUGE, Kind.INTERVAL_MEAN},
    Statistic.TOTAL: {Kind.INTERVAL_TOTAL},
}


@dataclass(frozen=True, slots=True)
class Station:
    """A series as a zone sees it.

    Attributes:
        series: its id.
        stretches: [since, until) in which it stands there, in microseconds.
        folded: its partials (KEPT) in order of time.
    """

    series: int
    stretches: tuple[tuple[int, int], ...]
    folded: Records


@dataclass(frozen=True, slots=True)
class Joined:
    """One input over the stations of a zone, per window [w].

    Attributes:
        value: the stations' mean or sum; nan where no station can be used.
        used: how many took part; `series_sum`: the sum of their ids.
        placed: how many stood there; spoken: whether any of them has a partial there.
    """

    value: Floats
    used: Ints
    series_sum: Ints
    coverage: Floats
    observed: Ints
    flagged: Ints
    placed: Ints
    spoken: NDArray[np.bool_]


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
    newest = max(in_force(declared), key=lambda row: row.since_us)
    return newest.kind in _FITTING[one.statistic]


def zones_of(
    series: Iterable[AuditSeries],
    placed: Mapping[int, Mapping[str, tuple[tuple[int, int], ...]]],
    folded: Mapping[int, Records],
) -> dict[str, list[Station]]:
    """Stations by zone, '' being the city, each in order of the natural key."""
    found: dict[str, list[Station]] = {}
    for one in sorted(series, key=lambda s: (s.city, s.sensor, s.quantity, s.channel)):
        places = {"": (ALWAYS,), **placed.get(one.sensor_id, {})}
        for zone, stretches in places.items():
            station = Station(one.id, stretches, folded[one.id])
            found.setdefault(zone, []).append(station)
    return found


def join(
    one: Input, combine: Combine, stations: Sequence[Station], windows: Windows, judged: Ints
) -> Joined:
    """Fold stations over windows.

    Args:
        one: the input: its statistic and the coverage that a station needs.
        combine: whether the zone's value is the mean or the sum of its stations.
        stations: in order of the natural key.
        windows: ascending [w].
        judged: microseconds of each window that coverage is judged against [w].
    """
    sums = combine == Combine.SUM
    size = len(windows.begins)
    total, coverage = np.zeros(size), np.zeros(size)
    used, series_sum, observed, flagged, placed = np.zeros((5, size), np.int64)
    spoken = np.zeros(size, np.bool_)
    for station in stations:
        here = _here(station, windows)
        said = _said(station, windows)
        share = np.where(judged > 0, np.minimum(said.covered / np.maximum(judged, 1), 1.0), 0.0)
        valid = here & (said.covered > 0) & (sums | (share >= least(one.min_coverage)))
        seconds = np.maximum(said.covered, 1) * 1e-6
        mean = one.statistic == Statistic.MEAN
        total += np.where(valid, said.integral / (seconds if mean else 1.0), 0.0)
        coverage += np.where(here, share, 0.0)
        used += valid
        series_sum += np.where(valid, station.series, 0)
        observed += said.count
        flagged += said.flagged
        placed += here
        spoken |= said.any
    value = np.where(used > 0, total / np.where(sums, 1, np.maximum(used, 1)), np.nan)
    return Joined(
        value=value,
        used=used,
        series_sum=series_sum,
        coverage=coverage / np.maximum(placed, 1),
        observed=observed,
        flagged=flagged,
        placed=placed,
        spoken=spoken,
    )


def _here(station: Station, windows: Windows) -> NDArray[np.bool_]:
    """Whether a station stands there during any part of each window."""
    here = np.zeros(len(windows.begins), np.bool_)
    for since, until in station.stretches:
        here |= (since < windows.ends) & (until > windows.begins)
    return here


@dataclass(frozen=True, slots=True)
class _Said:
    """One station's partials, added up per window [w]."""

    integral: Floats
    covered: Ints
    count: Ints
    flagged: Ints
    any: NDArray[np.bool_]


def _said(station: Station, windows: Windows) -> _Said:
    begins, ends = windows
    rows = station.folded
    bucket = rows["bucket"]
    at = np.searchsorted(begins, bucket, side="right") - 1
    inside = (at >= 0) & (bucket < ends[np.maximum(at, 0)]) if len(begins) else at >= 0
    stands = np.zeros(len(bucket), np.bool_)
    for since, until in station.stretches:
        stands |= (bucket >= since) & (bucket < until)
    inside &= stands
    at, rows = at[inside], rows[inside]

    def added(field: str) -> Floats:
        # bincount adds in order of its input, which is the order of time.
        summed: Floats = np.bincount(at, weights=rows[field], minlength=len(begins)).astype(float)
        return summed

    return _Said(
        integral=added("integral"),
        covered=added("covered").astype(np.int64),
        count=added("count").astype(np.int64),
        flagged=added("flagged").astype(np.int64),
        any=np.bincount(at, minlength=len(begins)) > 0,
    )
