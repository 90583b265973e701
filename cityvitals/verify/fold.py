"""Readings to quarter-hour partials, by the definition and without state: numpy alone, pure.

Shares nothing with the aggregator's kernels but the names of the fields; `docs/verify.md` has the
definitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import ROLLUP, Records
from cityvitals.domain.names import EXCLUDING_FLAGS, Kind, Stamp
from cityvitals.store.audit import DeclaredRow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

QUARTER: Final = 15 * 60 * 1_000_000
"""A bucket, in microseconds."""

_NEVER: Final = 2**62
_RANKED: Final = ("registry", "meta", "default")


@dataclass(frozen=True, slots=True)
class Spans:
    """What each reading of a series says about which stretch of time, in time order [n].

    Attributes:
        t: observed at, as sent.
        begin, end: the stretch it speaks for; for a gauge not yet cut by the next reading.
        v: its value.
        kind: its kind.
        period: length of its interval in microseconds.
        excluded: flagged so that it counts for nothing else.
    """

    t: Ints
    begin: Ints
    end: Ints
    v: Floats
    kind: Ints
    period: Ints
    excluded: NDArray[np.bool_]


def in_force(rows: Sequence[Any]) -> list[Any]:
    """Rows of the source that has precedence alone (registry, then meta, then default)."""
    present = {row.source for row in rows}
    highest = next((source for source in _RANKED if source in present), None)
    return [row for row in rows if row.source == highest]


def span(readings: Records, declared: Sequence[DeclaredRow]) -> Spans:
    """Put a series' readings on the time line.

    Args:
        readings: READING records in order of time.
        declared: all declarations of the series, of any source; at least one.
    """
    rows = sorted(in_force(declared), key=lambda row: row.since_us)
    since = np.array([row.since_us for row in rows], np.int64)
    t = readings["t"].astype(np.int64)
    # A reading older than every declaration goes by the first.
    which = np.maximum(np.searchsorted(since, t, side="right") - 1, 0)
    kind = np.array([row.kind for row in rows], np.int64)[which]
    at_end = np.array([row.stamp == Stamp.END for row in rows])[which]
    period = np.array([round(row.period_s * 1e6) for row in rows], np.int64)[which]
    hold = np.array([round(row.reporting_s * 1.5e6) for row in rows], np.int64)[which]
    gauge = kind == Kind.GAUGE
    begin = np.where(~gauge & at_end, t - period, t)
    return Spans(
        t=t,
        begin=begin,
        end=begin + np.where(gauge, hold, period),
        v=readings["v"].astype(np.float64),
        kind=kind,
        period=period,
        excluded=(readings["flags"] & EXCLUDING_FLAGS) != 0,
    )


def fold(spans: Spans, series: int) -> Records:
    """The partials (ROLLUP) of one series in order of time, a bucket nobody speaks for left out."""
    anchor = spans.begin // QUARTER * QUARTER
    good = ~spans.excluded
    pieces = _pieces(spans, good)
    buckets = np.unique(np.concatenate([anchor, pieces.bucket]))
    rows = np.zeros(len(buckets), ROLLUP)
    rows["bucket"], rows["series"] = buckets, series
    rows["min"], rows["max"] = np.inf, -np.inf
    np.add.at(rows["flagged"], np.searchsorted(buckets, anchor[~good]), 1)
    _anchored(rows, np.searchsorted(buckets, anchor[good]), spans, good)
    at = np.searchsorted(buckets, pieces.bucket)
    np.add.at(rows["covered"], at, pieces.overlap)
    np.add.at(rows["integral"], at, pieces.integral)
    shared = ~pieces.gauge
    np.minimum.at(rows["min"], at[shared], pieces.share[shared])
    np.maximum.at(rows["max"], at[shared], pieces.share[shared])
    return rows


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Readings cut at quarter hours, in time order of their readings [p]."""

    bucket: Ints
    overlap: Ints
    gauge: NDArray[np.bool_]
    share: Floats
    integral: Floats


def _pieces(spans: Spans, good: NDArray[np.bool_]) -> _Pieces:
    t, begin, v = spans.t[good], spans.begin[good], spans.v[good]
    kind, period = spans.kind[good], spans.period[good]
    following = np.append(t[1:], _NEVER)[: len(t)]
    end = np.where(kind == Kind.GAUGE, np.minimum(spans.end[good], following), spans.end[good])
    first = begin // QUARTER
    count = np.maximum(-(-end // QUARTER) - first, 0)
    of = np.repeat(np.arange(len(t)), count)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    bucket = (first[of] + nth) * QUARTER
    overlap = np.minimum(end[of], bucket + QUARTER) - np.maximum(begin[of], bucket)
    total = kind[of] == Kind.INTERVAL_TOTAL
    apportioned = v[of] * (overlap / np.where(total, period[of], 1))
    share = np.where(total, apportioned, v[of])
    # A microsecond as a factor, as the definition writes it: where large values of both signs
    # cancel, the last bit would show.
    integral = np.where(total, apportioned, v[of] * (overlap * 1e-6))
    spoken = overlap > 0
    return _Pieces(
        bucket=bucket[spoken],
        overlap=overlap[spoken],
        gauge=(kind[of] == Kind.GAUGE)[spoken],
        share=share[spoken],
        integral=integral[spoken],
    )


def _anchored(rows: Records, at: Ints, spans: Spans, good: NDArray[np.bool_]) -> None:
    """Count readings where their stretch begins; `at` is the row of each good one."""
    t, v = spans.t[good], spans.v[good]
    np.add.at(rows["count"], at, 1)
    np.add.at(rows["sum"], at, v)
    np.add.at(rows["sumsq"], at, v * v)
    gauge = spans.kind[good] == Kind.GAUGE
    np.minimum.at(rows["min"], at[gauge], v[gauge])
    np.maximum.at(rows["max"], at[gauge], v[gauge])
    # Readings come in time order: the last assignment to a row is its last reading.
    rows["last_t"][at], rows["last_v"][at] = t, v
    rows["first_t"][at[::-1]], rows["first_v"][at[::-1]] = t[::-1], v[::-1]


def open_from(spans: Spans) -> int:
    """Begin of the first bucket that the aggregator may still hold in memory, or never."""
    if not len(spans.t):
        return _NEVER
    return int(spans.begin[-1] // QUARTER * QUARTER)
