"""A shard's part in retention: raise its cities' seals, and let go of what lies below in the end.

Readings below a seal are refused at once. They count as gone only when nothing can ask for them any
more: everything committed before the seal rose has been taken and recomputed, all gateways have
come past it, and what memory alone held of buckets below is stored.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog

from aggregator.kernels.partial import NONE
from aggregator.kernels.refold import snapshot, snapshot_size
from aggregator.refolding import Load
from aggregator.series_table import Ints
from aggregator.shard import Shard
from cityvitals.domain.arrays import ROLLUP, Records
from cityvitals.domain.times import US, iso
from cityvitals.errors import StoreConflict
from cityvitals.settings import RetentionSettings
from cityvitals.store import derived, retention, shards, tail
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Connection
from cityvitals.store.retention import Seal

_LONGEST_US: Final = 2**62


@dataclass(frozen=True, slots=True)
class _Raised:
    """A seal that rose: when we saw that, and how far the log reached then."""

    sealed_us: int
    seen_us: int
    heads: tail.Cursors


class Sealing:
    """Takes one shard's live cities through retention, a step now and then.

    What it remembers only delays: after a restart it waits for the log as it stands then.
    """

    def __init__(self, settings: RetentionSettings, quiet_s: float) -> None:
        self._days = settings.days
        self._every_us = round(settings.check_seconds * US)
        self._quiet_us = round(quiet_s * US)
        self._looked_us = -_LONGEST_US
        self._rollups = Partitions("rollup")
        self._raised: dict[str, _Raised] = {}

    async def step(
        self, connection: Connection, shard: Shard, epoch: int, lateness_us: int, now_us: int
    ) -> bool:
        """Do what is due; returns whether a city changed, so that the model must be read again.

        Raises:
            Fenced: the shard has another owner now.
            StoreUnavailable: the server is away.
        """
        if now_us - self._looked_us < self._every_us:
            return False
        self._looked_us = now_us
        seals = await retention.read_seals(connection, shard.number)
        if self._days is not None:
            target = retention.seal_at(now_us, self._days)
            low = [seal.city for seal in seals if seal.sealed_us < target]
            if low and await self._raise(connection, shard, epoch, low, target):
                return True
        changed = False
        for seal in seals:
            if seal.dropped_us < seal.sealed_us and await self._is_final(
                connection, shard, seal, lateness_us, now_us
            ):
                await self._let_go(connection, shard, epoch, seal)
                changed = True
        return changed

    async def _raise(
        self, connection: Connection, shard: Shard, epoch: int, cities: list[str], target: int
    ) -> bool:
        log = structlog.get_logger()
        try:
            async with connection.transaction():
                await shards.hold(connection, shard.number, epoch)
                risen = await retention.raise_seals(connection, shard.number, cities, target)
        except StoreConflict as busy:  # old readings are being written: the next time will do
            log.info("seal_not_raised", shard=shard.number, reason=str(busy)[:200])
            return False
        for city in risen:
            log.info("seal_raised", city=city, sealed_before=iso(target))
        return bool(risen)

    async def _is_final(
        self, connection: Connection, shard: Shard, seal: Seal, lateness_us: int, now_us: int
    ) -> bool:
        """Whether nothing can change a bucket below the seal any more."""
        raised = self._raised.get(seal.city)
        if raised is None or raised.sealed_us != seal.sealed_us:
            heads = (await tail.read_heads(connection, [shard.number])).get(shard.number, {})
            self._raised[seal.city] = _Raised(seal.sealed_us, now_us, heads)
            return False
        rows = shard.rows_of(seal.city)
        city = next((one for one in shard.model.cities if one.id == seal.city), None)
        if city is None:
            return False
        gateways = [one.id for one in shard.model.gateways if one.city == seal.city]
        return (
            now_us - raised.seen_us >= self._quiet_us
            and all(shard.cursors.get(lane, 0) >= seq for lane, seq in raised.heads.items())
            and not shard.backlog.reaches(-_LONGEST_US, seal.sealed_us, set(rows.tolist()))
            and not shard.buckets.state["broken"][rows].any()
            and shard.gateways.watermark(gateways, city, lateness_us) >= seal.sealed_us
        )

    async def _let_go(self, connection: Connection, shard: Shard, epoch: int, seal: Seal) -> None:
        rows = shard.rows_of(seal.city)
        back = dict(
            zip(shard.table.ids[rows].tolist(), shard.table.back[rows].tolist(), strict=True)
        )
        held = _held_below(shard, rows, seal.sealed_us)
        await self._rollups.ensure(connection, held["bucket"])
        async with connection.transaction():
            await shards.hold(connection, shard.number, epoch)
            await derived.write_rollups(connection, held)
            await retention.let_go(connection, seal, back)
        structlog.get_logger().info(
            "readings_let_go", city=seal.city, dropped_before=iso(seal.sealed_us)
        )


def _held_below(shard: Shard, rows: Ints, sealed_us: int) -> Records:
    """What memory alone holds of buckets below a seal: of series that fell silent before it."""
    bucket = shard.buckets.state["bucket"][rows]
    silent = rows[(bucket != NONE) & (bucket < sealed_us)]
    held = np.empty(snapshot_size(shard.buckets.state, silent), ROLLUP)
    held = held[: snapshot(shard.buckets.state, silent, held)]
    held = held[held["bucket"] < sealed_us]
    held["series"] = shard.table.ids[held["series"]]
    return held


async def read_load(connection: Connection, shard: Shard, load: Load) -> Records:
    """The readings (READING) of a load, with what is kept of those that are gone.

    Raises:
        StoreUnavailable: the server is away.
    """
    rows = np.array(load.rows, np.int64)
    ids = shard.table.ids[rows].tolist()
    readings = await derived.read_readings(connection, ids, load.begin, load.end)
    floors = shard.buckets.floor[rows]
    if floors.max(initial=NONE) <= load.begin:
        return readings  # as nearly always
    kept = await retention.read_neighbours(connection, ids, load.begin, load.end)
    gone_before = shard.buckets.floor[shard.table.rows(readings["series"])]
    return retention.without_gone(readings, gone_before, kept)
