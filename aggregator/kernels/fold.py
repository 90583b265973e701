"""Folding readings into quarter-hour partials: the streaming kernel; `refold` folds any range.

Both add what each reading contributes to a bucket (`partial`) in order of observed time, so that
it comes out bit for bit the same whether its readings streamed in or were read back.

Field access by literal name keeps one record per series in one or two cache lines; splitting the
record into arrays of fields was measured slower at a million series (design figures: 7 against 20
million readings a second).
"""

from typing import Any

import numpy as np
from numba import njit

from aggregator.kernels.partial import (
    BUCKET,
    COUNTER,
    GAUGE,
    NONE,
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
def _emit(state: Any, series: int, out: Any, n: int) -> int:
    """Close the open bucket: append it unless nothing fell into it."""
    if state.count == 0 and state.flagged == 0 and state.covered == 0 and state.estimated == 0:
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
    return n


@njit(cache=True, nogil=True)
def _stretch(
    state: Any,
    series: int,
    code: int,
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
        cover(state, code, v, upto - at, period)
        at = upto
    return n


@njit(cache=True, nogil=True)
def _rise(
    state: Any,
    series: int,
    t: int,
    v: float,
    hold: int,
    reach: int,
    modulus: float,
    out: Any,
    n: int,
) -> int:
    """Spread how far a counter went on since its reading in the open bucket, if there is one."""
    gap = t - state.last_t
    if state.last_code != COUNTER or state.count == 0 or gap > reach:
        return n
    rise = rise_between(state.last_v, v, modulus)
    at = state.last_t
    while at < t:
        bucket = at - at % BUCKET
        n = _advance(state, series, bucket, out, n)
        upto = min(t, bucket + BUCKET)
        add_rise(state, rise, upto - at, gap, hold)
        at = upto
    return n


@njit(cache=True, nogil=True)
def _settle(state: Any, series: int, until: int, out: Any, n: int) -> int:
    """Give the pending sample the stretch it held until `until`."""
    if state.pend_t == NONE:
        return n
    end = min(until, state.pend_end)
    n = _stretch(state, series, state.last_code, state.pend_v, state.pend_t, end, 0, out, n)
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
    whole: bool = state.broken == 0 and state.last_code == GAUGE
    return inside and pending and whole


@njit(cache=True, nogil=True, inline="always")
def _go_on(
    state: Any,
    i: int,
    t: Any,
    v: Any,
    series: Any,
    bad: Any,
    decl: Any,
    holds: Any,
    steps: Any,
) -> int:
    """Fold samples from one on of which `_continues` is true, as far as they are of one run.

    What the general way does, in one bucket. Sums are kept in registers meanwhile: added up in the
    record, each waits for the one before to be stored. Returns where the run ends.
    """
    upto = state.bucket + BUCKET
    since, until, before = state.pend_t, state.pend_end, state.pend_v
    covered, integral = state.covered, state.integral
    total, squares, low, high = state.sum, state.sumsq, state.min, state.max
    repeated, stepped = state.repeated, state.stepped
    if state.count == 0:
        state.first_t = t[i]
        state.first_v = v[i]
    begun, row, d = i, series[i], decl[i]
    hold, step = holds[d], steps[d]
    while True:
        now, value = t[i], v[i]
        overlap = min(now, until) - since
        covered += overlap
        integral += before * (overlap * 1e-6)
        held = now <= until
        repeated += held and value == before
        stepped += held and abs(value - before) > step
        total += value
        squares += value * value
        low = min(low, value)
        high = max(high, value)
        since, until, before = now, now + hold, value
        i += 1
        if i == t.shape[0] or series[i] != row or decl[i] != d or bad[i]:
            break
        if t[i] <= since or t[i] >= upto:
            break
    state.count += i - begun
    state.sum, state.sumsq, state.min, state.max = total, squares, low, high
    state.covered, state.integral = covered, integral
    state.repeated, state.stepped = repeated, stepped
    state.last_t, state.last_v, state.last_seen = since, before, since
    state.pend_t, state.pend_end, state.pend_v = since, until, before
    return i


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
    declared: Any,
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
        declared: the declaration tables (`aggregator.columns.Declared`).
        state: one record per series (`aggregator.columns.STATE`), updated.
        out: ROLLUP records, filled with closed buckets; `series` is the index into `state`.
        late: bool [n], set.

    Returns how many records of `out` were filled.
    """
    # Taken out once: inside the loop each would be counted as a reference, and counted down.
    codes, stamps, periods, holds, reaches, moduli, steps = declared
    n = upto = 0
    for i in range(t.shape[0]):
        if i < upto:
            continue
        s = series[i]
        ai = state[s]
        d = decl[i]
        code = codes[d]
        if code == GAUGE and not bad[i] and _continues(ai, t[i]):
            upto = _go_on(ai, i, t, v, series, bad, decl, holds, steps)
            continue
        begin = span_begin(code, stamps[d], periods[d], t[i])
        if _is_late(ai, begin, t[i], code == COUNTER and not bad[i]):
            late[i] = True
        elif bad[i]:
            n = _flag(ai, s, begin - begin % BUCKET, out, n)
        else:
            held_v, held_on = ai.pend_v, _is_held_on(ai, code, t[i])
            n = _settle(ai, s, t[i], out, n)
            if code == COUNTER:
                n = _rise(ai, s, t[i], v[i], holds[d], reaches[d], moduli[d], out, n)
            n = _advance(ai, s, begin - begin % BUCKET, out, n)
            _anchor(ai, code, t[i], v[i], holds[d])
            if held_on:
                compare(ai, held_v, v[i], steps[d])
            if is_interval(code):
                end = begin + periods[d]
                n = _stretch(ai, s, code, v[i], begin, end, periods[d], out, n)
    return n


@njit(cache=True, nogil=True)
def _anchor(state: Any, code: int, t: int, v: float, hold: int) -> None:
    """Count a reading in the open bucket; what holds waits for how long."""
    anchor(state, t, v)
    anchor_more(state, code, v)
    state.last_code = code
    if is_held(code):
        state.pend_t = t
        state.pend_end = t + hold
        state.pend_v = v


@njit(cache=True, nogil=True)
def _is_held_on(state: Any, code: int, t: int) -> bool:
    """Whether the sample before a sample still held when that was taken."""
    sampled: bool = are_samples(state.last_code, code)
    held: bool = state.pend_t != NONE and t <= state.pend_end
    return sampled and held


@njit(cache=True, nogil=True)
def _is_late(state: Any, begin: int, t: int, counts: bool) -> bool:
    """Whether a reading cannot be added at the end of its series; remembers how far it goes.

    Nor can a counter's whose reading before lies in a bucket that is closed (a flagged one came in
    between): what it rose since belongs there, too.
    """
    if state.oldest == NONE or t < state.oldest:
        state.oldest = t
    newest = t > state.last_seen
    back = begin - begin % BUCKET < state.bucket or (state.pend_t != NONE and begin < t)
    apart = counts and state.last_code == COUNTER and state.count == 0
    late: bool = not newest or back or apart or state.broken != 0
    if newest:
        state.last_seen = t
        if late:
            state.broken = 1
    return late


@njit(cache=True, nogil=True)
def _flag(state: Any, series: int, bucket: int, out: Any, n: int) -> int:
    """Count a flagged reading in its bucket."""
    n = _hold_over(state, series, bucket, out, n)
    n = _advance(state, series, bucket, out, n)
    state.flagged += 1
    return n


@njit(cache=True, nogil=True)
def _hold_over(state: Any, series: int, bucket: int, out: Any, n: int) -> int:
    """Settle what the pending sample held before `bucket`; it goes on holding there."""
    if state.pend_t == NONE or state.pend_t >= bucket:
        return n
    end = min(bucket, state.pend_end)
    n = _stretch(state, series, state.last_code, state.pend_v, state.pend_t, end, 0, out, n)
    if end < state.pend_end:
        state.pend_t = bucket
    else:
        state.pend_t = NONE
    return n
