"""Folding stored readings over given bucket ranges: the recomputing twin of `fold_stream`."""

from typing import Any

import numpy as np
from numba import njit

from aggregator.kernels.partial import (
    BUCKET,
    COUNTER,
    NONE,
    NOTHING,
    add_rise,
    anchor,
    anchor_more,
    are_samples,
    clear,
    compare,
    copy_partial,
    cover,
    is_held,
    is_interval,
    rise_between,
    span_begin,
)


@njit(cache=True, nogil=True)
def _spread(
    out: Any,
    base: int,
    first: int,
    count: int,
    code: int,
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
        cover(out[base + (bucket - first) // BUCKET], code, v, upto - at, period)
        at = upto


@njit(cache=True, nogil=True)
def _spread_rise(
    out: Any,
    base: int,
    first: int,
    count: int,
    rise: float,
    begin: int,
    end: int,
    hold: int,
) -> None:
    """Spread a counter's rise over those buckets of [begin, end) that lie in the range."""
    gap = end - begin
    at = max(begin, first)
    end = min(end, first + count * BUCKET)
    while at < end:
        bucket = at - at % BUCKET
        upto = min(end, bucket + BUCKET)
        add_rise(out[base + (bucket - first) // BUCKET], rise, upto - at, gap, hold)
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
def fold_ranges(
    t: Any,
    v: Any,
    bad: Any,
    decl: Any,
    declared: Any,
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
        declared: the declaration tables (`aggregator.columns.Declared`).
        starts: offsets of the requests' readings [r + 1].
        series: index into the state, per request [r]; written to `out`.
        firsts: begin of the first bucket [r], microseconds. counts: buckets in the range [r].
        open_from: where the newest held sample is to stay pending: the begin of the bucket that
            remains open, or NONE to spread it whole [r].
        out: ROLLUP records [sum of counts], filled in request order.
        pending: float64 [r, 4] (time, end, value) of the sample that stays pending; time is NONE
            where none does; and the code of the newest reading. Exact: times are below 2**53.
    """
    base = 0
    for r in range(series.shape[0]):
        first = firsts[r]
        count = counts[r]
        _prepare(out, base, first, count, series[r])
        pending[r, 0] = NONE
        pending[r, 3] = NOTHING
        low, high = starts[r], starts[r + 1]
        last = _fold_range(t, v, bad, decl, declared, low, high, out, base, first, count)
        if last >= 0:
            d = decl[last]
            code = declared.codes[d]
            pending[r, 3] = code
            if is_held(code):
                hold, row = declared.holds[d], pending[r]
                _finish(out, base, first, count, code, t[last], hold, v[last], open_from[r], row)
        base += count


@njit(cache=True, nogil=True)
def _fold_range(
    t: Any,
    v: Any,
    bad: Any,
    decl: Any,
    declared: Any,
    low: int,
    high: int,
    out: Any,
    base: int,
    first: int,
    count: int,
) -> int:
    """Fold readings low:high over one range; returns which good one is the newest, or -1."""
    last = -1
    upto = first + count * BUCKET
    for i in range(low, high):
        d = decl[i]
        code = declared.codes[d]
        begin = span_begin(code, declared.stamps[d], declared.periods[d], t[i])
        inside = first <= begin < upto
        at = base + (begin - first) // BUCKET
        if bad[i]:
            if inside:
                out[at].flagged += 1
            continue
        held_on = False
        if last >= 0:
            held_on = _follow(t, v, decl, declared, last, i, out, base, first, count)
        if inside:
            anchor(out[at], t[i], v[i])
            anchor_more(out[at], code, v[i])
            if held_on:
                compare(out[at], v[last], v[i], declared.steps[d])
        if is_interval(code):
            period = declared.periods[d]
            _spread(out, base, first, count, code, v[i], begin, begin + period, period)
        last = i
    return last


@njit(cache=True, nogil=True)
def _follow(
    t: Any,
    v: Any,
    decl: Any,
    declared: Any,
    last: int,
    i: int,
    out: Any,
    base: int,
    first: int,
    count: int,
) -> bool:
    """Add what only the next reading tells of the one before: how long it held, how far it rose.

    Returns whether both are samples, and the one before still held.
    """
    was, now = decl[last], decl[i]
    before, code = declared.codes[was], declared.codes[now]
    if is_held(before):
        end = t[last] + declared.holds[was]
        until = min(t[i], end)
        _spread(out, base, first, count, before, v[last], t[last], until, 0)
        return are_samples(before, code) and t[i] <= end
    gap = t[i] - t[last]
    if before == COUNTER and code == COUNTER and gap <= declared.reaches[now]:
        rise = rise_between(v[last], v[i], declared.moduli[now])
        _spread_rise(out, base, first, count, rise, t[last], t[i], declared.holds[now])
    return False


@njit(cache=True, nogil=True)
def _finish(
    out: Any,
    base: int,
    first: int,
    count: int,
    code: int,
    t: int,
    hold: int,
    v: float,
    open_from: int,
    pending: Any,
) -> None:
    """Spread the newest held sample, up to the open bucket where that is asked for."""
    end = t + hold
    if open_from == NONE:
        _spread(out, base, first, count, code, v, t, end, 0)
        return
    _spread(out, base, first, count, code, v, t, min(end, open_from), 0)
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
            code = ai.last_code
            _spread(out, n, first, count, code, ai.pend_v, ai.pend_t, ai.pend_end, 0)
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
    state.pend_t = NONE
    if pending[0] != NONE:
        state.pend_t = np.int64(pending[0])
        state.pend_end = np.int64(pending[1])
        state.pend_v = pending[2]
    state.last_code = np.int16(pending[3])
    state.broken = 0
