"""Where windows' buckets come from: the ring of recent ones, or the store."""

import numpy as np

from aggregator.buckets import SLOTS
from aggregator.columns import no_cells
from aggregator.derive import Source
from aggregator.kernels.fold import BUCKET
from aggregator.kernels.refold import snapshot, snapshot_size
from aggregator.kernels.windows import put_cells
from aggregator.loading import Extents
from aggregator.shard import Shard
from aggregator.touched import Chunk, Windows, chunks, span_for
from cityvitals.domain.arrays import ROLLUP
from cityvitals.store import derived
from cityvitals.store.pool import Connection


def ring(shard: Shard) -> Source:
    """The ring of recent buckets."""
    return Source(shard.buckets.cells, np.arange(len(shard.table), dtype=np.int64))


def divide(
    shard: Shard, extents: Extents, windows: list[Windows]
) -> tuple[list[Windows], list[Chunk]]:
    """Windows that the ring holds whole, and chunks of those that it does not."""
    recent: list[Windows] = []
    older: list[Windows] = []
    for one in windows:
        end = extents.get(one.plan.city.id, (0, 0))[1]
        held = one.begins >= end - SLOTS * BUCKET
        recent.append(one.where(held))
        older.append(one.where(~held))
    return [one for one in recent if len(one.begins)], chunks(older, span_for(len(shard.table)))


async def from_store(connection: Connection, shard: Shard, chunk: Chunk) -> Source:
    """The buckets of a chunk's windows, read in the transaction that wrote the newest of them.

    Raises:
        StoreUnavailable: the server is away.
    """
    feeds = np.logical_or.reduce([one.plan.feeds for one in chunk.windows])
    rows = np.flatnonzero(feeds)
    at = np.full(len(shard.table), -1, np.int64)
    at[rows] = np.arange(len(rows))
    cells = no_cells(len(rows), (chunk.end - chunk.begin) // BUCKET)
    ids = shard.table.ids[rows].tolist()
    stored = await derived.read_cells(connection, ids, chunk.begin, chunk.end)
    stored["series"] = at[shard.table.rows(stored["series"])]
    put_cells(cells, stored)
    opened = np.empty(snapshot_size(shard.buckets.state, rows), ROLLUP)
    opened = opened[: snapshot(shard.buckets.state, rows, opened)]
    inside = (opened["bucket"] >= chunk.begin) & (opened["bucket"] < chunk.end)
    opened = opened[inside]
    opened["series"] = at[opened["series"]]
    put_cells(cells, opened)
    return Source(cells, at)
