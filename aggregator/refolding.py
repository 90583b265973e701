"""Recomputing buckets from stored readings, and giving streams their open bucket back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aggregator.backlog import Request
from aggregator.buckets import Buckets
from aggregator.kernels.partial import BUCKET, LEVEL_MEAN, MEAN, NONE, TOTAL
from aggregator.kernels.refold import fold_ranges, restore
from aggregator.series_table import Ints, SeriesTable
from cityvitals.domain.arrays import ROLLUP, Records, empty
from cityvitals.domain.names import EXCLUDING_FLAGS, Stamp

_GROUP_US: Final = 2 * 86_400_000_000
"""Requests that begin within so long of each other share a query."""


@dataclass(frozen=True, slots=True)
class Load:
    """Readings to fetch for some requests: of `rows`, observed in [begin, end)."""

    requests: tuple[Request, ...]
    rows: tuple[int, ...]
    begin: int
    end: int


def plan_loads(requests: Sequence[Request], table: SeriesTable, buckets: Buckets) -> list[Load]:
    """Group requests that lie close together in time, so that one query serves them."""
    loads: list[Load] = []
    group: list[Request] = []
    for request in sorted(requests, key=lambda one: (one.begin, one.row)):
        if group and request.begin - group[0].begin > _GROUP_US:
            loads.append(_load(group, table, buckets))
            group = []
        group.append(request)
    if group:
        loads.append(_load(group, table, buckets))
    return loads


def _load(group: list[Request], table: SeriesTable, buckets: Buckets) -> Load:
    spans = [_needed(request, table, buckets) for request in group]
    return Load(
        requests=tuple(group),
        rows=tuple(sorted({request.row for request in group})),
        begin=min(low for low, _ in spans),
        end=max(high for _, high in spans),
    )


def is_open(request: Request, buckets: Buckets) -> bool:
    """Whether a request reaches the series' open bucket, which then is restored from it."""
    state = buckets.state[request.row]
    return bool(state["broken"]) or (state["bucket"] != NONE and request.end > state["bucket"])


def begin_of(request: Request, buckets: Buckets) -> int:
    """Where recomputing begins: at the open bucket at the latest, where that is restored.

    But never where readings are gone: what is stored of an open bucket there stays.
    """
    bucket = int(buckets.state[request.row]["bucket"])
    if is_open(request, buckets) and bucket != NONE:
        return max(min(request.begin, bucket), int(buckets.floor[request.row]))
    return request.begin


def _needed(request: Request, table: SeriesTable, buckets: Buckets) -> tuple[int, int]:
    """When the readings were observed that a request needs, [begin, end)."""
    begin = begin_of(request, buckets) - int(table.back[request.row])
    if is_open(request, buckets):
        return begin, int(buckets.state[request.row]["last_seen"]) + 1
    return begin, request.end + int(table.ahead[request.row]) + 1


@dataclass(frozen=True, slots=True)
class Refolded:
    """What recomputing gave.

    Attributes:
        rollups: every bucket of the requests but open ones (ROLLUP, `series` is the row); folds
            of nothing are there too, so that their stored rows go.
        restored: rows whose open bucket was restored.
    """

    rollups: Records
    restored: Ints


class _Slices:
    """A load's readings by row and time."""

    def __init__(self, readings: Records, table: SeriesTable) -> None:
        rows = table.rows(readings["series"])
        order = np.lexsort((readings["t"], rows))
        self.rows = rows[order]
        self.t: Ints = np.ascontiguousarray(readings["t"][order])
        self.v: NDArray[np.float64] = np.ascontiguousarray(readings["v"][order])
        self.bad = (readings["flags"][order] & EXCLUDING_FLAGS) != 0
        self.decl = table.declaration(self.rows, self.t)

    def of(self, row: int, begin: int, end: int) -> slice:
        """The readings of a row observed in [begin, end)."""
        low, high = np.searchsorted(self.rows, [row, row + 1])
        first, last = np.searchsorted(self.t[low:high], [begin, end])
        return slice(int(low + first), int(low + last))


def refold(load: Load, readings: Records, table: SeriesTable, buckets: Buckets) -> Refolded:
    """Recompute a load's requests from its readings; restores open buckets they reach."""
    slices = _Slices(readings, table)
    found = [slices.of(request.row, *_needed(request, table, buckets)) for request in load.requests]
    opened = np.array([is_open(request, buckets) for request in load.requests], np.bool_)
    firsts = np.array([begin_of(request, buckets) for request in load.requests], np.int64)
    open_from = np.full(len(found), NONE, np.int64)
    ends = np.array([request.end for request in load.requests], np.int64)
    for r in np.flatnonzero(opened):
        row = load.requests[r].row
        open_from[r] = max(_newest_bucket(slices, found[r], table), firsts[r])
        was = int(buckets.state[row]["bucket"])
        ends[r] = max(ends[r], open_from[r] + BUCKET, was + BUCKET)
    counts = (ends - firsts) // BUCKET
    picked = np.concatenate([np.arange(one.start, one.stop) for one in found]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum([one.stop - one.start for one in found])])
    rows = np.array([request.row for request in load.requests], np.int64)
    out = np.empty(int(counts.sum()), ROLLUP)
    pending = np.zeros((len(rows), 4))
    fold_ranges(
        slices.t[picked], slices.v[picked], slices.bad[picked], slices.decl[picked],
        table.declared, starts.astype(np.int64), rows, firsts, counts, open_from, out, pending,
    )  # fmt: skip
    _restore(out, rows, firsts, counts, open_from, pending, buckets)
    return Refolded(out, rows[opened])


def _restore(
    out: Records,
    rows: Ints,
    firsts: Ints,
    counts: Ints,
    open_from: Ints,
    pending: NDArray[np.float64],
    buckets: Buckets,
) -> None:
    """Move the open buckets among recomputed ones into the state; what is stored of them goes."""
    bases = np.cumsum(counts) - counts
    nothing = empty_rollup()
    for r in np.flatnonzero(open_from != NONE):
        at = int(bases[r] + (open_from[r] - firsts[r]) // BUCKET)
        restore(buckets.state[rows[r]], out[at], pending[r])
        key = out[at]["bucket"], out[at]["series"]
        out[at] = nothing[0]
        out[at]["bucket"], out[at]["series"] = key


def empty_rollup() -> Records:
    """One record: the fold of nothing."""
    record = np.zeros(1, ROLLUP)
    record["min"], record["max"] = np.inf, -np.inf
    return record


def _newest_bucket(slices: _Slices, found: slice, table: SeriesTable) -> int:
    """The bucket that the stream would have open after these readings."""
    t, decl = slices.t[found], slices.decl[found]
    if not len(t):
        return NONE
    periods = table.declared.periods[decl]
    interval = np.isin(table.declared.codes[decl], (MEAN, TOTAL, LEVEL_MEAN))
    ends_at_stamp = interval & (table.declared.stamps[decl] == Stamp.END)
    begin = np.where(ends_at_stamp, t - periods, t)
    spread = interval & ~slices.bad[found]
    newest = np.where(spread, begin + periods - 1, begin).max()
    return int(newest - newest % BUCKET)


def no_rollups() -> Records:
    """No records."""
    return empty(ROLLUP)
