"""Readings to quarter-hour partials, by the definition and without state: numpy alone, pure.

Shares nothing with the aggregator's kernels but the names of the fields; `docs/verify.md` has the
definitions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.arrays import ROLLUP, Records
from cityvitals.domain.names import EXCLUDING_FLAGS, Kind, Stamp
from cityvitals.store.audit import DeclaredRow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

QUARTER: Final = 15 * 60 * 1_000_000
"""A bucket, in microseconds."""
DAY: Final = 96 * QUARTER
"""A counter's rise is apportioned over a gap of so long, or as long as it may be and is covered."""

_NEVER: Final = 2**62
_TURNS: Final = 4
"""What comes of one reading after the other: the hold before it, a rise, an event, its interval."""
_INTERVALS: Final = (Kind.INTERVAL_MEAN, Kind.INTERVAL_TOTAL)
_HELD: Final = (Kind.GAUGE, Kind.EVENT, Kind.STATE)
_RANKED: Final = ("registry", "meta", "default")


@dataclass(frozen=True, slots=True)
class Spans:
    """What each reading of a series says about which stretch of time, in time order [n].

    Attributes:
        t: observed at, as sent.
        begin, end: the stretch it speaks for; for a sample not yet cut by the next reading.
        v: its value.
        kind: its kind.
        period: length of its interval in microseconds.
        hold: how long a counter's gap before it may be and count as covered.
        modulus: where it begins anew as a counter; 0 for never.
        step: how far from the sample before it may lie.
        excluded: flagged so that it counts for nothing else.
        is_level: whether values are levels in dB.
    """

    t: Ints
    begin: Ints
    end: Ints
    v: Floats
    kind: Ints
    period: Ints
    hold: Ints
    modulus: Floats
    step: Floats
    excluded: NDArray[np.bool_]
    is_level: bool

    def those(self, which: NDArray[np.bool_]) -> "Spans":
        """Some of them."""
        names = [one.name for one in fields(self) if one.name != "is_level"]
        return replace(self, **{name: getattr(self, name)[which] for name in names})


def in_force(rows: Sequence[Any]) -> list[Any]:
    """Rows of the source that has precedence alone (registry, then meta, then default)."""
    present = {row.source for row in rows}
    highest = next((source for source in _RANKED if source in present), None)
    return [row for row in rows if row.source == highest]


def span(readings: Records, declared: Sequence[DeclaredRow], quantity: str) -> Spans:
    """Put a series' readings on the time line.

    Args:
        readings: READING records in order of time.
        declared: all declarations of the series, of any source; at least one.
        quantity: what the series watches.
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
    modulus = np.array([row.modulus for row in rows])[which]
    interval, held = np.isin(kind, _INTERVALS), np.isin(kind, _HELD)
    begin = np.where(interval & at_end, t - period, t)
    known = load_catalogue().quantities.get(quantity)
    step = math.inf if known is None or known.step is None else known.step
    return Spans(
        t=t,
        begin=begin,
        end=begin + np.where(held, hold, np.where(interval, period, 0)),
        v=readings["v"].astype(np.float64),
        kind=kind,
        period=period,
        hold=hold,
        modulus=modulus,
        step=np.where(kind == Kind.STATE, 0.0, step),
        excluded=(readings["flags"] & EXCLUDING_FLAGS) != 0,
        is_level=known is not None and known.is_level,
    )


def fold(spans: Spans, series: int) -> Records:
    """The partials (ROLLUP) of one series in order of time, a bucket nobody speaks for left out."""
    good, flagged = spans.those(~spans.excluded), spans.begin[spans.excluded] // QUARTER * QUARTER
    anchor = good.begin // QUARTER * QUARTER
    held, risen = _pieces(good), _rises(good)
    buckets = np.unique(np.concatenate([flagged, anchor, held.bucket, risen.bucket]))
    rows = np.zeros(len(buckets), ROLLUP)
    rows["bucket"], rows["series"] = buckets, series
    rows["min"], rows["max"] = np.inf, -np.inf
    np.add.at(rows["flagged"], np.searchsorted(buckets, flagged), 1)
    at = np.searchsorted(buckets, anchor)
    _anchored(rows, at, good)
    _compared(rows, at, good)
    _held(rows, np.searchsorted(buckets, held.bucket), held)
    _risen(rows, np.searchsorted(buckets, risen.bucket), risen)
    _integrate(rows, anchor, good, held, risen)
    return rows


def _integrate(rows: Records, anchor: Ints, good: Spans, held: "_Pieces", risen: "_Rises") -> None:
    """Add up integrals in order of time: a reading ends what the one before held, then speaks."""
    event = np.flatnonzero(good.kind == Kind.EVENT)
    turn = np.concatenate([held.turn, risen.turn, event * _TURNS + 2])
    bucket = np.concatenate([held.bucket, risen.bucket, anchor[event]])
    amount = np.concatenate([held.integral, risen.share, good.v[event]])
    order = np.argsort(turn, kind="stable")
    np.add.at(rows["integral"], np.searchsorted(rows["bucket"], bucket[order]), amount[order])


@dataclass(frozen=True, slots=True)
class _Cut:
    """Stretches cut at quarter hours, in time order [p].

    Attributes:
        of: which stretch a piece is of.
    """

    of: Ints
    bucket: Ints
    overlap: Ints


def _cut(begin: Ints, end: Ints) -> _Cut:
    first = begin // QUARTER
    count = np.maximum(-(-end // QUARTER) - first, 0)
    of = np.repeat(np.arange(len(begin)), count)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    bucket = (first[of] + nth) * QUARTER
    overlap = np.minimum(end[of], bucket + QUARTER) - np.maximum(begin[of], bucket)
    spoken = overlap > 0
    return _Cut(of[spoken], bucket[spoken], overlap[spoken])


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Readings cut at quarter hours, in time order of their readings [p]."""

    turn: Ints
    bucket: Ints
    overlap: Ints
    interval: NDArray[np.bool_]
    share: Floats
    integral: Floats


def _pieces(good: Spans) -> _Pieces:
    """What samples and intervals speak for."""
    following = np.append(good.t[1:], _NEVER)[: len(good.t)]
    held = np.isin(good.kind, _HELD)
    end = np.where(held, np.minimum(good.end, following), good.end)
    cut = _cut(good.begin, end)
    of, overlap = cut.of, cut.overlap
    kind, v = good.kind[of], good.v[of]
    total = kind == Kind.INTERVAL_TOTAL
    apportioned = v * (overlap / np.where(total, good.period[of], 1))
    power = np.power(10.0, v / 10.0) if good.is_level else v
    weight = np.where(kind == Kind.EVENT, 0.0, power)
    # A microsecond as a factor, as the definition writes it: where large values of both signs
    # cancel, the last bit would show.
    return _Pieces(
        turn=np.where(held[of], (of + 1) * _TURNS, of * _TURNS + 3),
        bucket=cut.bucket,
        overlap=overlap,
        interval=np.isin(kind, _INTERVALS),
        share=np.where(total, apportioned, v),
        integral=np.where(total, apportioned, weight * (overlap * 1e-6)),
    )


def _held(rows: Records, at: Ints, pieces: _Pieces) -> None:
    np.add.at(rows["covered"], at, pieces.overlap)
    shared = pieces.interval
    np.minimum.at(rows["min"], at[shared], pieces.share[shared])
    np.maximum.at(rows["max"], at[shared], pieces.share[shared])


@dataclass(frozen=True, slots=True)
class _Rises:
    """How far a counter went on, cut at quarter hours [p]; `known` where the gap is short."""

    turn: Ints
    bucket: Ints
    overlap: Ints
    share: Floats
    known: NDArray[np.bool_]


def _rises(good: Spans) -> _Rises:
    """What lies between each two readings of a counter that follow each other."""
    counter = good.kind == Kind.COUNTER
    begin, end, hold = good.t[:-1], good.t[1:], good.hold[1:]
    gap = end - begin
    pair = np.flatnonzero(counter[:-1] & counter[1:] & (gap <= np.maximum(hold, DAY)))
    cut = _cut(begin[pair], end[pair])
    before, after, modulus = good.v[:-1][pair], good.v[1:][pair], good.modulus[1:][pair]
    rolls = (modulus > 0.0) & (before < modulus)
    fallen = np.where(rolls, (modulus - before) + after, np.maximum(after, 0.0))
    rise = np.where(after >= before, after - before, fallen)
    return _Rises(
        turn=(pair[cut.of] + 1) * _TURNS + 1,
        bucket=cut.bucket,
        overlap=cut.overlap,
        share=rise[cut.of] * (cut.overlap / gap[pair][cut.of]),
        known=(gap <= hold)[pair][cut.of],
    )


def _risen(rows: Records, at: Ints, rises: _Rises) -> None:
    np.add.at(rows["increase"], at, rises.share)
    np.add.at(rows["covered"], at[rises.known], rises.overlap[rises.known])
    np.add.at(rows["estimated"], at[~rises.known], rises.overlap[~rises.known])


def _anchored(rows: Records, at: Ints, good: Spans) -> None:
    """Count readings where their stretch begins; `at` is the row of each good one."""
    t, v = good.t, good.v
    np.add.at(rows["count"], at, 1)
    np.add.at(rows["sum"], at, v)
    np.add.at(rows["sumsq"], at, v * v)
    read = ~np.isin(good.kind, _INTERVALS)
    np.minimum.at(rows["min"], at[read], v[read])
    np.maximum.at(rows["max"], at[read], v[read])
    # Readings come in time order: the last assignment to a row is its last reading.
    rows["last_t"][at], rows["last_v"][at] = t, v
    rows["first_t"][at[::-1]], rows["first_v"][at[::-1]] = t[::-1], v[::-1]


def _compared(rows: Records, at: Ints, good: Spans) -> None:
    """Count samples that say what the one before said, or something far from it, while it held."""
    sample = np.isin(good.kind, (Kind.GAUGE, Kind.STATE))
    follows = sample[1:] & sample[:-1] & (good.t[1:] <= good.end[:-1])
    apart = np.abs(good.v[1:] - good.v[:-1])
    np.add.at(rows["repeated"], at[1:][follows & (apart == 0.0)], 1)
    np.add.at(rows["stepped"], at[1:][follows & (apart > good.step[1:])], 1)


def open_from(spans: Spans) -> int:
    """Begin of the first bucket that the aggregator may still hold in memory, or never."""
    if not len(spans.t):
        return _NEVER
    return int(spans.begin[-1] // QUARTER * QUARTER)
