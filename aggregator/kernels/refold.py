"""Folding stored readings over given bucket ranges: the recomputing twin of `fold_stream`."""

from typing import Any

import numpy as np
from numba import njit

from aggregator.kernels.fold import BUCKET, NONE, anchor, clear, copy_partial, cover, span_begin


@njit(cache=True, nogil=True)
def _spread(
    out: Any,
    base: int,
    first: int,
    count: int,
    kind: int,
    v: float,
    begin: int,
    end: int,
    period: int,
) -> None:
    """Spread a value over those buckets of [begin, end) that lie in the range."""
    at = max(begin, first)
    end = min(end, first + count * BUCKET)
    while at < end:
        bucket = at - at % BUCKET
        upto = min(end, bucket + BUCKET)
        cover(out[base + (bucket - first) // BUCKET], kind, v, upto - at, period)
        at = upto


@njit(cache=True, nogil=True)
def _prepare(out: Any, base: int, first: int, count: int, series: int) -> None:
    """Make the range's records empty, each with its key."""
    for k in range(count):
        row = out[base + k]
        clear(row)
        row.bucket = first + k * BUCKET
        row.series = series


@njit(cache=True, nogil=True)
def _anchor_in_range(
    out: Any, base: int, first: int, count: int, begin: int, kind: int, t: int, v: float, bad: bool
) -> None:
    """Count a reading in its anchor bucket, if that lies in the range."""
    if begin < first or begin >= first + count * BUCKET:
        return
    row = out[base + (begin - begin % BUCKET - first) // BUCKET]
    if bad:
        row.flagged += 1
        return
    anchor(row, t, v)
    if kind == 0:
        row.min = min(row.min, v)
        row.max = max(row.max, v)


@njit(cache=True, nogil=True)
def fold_ranges(
    t: Any,
    v: Any,
    bad: Any,
    decl: Any,
    kinds: Any,
    stamps: Any,
    periods: Any,
    holds: Any,
    starts: Any,
    series: Any,
    firsts: Any,
    counts: Any,
    open_from: Any,
    out: Any,
    pending: Any,
) -> None:
    """Fold each request's readings over its range of buckets.

    A request is readings `starts[r]:starts[r + 1]` of one series, sorted by time, that hold every
    reading whose span reaches into its range.

    Args:
        t, v, bad, decl: as in `fold_stream`, but of stored readings.
        kinds, stamps, periods, holds: the declaration tables.
        starts: offsets of the requests' readings [r + 1].
        series: index into the state, per request [r]; written to `out`.
        firsts: begin of the first bucket [r], microseconds. counts: buckets in the range [r].
        open_from: where the newest gauge sample is to stay pending: the begin of the bucket that
            remains open, or NONE to spread it whole [r].
        out: ROLLUP records [sum of counts], filled in request order.
        pending: float64 [r, 3] (time, end, value) of the sample that stays pending; time is NONE
            where none does. Exact: times are below 2**53.
    """
    base = 0
    for r in range(series.shape[0]):
        first = firsts[r]
        count = counts[r]
        _prepare(out, base, first, count, series[r])
        pending[r, 0] = NONE
        low, high = starts[r], starts[r + 1]
        held = _fold_range(
            t, v, bad, decl, kinds, stamps, periods, holds, low, high, out, base, first, count
        )
        if held >= 0:
            hold = holds[decl[held]]
            row = pending[r]
            _finish(out, base, first, count, t[held], hold, v[held], open_from[r], row)
        base += count


@njit(cache=True, nogil=True)
def _fold_range(
    t: Any,
    v: Any,
    bad: Any,
    decl: Any,
    kinds: Any,
    stamps: Any,
    periods: Any,
    holds: Any,
    low: int,
    high: int,
    out: Any,
    base: int,
    first: int,
    count: int,
) -> int:
    """Fold readings low:high over one range; returns which gauge sample still holds, or -1."""
    held = -1
    for i in range(low, high):
        d = decl[i]
        kind = kinds[d]
        begin = span_begin(kind, stamps[d], periods[d], t[i])
        _anchor_in_range(out, base, first, count, begin, kind, t[i], v[i], bad[i])
        if bad[i]:
            continue
        if held >= 0:
            end = min(t[i], t[held] + holds[decl[held]])
            _spread(out, base, first, count, 0, v[held], t[held], end, 0)
            held = -1
        if kind == 0:
            held = i
        else:
            _spread(out, base, first, count, kind, v[i], begin, begin + periods[d], periods[d])
    return held


@njit(cache=True, nogil=True)
def _finish(
    out: Any,
    base: int,
    first: int,
    count: int,
    t: int,
    hold: int,
    v: float,
    open_from: int,
    pending: Any,
) -> None:
    """Spread the newest gauge sample, up to the open bucket where that is asked for."""
    end = t + hold
    if open_from == NONE:
        _spread(out, base, first, count, 0, v, t, end, 0)
        return
    _spread(out, base, first, count, 0, v, t, min(end, open_from), 0)
    if end > open_from:
        pending[0] = max(t, open_from)
        pending[1] = end
        pending[2] = v


@njit(cache=True, nogil=True)
def snapshot(state: Any, series: Any, out: Any) -> int:
    """The open buckets of some series as they would be if nothing more came.

    Args:
        state: the state records; not changed. series: indices into it [n].
        out: ROLLUP records, room for the buckets that pending samples reach.

    Returns:
        How many records of `out` were filled.
    """
    n = 0
    for s in series:
        ai = state[s]
        if ai.bucket == NONE:
            continue
        first = ai.bucket
        end = first + BUCKET
        if ai.pend_t != NONE:
            end = max(end, ai.pend_end)
        count = -(-(end - first) // BUCKET)
        _prepare(out, n, first, count, s)
        copy_partial(ai, out[n])
        if ai.pend_t != NONE:
            _spread(out, n, first, count, 0, ai.pend_v, ai.pend_t, ai.pend_end, 0)
        n += count
    return n


@njit(cache=True, nogil=True)
def snapshot_size(state: Any, series: Any) -> int:
    """How many records `snapshot` may fill."""
    n = 0
    for s in series:
        ai = state[s]
        if ai.bucket != NONE:
            n += 1
            if ai.pend_t != NONE:
                n += max(0, ai.pend_end - ai.bucket) // BUCKET + 1
    return n


@njit(cache=True, nogil=True)
def restore(state: Any, row: Any, pending: Any) -> None:
    """Make a series' open bucket what a refold of it says, so that streaming can go on."""
    copy_partial(row, state)
    state.bucket = row.bucket
    state.closed = row.bucket
    state.pend_t = NONE
    if pending[0] != NONE:
        state.pend_t = np.int64(pending[0])
        state.pend_end = np.int64(pending[1])
        state.pend_v = pending[2]
    state.broken = 0
