"""Where windows' buckets come from: the ring of recent ones, or the store."""

from typing import Final

import numpy as np

from aggregator.buckets import SLOTS
from aggregator.columns import CELL, no_cells
from aggregator.derive import all_layers
from aggregator.judge import Judge
from aggregator.kernels.fold import BUCKET
from aggregator.kernels.refold import snapshot, snapshot_size
from aggregator.kernels.windows import put_cells
from aggregator.layers import Layers
from aggregator.loading import Extents
from aggregator.plan import Members, RulePlan
from aggregator.series_table import Ints
from aggregator.shard import Shard
from aggregator.stations import Cells, Folds
from aggregator.touched import Chunk, Windows, chunks
from cityvitals.domain.arrays import ROLLUP
from cityvitals.store import derived
from cityvitals.store.pool import Connection

_SPAN_US: Final = 31 * 96 * BUCKET
_BYTES: Final = 64 * 2**20
"""Of buckets in memory at a time."""


def ring(shard: Shard) -> Cells:
    """The ring of recent buckets."""
    return Cells(shard.buckets.cells, np.arange(len(shard.table), dtype=np.int64))


def divide(extents: Extents, windows: list[Windows]) -> tuple[list[Windows], list[Chunk]]:
    """Windows that the ring holds whole, and chunks of those that it does not."""
    recent: list[Windows] = []
    older: list[Windows] = []
    for one in windows:
        end = extents.get(one.plan.city.id, (0, 0))[1]
        held = one.begins - one.plan.reach.back >= end - SLOTS * BUCKET
        recent.append(one.where(held))
        older.append(one.where(~held))
    return [one for one in recent if len(one.begins)], chunks(older, _SPAN_US)


class Stored:
    """Buckets from the store, folded already: they were too many to be kept.

    Holds the folds of some pieces of windows, each of which is evaluated once.
    """

    def __init__(self) -> None:
        self._folds: dict[tuple[int, int], Folds] = {}

    def put(self, plan: RulePlan, index: int, folds: Folds) -> None:
        """Take the folds of a plan's input for the piece that is evaluated next."""
        self._folds[id(plan), index] = folds

    def folds(self, plan: RulePlan, index: int, layers: Layers) -> Folds:  # noqa: ARG002
        """The folds of a plan's input."""
        return self._folds[id(plan), index]


async def from_store(
    connection: Connection, shard: Shard, judge: Judge, chunk: Chunk, extents: Extents
) -> list[tuple[Windows, Stored]]:
    """Pieces of a chunk's windows with their folds.

    The buckets are read in the transaction that wrote the newest of them, some series at a time,
    and no time is looked at in which a city has none.

    Raises:
        StoreUnavailable: the server is away.
    """
    pieces = [part for one in chunk.windows for part in judge.parts(one)]
    wanted = [_Wanted(piece) for piece in pieces]
    of_stations = [one.plan.feeds for one in pieces if one.plan.members]
    rows = np.flatnonzero(np.logical_or.reduce(of_stations)) if of_stations else np.empty(0, int)
    begin, end = _reach(chunk, extents)
    slots = max(1, (end - begin) // BUCKET)
    most = max(1, _BYTES // (CELL.itemsize * slots))
    for first in range(0, len(rows), most):
        cells = await _read(connection, shard, rows[first : first + most], begin, end)
        for one in wanted:
            one.fold(cells)
    return [(one.windows, one.stored()) for one in wanted]


def _reach(chunk: Chunk, extents: Extents) -> tuple[int, int]:
    """The part of a chunk's time in which its cities have buckets."""
    found = [extents.get(one.plan.city.id, (chunk.begin, chunk.end)) for one in chunk.windows]
    begin = max(chunk.begin, min(first for first, _ in found))
    end = min(chunk.end, max(last for _, last in found))
    return begin - begin % BUCKET, max(begin, end)


class _Wanted:
    """The folds of one piece, filled some series at a time."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self._layers = all_layers(windows.plan, windows.begins, windows.ends)
        members = windows.plan.members
        self._whole = [
            np.zeros((len(inner.begins), len(one.rows), 4))
            for inner, one in zip(self._layers, members, strict=True)
        ]
        self._lowest = [
            np.zeros((len(inner.lowest[0]), len(one.rows), 4)) if inner.levels else whole
            for inner, one, whole in zip(self._layers, members, self._whole, strict=True)
        ]

    def fold(self, cells: Cells) -> None:
        """Fold what these cells hold."""
        for index, (inner, members) in enumerate(
            zip(self._layers, self.windows.plan.members, strict=True)
        ):
            here = np.flatnonzero(cells.at[members.rows] >= 0)
            some = _some(members, here)
            self._whole[index][:, here] = cells.fold(some, inner.begins, inner.ends)
            if inner.levels:
                self._lowest[index][:, here] = cells.fold(some, *inner.lowest)

    def stored(self) -> Stored:
        """All of them."""
        found = Stored()
        for index, (whole, lowest) in enumerate(zip(self._whole, self._lowest, strict=True)):
            found.put(self.windows.plan, index, Folds(whole, lowest))
        return found


def _some(members: Members, at: Ints) -> Members:
    """Some members, out of their groups."""
    return Members(
        rows=members.rows[at],
        since=members.since[at],
        until=members.until[at],
        offsets=members.offsets,
        group=members.group[at],
    )


async def _read(connection: Connection, shard: Shard, rows: Ints, begin: int, end: int) -> Cells:
    """The buckets of some series in [begin, end), open ones included."""
    at = np.full(len(shard.table), -1, np.int64)
    at[rows] = np.arange(len(rows))
    cells = no_cells(len(rows), max(1, (end - begin) // BUCKET))
    ids = shard.table.ids[rows].tolist()
    stored = await derived.read_cells(connection, ids, begin, end)
    stored["series"] = at[shard.table.rows(stored["series"])]
    put_cells(cells, stored)
    opened = np.empty(snapshot_size(shard.buckets.state, rows), ROLLUP)
    opened = opened[: snapshot(shard.buckets.state, rows, opened)]
    inside = (opened["bucket"] >= begin) & (opened["bucket"] < end)
    opened = opened[inside]
    opened["series"] = at[opened["series"]]
    put_cells(cells, opened)
    return Cells(cells, at, (begin // BUCKET, end // BUCKET))
