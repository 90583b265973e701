"""Folding readings into quarter-hour partials: one streaming kernel, one for any range.

Both add what each reading contributes to a bucket in order of observed time, so a bucket comes out
bit for bit the same whether its readings streamed in or were read back. Kinds are the numbers of
`cityvitals.domain.names.Kind`: 0 gauge, 1 interval mean, 2 interval total.

Field access by literal name keeps one record per series in one or two cache lines; splitting the
record into arrays of fields was measured slower at a million series (design figures: 7 against 20
million readings a second).
"""

from typing import Any, Final

import numpy as np
from numba import njit

BUCKET: Final = 900_000_000
"""A quarter hour in microseconds."""
NONE: Final = -(2**62)
"""No time at all."""

_GAUGE: Final = 0
_MEAN: Final = 1
_END: Final = 1


@njit(cache=True, nogil=True)
def clear(part: Any) -> None:
    """Make a partial the fold of nothing."""
    part.count = 0
    part.flagged = 0
    part.sum = 0.0
    part.sumsq = 0.0
    part.min = np.inf
    part.max = -np.inf
    part.first_t = 0
    part.first_v = 0.0
    part.last_t = 0
    part.last_v = 0.0
    part.integral = 0.0
    part.increase = 0.0
    part.covered = 0


@njit(cache=True, nogil=True)
def anchor(part: Any, t: int, v: float) -> None:
    """Count a reading in the bucket where its span begins."""
    if part.count == 0:
        part.first_t = t
        part.first_v = v
    part.count += 1
    part.sum += v
    part.sumsq += v * v
    part.last_t = t
    part.last_v = v


@njit(cache=True, nogil=True)
def span_begin(kind: int, stamp: int, period: int, t: int) -> int:
    """When the stretch begins that a reading speaks for."""
    if kind != _GAUGE and stamp == _END:
        return t - period
    return t


@njit(cache=True, nogil=True)
def cover(part: Any, kind: int, v: float, overlap: int, period: int) -> None:
    """Add a reading's value over `overlap` microseconds of a bucket."""
    part.covered += overlap
    if kind == _GAUGE:
        part.integral += v * (overlap * 1e-6)
        return
    if kind == _MEAN:
        part.integral += v * (overlap * 1e-6)
        share = v
    else:
        share = v * (overlap / period)
        part.integral += share
    part.min = min(part.min, share)
    part.max = max(part.max, share)


@njit(cache=True, nogil=True)
def copy_partial(source: Any, target: Any) -> None:
    """Copy a partial's fields from one record to another."""
    target.count = source.count
    target.flagged = source.flagged
    target.sum = source.sum
    target.sumsq = source.sumsq
    target.min = source.min
    target.max = source.max
    target.first_t = source.first_t
    target.first_v = source.first_v
    target.last_t = source.last_t
    target.last_v = source.last_v
    target.integral = source.integral
    target.increase = source.increase
    target.covered = source.covered


@njit(cache=True, nogil=True)
def _emit(state: Any, series: int, out: Any, n: int) -> int:
    """Close the open bucket: append it unless nothing fell into it."""
    if state.count == 0 and state.flagged == 0 and state.covered == 0:
        return n
    row = out[n]
    row.bucket = state.bucket
    row.series = series
    copy_partial(state, row)
    return n + 1


@njit(cache=True, nogil=True)
def _advance(state: Any, series: int, bucket: int, out: Any, n: int) -> int:
    """Move the open bucket forward to `bucket`, closing the one before."""
    if state.bucket == bucket:
        return n
    if state.bucket != NONE:
        n = _emit(state, series, out, n)
    clear(state)
    state.bucket = bucket
    state.closed = max(state.closed, bucket)
    return n


@njit(cache=True, nogil=True)
def _stretch(
    state: Any,
    series: int,
    kind: int,
    v: float,
    begin: int,
    end: int,
    period: int,
    out: Any,
    n: int,
) -> int:
    """Spread a value over the buckets of [begin, end), moving the open bucket along."""
    at = begin
    while at < end:
        bucket = at - at % BUCKET
        n = _advance(state, series, bucket, out, n)
        upto = min(end, bucket + BUCKET)
        cover(state, kind, v, upto - at, period)
        at = upto
    return n


@njit(cache=True, nogil=True)
def _settle(state: Any, series: int, until: int, out: Any, n: int) -> int:
    """Give the pending gauge sample the stretch it held until `until`."""
    if state.pend_t == NONE:
        return n
    end = min(until, state.pend_end)
    n = _stretch(state, series, _GAUGE, state.pend_v, state.pend_t, end, 0, out, n)
    state.pend_t = NONE
    return n


@njit(cache=True, nogil=True, inline="always")
def _continues(state: Any, t: int) -> bool:
    """Whether a gauge sample lies in the open bucket, behind a sample pending in it too.

    Nearly every live sample does. Asking this first spares the general way its divisions: 12
    million readings a second without, on the machine where it was 5 times that with.
    """
    inside: bool = t > state.last_seen and t < state.bucket + BUCKET
    pending: bool = state.pend_t >= state.bucket and state.pend_t != NONE
    whole: bool = state.broken == 0
    return inside and pending and whole


@njit(cache=True, nogil=True, inline="always")
def _go_on(state: Any, t: int, v: float, hold: int) -> None:
    """Fold a sample of which `_continues` is true: what the general way does, in one bucket."""
    overlap = min(t, state.pend_end) - state.pend_t
    state.covered += overlap
    state.integral += state.pend_v * (overlap * 1e-6)
    if state.count == 0:
        state.first_t = t
        state.first_v = v
    state.count += 1
    state.sum += v
    state.sumsq += v * v
    state.min = min(state.min, v)
    state.max = max(state.max, v)
    state.last_t = t
    state.last_v = v
    state.last_seen = t
    state.pend_t = t
    state.pend_end = t + hold
    state.pend_v = v


@njit(cache=True, nogil=True)
def order_by_row(rows: Any, t: Any, count: int, order: Any) -> bool:
    """Sort readings by row, keeping arrival order within a row; says whether t ascends there too.

    A counting sort: live batches come in order of time for each series, so nothing else is needed
    then, and it is several times as fast as a sort by two keys.

    Args:
        rows: row of each reading [n]. t: observed times [n].
        count: number of rows.
        order: int64 [n], filled with the permutation.
    """
    starts = np.zeros(count + 1, np.int64)
    for row in rows:
        starts[row + 1] += 1
    for row in range(count):
        starts[row + 1] += starts[row]
    newest = np.full(count, NONE, np.int64)
    ascends = True
    for i in range(rows.shape[0]):
        row = rows[i]
        order[starts[row]] = i
        starts[row] += 1
        if t[i] < newest[row]:
            ascends = False
        newest[row] = t[i]
    return ascends


@njit(cache=True, nogil=True)
def fold_stream(
    t: Any,
    v: Any,
    series: Any,
    bad: Any,
    decl: Any,
    kinds: Any,
    stamps: Any,
    periods: Any,
    holds: Any,
    state: Any,
    out: Any,
    late: Any,
) -> int:
    """Fold readings sorted by (series, t) into the open buckets; close those that are passed.

    What cannot be added at the end of its series (`_is_late`) is marked in `late`, and the caller
    recomputes what it touches; a series whose newest reading was such a one is `broken`, all its
    readings late, until it has been rebuilt.

    Args:
        t: observed times [n], microseconds. v: values [n]. series: index into `state` [n].
        bad: readings to count as flagged and leave out otherwise [n], bool.
        decl: row of the declaration tables that applies to each reading [n].
        kinds, stamps, periods, holds: the declaration tables; durations in microseconds.
        state: one record per series (`aggregator.columns.STATE`), updated.
        out: ROLLUP records, filled with closed buckets; `series` is the index into `state`.
        late: bool [n], set.

    Returns how many records of `out` were filled.
    """
    n = 0
    for i in range(t.shape[0]):
        s = series[i]
        ai = state[s]
        d = decl[i]
        kind = kinds[d]
        if kind == _GAUGE and not bad[i] and _continues(ai, t[i]):
            _go_on(ai, t[i], v[i], holds[d])
            continue
        begin = span_begin(kind, stamps[d], periods[d], t[i])
        if ai.oldest == NONE or t[i] < ai.oldest:
            ai.oldest = t[i]
        if _is_late(ai, begin, t[i]):
            late[i] = True
            continue
        bucket = begin - begin % BUCKET
        if bad[i]:
            n = _hold_over(ai, s, bucket, out, n)
            n = _advance(ai, s, bucket, out, n)
            ai.flagged += 1
            continue
        n = _settle(ai, s, t[i], out, n)
        n = _advance(ai, s, bucket, out, n)
        anchor(ai, t[i], v[i])
        if kind == _GAUGE:
            _hold(ai, t[i], v[i], holds[d])
        else:
            n = _stretch(ai, s, kind, v[i], begin, begin + periods[d], periods[d], out, n)
    return n


@njit(cache=True, nogil=True)
def _is_late(state: Any, begin: int, t: int) -> bool:
    """Whether a reading cannot be added at the end of its series; remembers how far that is."""
    newest = t > state.last_seen
    back = begin - begin % BUCKET < state.closed or (state.pend_t != NONE and begin < t)
    late: bool = not newest or back or state.broken != 0
    if newest:
        state.last_seen = t
        if late:
            state.broken = 1
    return late


@njit(cache=True, nogil=True)
def _hold(state: Any, t: int, v: float, hold: int) -> None:
    """Let a gauge sample hold until the next one comes."""
    state.min = min(state.min, v)
    state.max = max(state.max, v)
    state.pend_t = t
    state.pend_end = t + hold
    state.pend_v = v


@njit(cache=True, nogil=True)
def _hold_over(state: Any, series: int, bucket: int, out: Any, n: int) -> int:
    """Settle what the pending sample held before `bucket`; it goes on holding there."""
    if state.pend_t == NONE or state.pend_t >= bucket:
        return n
    end = min(bucket, state.pend_end)
    n = _stretch(state, series, _GAUGE, state.pend_v, state.pend_t, end, 0, out, n)
    if end < state.pend_end:
        state.pend_t = bucket
    else:
        state.pend_t = NONE
    return n
