"""One piece of history, recomputed by the aggregator's own kernels beside it; writes nothing."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

import numpy as np

from aggregator import sources
from aggregator.backlog import Request
from aggregator.judge import Judge
from aggregator.kernels.partial import BUCKET
from aggregator.loading import Extents, extend_by_open, load_shard
from aggregator.outputs import Outputs
from aggregator.plan import RulePlan
from aggregator.recompute.found import Asked, Change, Piece, PieceFound, RuleFound
from aggregator.refolding import plan_loads, refold
from aggregator.saying import Saying
from aggregator.sealing import read_load
from aggregator.shard import Changed, Shard
from aggregator.touched import Windows, chunk_of, windows_of
from cityvitals.domain.arrays import Records
from cityvitals.domain.names import shard_of
from cityvitals.domain.times import from_us, to_us
from cityvitals.settings import AggregatorSettings
from cityvitals.store import derived, shards, tail
from cityvitals.store.model import load_model
from cityvitals.store.pool import Connection
from kpi_rules.model import Rule

_ENTRIES: Final = 256
_SERIES: Final = 32
"""Whose readings of a month are in memory at a time."""
_BYTES: Final = 16 * 2**20
_FIELDS: Final = ("count", "flagged", "integral", "covered")


async def recompute(
    connection: Connection,
    piece: Piece,
    rules: Sequence[Rule],
    asked: Asked,
    settings: AggregatorSettings,
    now_us: int,
) -> PieceFound:
    """What a piece should be, against what is stored of it, in one snapshot.

    Args:
        connection: outside of any transaction.
        piece: a city's month.
        rules: all that are in force; those that are asked for are compared.
        asked: what is asked for.
        settings: when values are final.
        now_us: the moment.

    Raises:
        StoreUnavailable: the server is away.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        shard, extents = await _as_its_owner(connection, piece.city, rules, now_us)
        found = PieceFound()
        if asked.buckets:
            await _fold(connection, shard, piece, found)
        judge = Judge(shard, settings, now_us)
        for plan in shard.plan.rules:
            if plan.city.id == piece.city and is_asked(plan.rule.id, asked):
                found.rules[plan.rule.id] = await _derive(
                    connection, shard, judge, plan, piece, extents
                )
    return found


def is_asked(rule: str, asked: Asked) -> bool:
    """Whether a rule is one of those that are asked for."""
    return not asked.rules or any(fnmatchcase(rule, pattern) for pattern in asked.rules)


async def _as_its_owner(
    connection: Connection, city: str, rules: Sequence[Rule], now_us: int
) -> tuple[Shard, Extents]:
    """A shard's memory as its owner had it when it last committed."""
    number = shard_of(city)
    cursors = await shards.read_cursors(connection, number)
    claim = shards.Claim(number, 0, cursors, shards.Undone(), rebuild=False)
    shard = Shard(number, tuple(rules), 0.0)
    extents = await load_shard(connection, shard, claim, now_us)
    while after := {
        lane: shard.cursors.get(lane, 0)
        for lane, upto in cursors.items()
        if shard.cursors.get(lane, 0) < upto
    }:
        entries = await tail.read_entries(connection, number, after, _ENTRIES, _BYTES)
        entries = [one for one in entries if one.seq <= cursors[one.lane]]
        if not entries:
            break
        if shard.lacks(entries, cursors):
            shard.apply_model(await load_model(connection, number))
        shard.absorb(entries)
    while loads := shard.restoring():
        for load in loads:
            shard.refold(load, await read_load(connection, shard, load), Changed())
    extend_by_open(extents, shard)
    return shard, extents


async def _fold(connection: Connection, shard: Shard, piece: Piece, found: PieceFound) -> None:
    """Fold the closed quarter hours of a piece from readings, and compare them."""
    requests = [
        Request(row, max(piece.begin_us, int(shard.buckets.floor[row])), end)
        for row in shard.rows_of(piece.city).tolist()
        for end in [min(piece.end_us, _closed_until(shard, row))]
        if end > max(piece.begin_us, int(shard.buckets.floor[row]))
    ]
    groups = (requests[at : at + _SERIES] for at in range(0, len(requests), _SERIES))
    loads = (one for some in groups for one in plan_loads(some, shard.table, shard.buckets))
    for load in loads:
        readings = await read_load(connection, shard, load)
        made = refold(load, readings, shard.table, shard.buckets).rollups
        ids = shard.table.ids[np.array(load.rows, np.int64)].tolist()
        stored = await derived.read_cells(connection, ids, piece.begin_us, piece.end_us)
        made["series"] = shard.table.ids[made["series"]]
        made = made[(made["count"] > 0) | (made["flagged"] > 0) | (made["covered"] > 0)]
        ends = {int(shard.table.ids[one.row]): (one.begin, one.end) for one in load.requests}
        inside = [
            begin <= one["bucket"] < end for one in stored for begin, end in [ends[one["series"]]]
        ]
        wrong = _differing(stored[np.array(inside, np.bool_)], made)
        found.buckets += len(made)
        found.wrong_buckets += len(wrong)
        found.series += sorted({series for series, _ in wrong})


def _closed_until(shard: Shard, row: int) -> int:
    """Begin of the series' open bucket; before everything where it has none."""
    return int(shard.buckets.state[row]["bucket"])


def _differing(stored: Records, made: Records) -> set[tuple[int, int]]:
    """Series and buckets that one has and the other has not, or has otherwise."""
    sides = [
        {
            (int(one["series"]), int(one["bucket"])): tuple(one[name].item() for name in _FIELDS)
            for one in side
        }
        for side in (stored, made)
    ]
    return {
        key for key in sides[0].keys() | sides[1].keys() if sides[0].get(key) != sides[1].get(key)
    }


async def _derive(
    connection: Connection,
    shard: Shard,
    judge: Judge,
    plan: RulePlan,
    piece: Piece,
    extents: Extents,
) -> RuleFound:
    """Derive the final windows of a rule that begin in a piece, and compare them."""
    found = RuleFound()
    windows = _windows(shard, plan, piece, extents.get(piece.city, (piece.begin_us, 0))[0])
    if not len(windows.begins):
        return found
    keys = shard.emitter.unknown(plan, windows.begins)
    dated = [(city, rule, zone, from_us(begin)) for city, rule, zone, begin in keys]
    stored = await derived.read_newest(connection, dated)
    before = {
        (row["zone"], to_us(row["window_begin"])): row["value"] for row in stored if row["closed"]
    }
    shard.emitter.learn(stored)
    final = int(shard.emitter.closed_before(plan, windows.begins).sum())
    out = Outputs()
    for part, source in await sources.from_store(
        connection, shard, judge, chunk_of([windows]), extents
    ):
        judge.derive(part, source, out)
    for said in out.said:
        _take(found, said, before)
    found.equal = final - found.changed
    return found


def _take(found: RuleFound, said: Saying, before: Mapping[tuple[str, int], float | None]) -> None:
    """Count what is said anew of final windows."""
    for at in np.flatnonzero(said.closed).tolist():
        zone, begin = said.plan.groups[said.g[at]], int(said.found.begins[said.w[at]])
        value = float(said.content["value"][at])
        found.changed += bool(said.revision[at] > 1)
        found.new += bool(said.revision[at] == 1)
        now = None if math.isnan(value) else value
        found.take(Change(zone, begin, before.get((zone, begin)), now))


def _windows(shard: Shard, plan: RulePlan, piece: Piece, first_us: int) -> Windows:
    """Windows that begin in a piece and do not wait for anything.

    Those that began before the city's first bucket, at `first_us`, begin with it.
    """
    begins, ends = windows_of(plan, np.arange(piece.begin_us, piece.end_us, BUCKET))
    waiting = np.array(shard.pending.begins((plan.city.id, plan.rule.id)), np.int64)
    known = np.maximum(begins, first_us)
    taken = (known >= piece.begin_us) & (known < piece.end_us) & ~np.isin(begins, waiting)
    begins, ends = begins[taken], ends[taken]
    return Windows(plan, begins, ends, np.ones(len(begins), np.bool_))


def months(city: str, first_us: int, last_us: int) -> list[Piece]:
    """Pieces, by calendar months of UTC, that hold [first_us, last_us)."""
    found: list[Piece] = []
    begin = first_us - first_us % BUCKET
    while begin < last_us:
        end = min(_next_month(begin), -(-last_us // BUCKET) * BUCKET)
        found.append(Piece(city, begin, end))
        begin = end
    return found


def _next_month(moment_us: int) -> int:
    at = from_us(moment_us)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)  # noqa: PLR2004
    return to_us(datetime(year, month, 1, tzinfo=UTC))
