"""A shard's memory at start: from its checkpoint, or rebuilt from what is stored."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import structlog

from aggregator import checkpoint
from aggregator.buckets import SLOTS
from aggregator.kernels.partial import BUCKET
from aggregator.series_table import Ints
from aggregator.shard import Changed, Shard
from cityvitals.domain.arrays import ROLLUP, empty
from cityvitals.store import derived, shards, tail
from cityvitals.store.model import load_model
from cityvitals.store.pool import Connection

Extents = dict[str, tuple[int, int]]
"""By city: begin of its first bucket, end of its last one, microseconds; those count, too, that it
had when something was said of them."""


async def load_shard(
    connection: Connection, shard: Shard, claim: shards.Claim, now_us: int
) -> Extents:
    """Bring a fresh shard up to its checkpoint; returns how far its cities' windows reach.

    What the log holds after the checkpoint's cursors is absorbed by the first cycle, and comes to
    the same, so nothing is written twice.

    Raises:
        StoreUnavailable: the server is away.
    """
    latest = await derived.read_latest(connection, shard.number)
    shard.emitter.learn(latest, newest=True)
    shard.apply_model(await load_model(connection, shard.number))
    point = await shards.load_checkpoint(connection, shard.number)
    if point is not None and not claim.rebuild and checkpoint.load(shard, point[1], now_us):
        shard.cursors = dict(point[0])
    elif claim.cursors or claim.rebuild or point is not None:
        await rebuild_shard(connection, shard, now_us)
    _rederive_changed_rules(shard, latest)
    extents = await _load_ring(connection, shard)
    extend_by_said(extents, await derived.read_said_range(connection, shard.number))
    return extents


async def rebuild_shard(connection: Connection, shard: Shard, now_us: int) -> None:
    """Fold everything again from stored readings; what is committed meanwhile comes by the log.

    Raises:
        StoreUnavailable: the server is away.
    """
    log = structlog.get_logger()
    heads = (await tail.read_heads(connection, [shard.number])).get(shard.number, {})
    # After the heads, so that it knows every series whose entries they pass over.
    shard.apply_model(await load_model(connection, shard.number))
    extents = await derived.read_extents(connection, shard.table.ids.tolist())
    log.warning("rebuilding shard from readings", shard=shard.number, series=len(extents))
    stored = await derived.read_rollup_ranges(connection, shard.table.ids.tolist())
    checkpoint.rebuild(shard, extents, stored)
    newest: dict[int, int] = {}
    for one in shard.table.series:
        if one.id in extents:
            last = one.declarations[-1].end_us(extents[one.id][1])
            newest[one.gateway] = max(newest.get(one.gateway, last), last)
    shard.gateways.load([[key, last, now_us, False] for key, last in newest.items()])
    shard.cursors = dict(heads)
    for plan in shard.plan.rules:
        shard.rederive.add(plan.city.id, plan.rule.id)


def _rederive_changed_rules(shard: Shard, latest: list[Any]) -> None:
    """A rule of another revision than a value's, or without any value, is derived for all time."""
    said = {(row["city"], row["rule"], row["rule_revision"]) for row in latest}
    for plan in shard.plan.rules:
        if (plan.city.id, plan.rule.id, plan.rule.revision) not in said:
            shard.rederive.add(plan.city.id, plan.rule.id)


async def redo_declared(connection: Connection, shard: Shard, changed: Changed) -> None:
    """Have series done again that declare something else now, as far as there are rollups of them.

    Args:
        connection: to read how far they are stored.
        shard: has folded the log as far as the store ever came.
        changed: with those that are not stored yet.

    Raises:
        StoreUnavailable: the server is away.
    """
    series = shard.redeclared()
    if not series:
        return
    ranges = await derived.read_rollup_ranges(connection, series)
    closed = np.concatenate([empty(ROLLUP), *changed.closed])
    for one in closed[np.isin(closed["series"], series)]:
        bucket = int(one["bucket"])
        first, last = ranges.get(int(one["series"]), (bucket, bucket))
        ranges[int(one["series"])] = min(first, bucket), max(last, bucket)
    shard.redo_declared(ranges)


async def _load_ring(connection: Connection, shard: Shard) -> Extents:
    found: Extents = {}
    for city in shard.model.cities:
        ids = shard.table.ids[shard.rows_of(city.id)].tolist()
        reach = await derived.read_rollup_range(connection, ids) if ids else None
        if reach is None:
            continue
        first, last = reach
        found[city.id] = (first, last + BUCKET)
        begin = last - (SLOTS - 1) * BUCKET
        cells = await derived.read_cells(connection, ids, begin, last + BUCKET)
        cells["series"] = shard.table.rows(cells["series"]).astype(np.int32)
        shard.buckets.put(cells)
    return found


def extend_by_said(extents: Extents, said: Mapping[str, tuple[int, int]]) -> None:
    """Reach windows of which something was said, too, in place.

    All their buckets may be gone, by what stations declare now. They are derived again all the
    same where the rule changes: what is said of them is that nothing is left.

    Args:
        extents: by city.
        said: by city, where its first window ends and its last one begins.
    """
    for city, (first, last) in said.items():
        # One bucket of the first window and one of the last: others reach far beyond what is there.
        low, high = extents.get(city, (first - BUCKET, last + BUCKET))
        extents[city] = (min(low, first - BUCKET), max(high, last + BUCKET))


def extend(extents: Extents, shard: Shard, rows: Ints, buckets: Ints) -> None:
    """Remember how far each city's buckets (row, begin) reach, in place."""
    cities = shard.model.cities
    for city in cities:
        mine = buckets[np.isin(rows, shard.rows_of(city.id))] if len(cities) > 1 else buckets
        if len(mine):
            first, last = extents.get(city.id, (2**62, -(2**62)))
            extents[city.id] = (min(first, int(mine.min())), max(last, int(mine.max()) + BUCKET))


def extend_by_open(extents: Extents, shard: Shard) -> None:
    """The same of the open buckets, which are in memory alone."""
    opened = shard.buckets.open_rows(np.arange(len(shard.table)))
    extend(extents, shard, opened["series"].astype(np.int64), opened["bucket"])
