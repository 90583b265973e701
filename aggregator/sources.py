"""Where windows' buckets come from: the ring of recent ones, or the store."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from aggregator.columns import CELL, no_cells
from aggregator.derive import judged_by_city, judged_of, until_of
from aggregator.frame import all_layers
from aggregator.judge import Judge
from aggregator.kernels.partial import BUCKET
from aggregator.kernels.refold import snapshot, snapshot_size
from aggregator.kernels.windows import put_cells
from aggregator.layers import Layers
from aggregator.loading import Extents
from aggregator.members import Members
from aggregator.memo import Memo
from aggregator.merging import together
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.shard import Shard
from aggregator.stations import Cells, Said, Who, said
from aggregator.touched import Chunk, Windows
from cityvitals.domain.arrays import ROLLUP
from cityvitals.store import derived
from cityvitals.store.pool import Connection

_BYTES: Final = 64 * 2**20
"""Of buckets in memory at a time."""


def ring(shard: Shard) -> Cells:
    """The ring of recent buckets, as long as nothing is put into it."""
    rows = np.arange(len(shard.table), dtype=np.int64)
    return Cells(shard.buckets.cells, rows, memo=Memo(), heard=Memo())


class Stored:
    """What the stations of some pieces of windows say by buckets from the store.

    Folded some stations at a time, since the buckets are too many to be kept.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[int, int, bytes], Said] = {}

    def put(self, plan: RulePlan, index: int, judged: Ints, found: Said) -> None:
        """Take what an input of a plan comes to, for the piece that is evaluated next."""
        self._said[id(plan), index, judged.tobytes()] = found

    def said(
        self,
        plan: RulePlan,
        index: int,
        layers: Layers,  # noqa: ARG002 - known when it was folded
        judged: Ints,
        until: Ints,  # noqa: ARG002
    ) -> Said:
        """What an input of a plan comes to at each member."""
        return self._said[id(plan), index, judged.tobytes()]


async def from_store(
    connection: Connection, shard: Shard, judge: Judge, chunk: Chunk, extents: Extents
) -> list[tuple[Windows, Stored]]:
    """Pieces of a chunk's windows with their folds.

    The buckets are read after the transaction that wrote the newest of them, some series at a
    time, and no time is looked at in which a city has none.

    Raises:
        StoreUnavailable: the server is away.
    """
    pieces = [part for one in chunk.windows for part in judge.parts(one)]
    wanted = [_Wanted(piece, judge.judged(piece)[1]) for piece in pieces]
    of_stations = [one.plan.feeds for one in pieces if one.plan.members]
    rows = np.flatnonzero(np.logical_or.reduce(of_stations)) if of_stations else np.empty(0, int)
    begin, end = _reach(chunk, extents)
    slots = max(1, (end - begin) // BUCKET)
    longest = max((one.shortest_windows for one in wanted), default=0)
    most = max(1, _BYTES // (CELL.itemsize * max(slots, longest)))
    for first in range(0, max(len(rows), 1), most):  # once where no station is left, too
        cells = await _read(connection, shard, rows[first : first + most], begin, end)
        shared: dict[int, tuple[Ints, Members]] = {}
        for one in wanted:
            await asyncio.to_thread(one.fold, cells, shared)
    return [(one.windows, one.stored()) for one in wanted]


def _reach(chunk: Chunk, extents: Extents) -> tuple[int, int]:
    """The part of a chunk's time in which its cities have buckets."""
    found = [extents.get(one.plan.city.id, (chunk.begin, chunk.end)) for one in chunk.windows]
    begin = max(chunk.begin, min(first for first, _ in found))
    end = min(chunk.end, max(last for _, last in found))
    return begin - begin % BUCKET, max(begin, end)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one input comes to, judged in one way.

    Attributes:
        parts: places of some members, and what they say.
    """

    index: int
    judged: Ints
    until: Ints
    parts: list[tuple[Ints, Said]] = field(default_factory=list)


class _Wanted:
    """What the stations of one piece say, filled some series at a time.

    Args:
        windows: the piece.
        judged: how much of each window coverage counts against [w, g].
    """

    def __init__(self, windows: Windows, judged: Ints) -> None:
        self.windows = windows
        plan, begins = windows.plan, windows.begins
        self._layers = all_layers(plan, begins, windows.ends) if plan.members else []
        by_city = judged_by_city(plan, judged)
        self._asked = [
            _Asked(
                index, judged_of(inner, begins, each), until_of(plan, begins, windows.ends, each)
            )
            for each in (judged, by_city)
            if each is not None
            for index, inner in enumerate(self._layers)
        ]

    @property
    def shortest_windows(self) -> int:
        """How many windows are folded from quarter hours."""
        return max((len(inner.lowest[0]) for inner in self._layers), default=0)

    def fold(self, cells: Cells, shared: dict[int, tuple[Ints, Members]]) -> None:
        """Fold what these cells hold.

        Args:
            cells: buckets of some series.
            shared: which of an input's members they are, for rules that have the same.
        """
        plan = self.windows.plan
        for one in self._asked:
            index, inner = one.index, self._layers[one.index]
            members = plan.members[index]
            if id(members) not in shared:
                mine = np.flatnonzero(cells.at[members.rows] >= 0)
                shared[id(members)] = mine, members.some(mine)
            here, some = shared[id(members)]
            who = Who(plan, index, some, plan.scales[index][here])
            folds = cells.folds(some, inner)
            one.parts.append((here, said(who, inner, folds, one.judged, one.until)))

    def stored(self) -> Stored:
        """All of it."""
        found = Stored()
        for one in self._asked:
            found.put(self.windows.plan, one.index, one.judged, together(one.parts))
        return found


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
    return Cells(cells, at, (begin // BUCKET, end // BUCKET), Memo())
