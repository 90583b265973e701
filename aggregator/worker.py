"""One shard's cycles: read the log, fold, recompute, derive, and commit it all together."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import structlog

from aggregator import checkpoint, loading
from aggregator.alerting.clerk import Clerk
from aggregator.alerting.watch import History, Watch
from aggregator.budget import Budget, Cycle
from aggregator.deriving import Deriving, Seconds
from aggregator.judge import Judge
from aggregator.later import Later
from aggregator.outputs import Outputs
from aggregator.sealing import Sealing, read_load
from aggregator.shard import Changed, Shard
from aggregator.silence import note_silence
from cityvitals.domain.arrays import LOG_READING, ROLLUP, empty
from cityvitals.domain.names import LogKind
from cityvitals.domain.times import US
from cityvitals.settings import AggregatorSettings, RetentionSettings
from cityvitals.store import derived, shards, tail
from cityvitals.store.failures import translated
from cityvitals.store.model import load_model
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Connection
from kpi_rules.alerts.model import AlertRule
from kpi_rules.model import Rule

_ENTRIES: Final = 256
"""Log entries of each lane that one cycle takes at most; a batch of ingest is one of them."""
_REQUESTS: Final = 20_000
"""Stretches of series that are recomputed in one cycle at most, beside broken ones."""


class ShardWorker:
    """A shard that is ours, with its memory.

    After any error the worker is of no use any more, since its memory is ahead of the store: make
    a new one, which starts from the checkpoint.
    """

    def __init__(
        self,
        claim: shards.Claim,
        rules: tuple[Rule, ...],
        settings: AggregatorSettings,
        keeping: RetentionSettings | None = None,
        seconds: Seconds = time.monotonic,
        alerts: tuple[AlertRule, ...] = (),
        is_called: Callable[[], bool] = lambda: False,
    ) -> None:
        self._claim = claim
        self._settings = settings
        self._seconds = seconds
        self._rollups = Partitions("rollup")
        self._indicators = Partitions("indicator")
        self._sealing = Sealing(keeping or RetentionSettings(), settings.final_after_seconds)
        self._saved: tail.Cursors | None = None
        self._seen: tail.Cursors = {}
        self._taken: tail.Cursors = dict(claim.cursors)
        self._told = claim.undone
        self._saved_us = 0
        self._swept_us = 0
        self._budget = Budget(seconds)
        self._is_called = is_called
        self._watch = Watch(alerts, rules)
        self._changed = Changed()
        self._later = Later()
        self._unjudged: list[History] = []
        self._acknowledged = True
        self._judged_cities: set[str] = set()
        self.shard = Shard(claim.shard, rules, settings.provisional_every_seconds)

    async def load(self, connection: Connection, now_us: int) -> None:
        """Take up where the shard stopped.

        Raises:
            StoreUnavailable: the server is away.
        """
        number = self.shard.number
        self._seen = (await tail.read_heads(connection, [number])).get(number, {})
        self._extents = await loading.load_shard(connection, self.shard, self._claim, now_us)
        loading.extend_by_open(self._extents, self.shard)
        as_saved = (
            self.shard.cursors == self._claim.cursors
            and not self.shard.queued()
            and not self.shard.rules_changed
        )
        self._saved = dict(self.shard.cursors) if as_saved else None
        self._saved_us = now_us

    async def cycle(
        self,
        connection: Connection,
        heads: tail.Cursors,
        now_us: int,
        share: float = 1.0,
        *,
        is_calm: bool = True,
        has_derived: Callable[[], None] = lambda: None,
    ) -> Cycle:
        """Do what there is to do, and commit it.

        Args:
            connection: outside of any transaction.
            heads: the newest entry's number in each lane.
            now_us: the moment.
            share: of a round's time for deriving: shards that have something to do wait for each
                other, and what comes meanwhile for all of them.
            is_calm: whether no shard has anything to take.
            has_derived: is called when most of what is left is to write it.

        Raises:
            Fenced: the shard has another owner now.
            StoreUnavailable: the server is away.
        """
        done = Cycle()
        self._budget.share, self._budget.is_calm = share, is_calm
        await self._fold(connection, heads, now_us, done)
        done.more = self.lags(heads)
        changed, self._changed = self._changed, Changed()
        await self._refold(connection, changed)
        await self._conclude(connection, changed, now_us, done, has_derived)
        done.backlog = self.shard.queued()
        done.more = done.more or done.backlog > 0 or bool(self._later)
        await self._judge_history(connection, now_us, done)
        await self._keep_house(connection, now_us)
        return done

    async def take(self, connection: Connection, heads: tail.Cursors, now_us: int) -> Cycle:
        """Fold what there is to take and commit it; windows that it touches wait for a cycle.

        Takes the arguments of `cycle`, and raises the same.
        """
        done = Cycle()
        await self._fold(connection, heads, now_us, done)
        # A checkpoint knows what is to be done again, but not what was declared.
        await loading.redo_declared(connection, self.shard, self._changed)
        await self._commit(connection, self._changed, Outputs(), done, now_us)
        self._changed.forget_stored()
        done.backlog = self.shard.queued()
        return done

    async def _fold(
        self, connection: Connection, heads: tail.Cursors, now_us: int, done: Cycle
    ) -> None:
        """Take the next entries into memory."""
        if self._saved is None:
            # What loading found to be done again is known to nobody else: it outlives us thus.
            await self.save(connection, now_us)
        while True:
            entries = await self._read(connection, heads, now_us)
            done.took(entries)
            self._acknowledged |= any(entry.kind == LogKind.ALERTS for entry in entries)
            self._changed.extend(await asyncio.to_thread(self.shard.absorb, entries))
            if not entries or self._has_caught_up():
                return

    async def _refold(self, connection: Connection, changed: Changed) -> None:
        """Restore series that cannot go on without, all of them; then recompute some others."""
        await loading.redo_declared(connection, self.shard, changed)
        while loads := self.shard.restoring():
            for load in loads:
                readings = await read_load(connection, self.shard, load)
                await asyncio.to_thread(self.shard.refold, load, readings, changed)
        for load in self.shard.due(_REQUESTS):
            readings = await read_load(connection, self.shard, load)
            await asyncio.to_thread(self.shard.refold, load, readings, changed)

    def lags(self, heads: tail.Cursors) -> bool:
        """Whether there are entries to take."""
        return any(self.shard.cursors.get(lane, 0) < head for lane, head in heads.items())

    def has_news(self, heads: tail.Cursors) -> bool:
        """Whether there are entries that windows have not seen."""
        return bool(self._changed) or self.lags(heads)

    def _has_caught_up(self) -> bool:
        """Whether memory is where the store is: derived before that, values would go back in time.

        Bounded by what is committed between two checkpoints.
        """
        taken = self.shard.cursors
        return all(taken.get(lane, 0) >= seq for lane, seq in self._claim.cursors.items())

    def as_saved(self) -> shards.Claim:
        """The claim with which another worker of ours goes on from the checkpoint."""
        return replace(self._claim, cursors=self._furthest(), rebuild=False)

    def _furthest(self) -> tail.Cursors:
        """How far the store has ever come: a checkpoint of before does not take it back.

        Who begins from it must know up to where the store is ahead of memory.
        """
        taken = dict(self.shard.cursors)
        for lane, seq in self._claim.cursors.items():
            taken[lane] = max(seq, taken.get(lane, 0))
        return taken

    async def _read(
        self, connection: Connection, heads: tail.Cursors, now_us: int
    ) -> list[tail.Entry]:
        """The next entries; the model is made to fit them first."""
        shard = self.shard
        after = {lane: shard.cursors.get(lane, 0) for lane in heads}
        after = {lane: seq for lane, seq in after.items() if heads[lane] > seq}
        if not after:
            return []
        limit = self._settings.cycle_readings * LOG_READING.itemsize
        entries = await tail.read_entries(connection, shard.number, after, _ENTRIES, limit)
        if tail.has_gap(entries, after):
            structlog.get_logger().error("the commit log has a gap", shard=shard.number)
            await loading.rebuild_shard(connection, shard, now_us)
            self._saved, self._acknowledged = None, True
            self._changed, self._later = Changed(), Later()
            await self.save(connection, now_us)
            return []
        if shard.lacks(entries, self._seen):
            # Before the model, so that it has all that stands up to there.
            self._seen = (await tail.read_heads(connection, [shard.number])).get(shard.number, {})
            shard.apply_model(await load_model(connection, shard.number))
        return entries

    async def _conclude(
        self,
        connection: Connection,
        changed: Changed,
        now_us: int,
        done: Cycle,
        has_derived: Callable[[], None],
    ) -> None:
        """Derive what follows from the cycle's buckets, and commit it.

        What memory holds is committed together with them; windows that it does not hold are derived
        from what is committed then. Nothing is locked while something is derived: who renews the
        lease, or takes it over, waits for what is written alone.
        """
        idle = self._budget.is_idle(done)
        whole = self._budget.is_whole(idle=idle) or self._later.is_much
        out = Outputs()
        deriving = await self._note(changed, now_us, hourly=not whole)
        await deriving.live(connection, self._budget.hours(), out, hourly=True)
        begun = self._seconds()
        if whole:
            await deriving.live(connection, self._budget.days(idle=idle), out, hourly=False)
        took = self._seconds() - begun
        has_derived()
        await self._commit(connection, changed, out, done, now_us)
        if whole:
            begun, out = self._seconds(), Outputs()
            await deriving.older(connection, self._budget.days(idle=idle), out)
            await self._commit(connection, Changed(), out, done, now_us)
            self._budget.took_long(took + self._seconds() - begun)

    async def _note(self, changed: Changed, now_us: int, *, hourly: bool) -> Deriving:
        """Have windows wait that changed buckets touch.

        Args:
            changed: the buckets.
            now_us: the moment.
            hourly: whether only those of up to an hour; the others will, with what comes until
                then.
        """
        self.shard.show_open(changed)
        rows, buckets = changed.keys()
        loading.extend(self._extents, self.shard, rows, buckets)
        self._later.add(rows, buckets)
        if not hourly:
            rows, buckets = self._later.take()
        judge = Judge(self.shard, self._settings, now_us)
        deriving = Deriving(
            self.shard, judge, self._extents, self._seconds, self._is_called, hourly=hourly
        )
        await asyncio.to_thread(deriving.note, rows, buckets)
        return deriving

    async def _commit(
        self, connection: Connection, changed: Changed, out: Outputs, done: Cycle, now_us: int
    ) -> None:
        """Write buckets and what was derived, and how far the log is taken."""
        closed = np.concatenate([empty(ROLLUP), *changed.closed])
        redone = np.concatenate([empty(ROLLUP), *changed.redone])
        undone = self._undone()
        moved = self._taken != self.shard.cursors or self._told != undone
        if not (moved or len(closed) or len(redone) or out.count):
            return
        await self._rollups.ensure(connection, closed["bucket"])
        await self._rollups.ensure(connection, redone["bucket"])
        begun = self._seconds()
        made = await asyncio.to_thread(out.written)
        await self._indicators.ensure(connection, made.begins)
        with translated(f"committing a cycle of shard {self.shard.number}"):
            async with connection.transaction():
                await shards.hold(connection, self.shard.number, self._claim.epoch)
                await derived.append_rollups(connection, closed)
                await derived.write_rollups(connection, redone)
                await derived.write_indicators(connection, made.kept, made.latest)
                await self._judge(self._clerk(connection, out, now_us), out)
                await derived.write_changes(connection, [*made.changes, *out.told], out.numbers)
                await shards.advance(connection, self.shard.number, self.shard.cursors, undone)
        self._budget.wrote(out.count, begun)
        self._acknowledged = False
        self._taken, self._told = dict(self.shard.cursors), undone
        done.rollups += len(closed) + len(redone)
        done.changes += out.count

    def _clerk(self, connection: Connection, out: Outputs, now_us: int) -> Clerk:
        return Clerk(connection, out, self.shard.emitter.numbers, now_us)

    async def _judge(self, clerk: Clerk, out: Outputs) -> None:
        """Alerts of what is committed, in its transaction; and who acknowledged some."""
        await self._watch.follow(clerk, out.said, self._time_zones())
        if self._acknowledged:
            await clerk.tell_acknowledged(self.shard.number)

    async def _judge_history(self, connection: Connection, now_us: int, done: Cycle) -> None:
        """Judge what is stored by alert rules that are new, or others, as long as there is time."""
        time_zones = self._time_zones()
        if time_zones.keys() != self._judged_cities:
            overdue = await self._watch.overdue(connection, self.shard.number, time_zones)
            self._unjudged = [
                step for one in overdue for step in await self._watch.steps(connection, one)
            ]
            self._judged_cities = set(time_zones)
        end = self._budget.history()
        while self._unjudged and self._seconds() < end:
            await self._judge_step(connection, self._unjudged.pop(0), now_us, done)
        done.more = done.more or bool(self._unjudged)

    async def _judge_step(
        self, connection: Connection, one: History, now_us: int, done: Cycle
    ) -> None:
        out, time_zones = Outputs(), self._time_zones()
        with translated(f"judging alerts of {one.city}"):
            async with connection.transaction():
                await shards.hold(connection, self.shard.number, self._claim.epoch)
                await self._watch.catch_up(self._clerk(connection, out, now_us), one, time_zones)
                await derived.write_changes(connection, out.told, out.numbers)
        done.changes += out.count

    def _time_zones(self) -> dict[str, str]:
        return {city.id: city.time_zone for city in self.shard.model.cities}

    def _undone(self) -> shards.Undone:
        waiting = self.shard.queued() + bool(self._changed) + bool(self._later)
        return shards.Undone(waiting, self.shard.pending.ended)

    async def _keep_house(self, connection: Connection, now_us: int) -> None:
        """Notice silence, save checkpoints, drop what nobody needs."""
        if now_us - self._swept_us >= US:
            self._swept_us = now_us
            after_s = self._settings.silent_after_seconds
            await note_silence(connection, self.shard, self._claim.epoch, after_s, now_us)
        lateness_us = round(self._settings.lateness_seconds * US)
        if await self._sealing.step(connection, self.shard, self._claim.epoch, lateness_us, now_us):
            self.shard.apply_model(await load_model(connection, self.shard.number))
        if now_us - self._saved_us >= self._settings.checkpoint_seconds * US:
            await self.save(connection, now_us)

    async def save(self, connection: Connection, now_us: int) -> None:
        """Save a checkpoint, and drop the log behind the one before.

        Raises:
            Fenced: the shard has another owner now.
            StoreUnavailable: the server is away.
        """
        self._saved_us = now_us
        if self._saved == self.shard.cursors:
            return
        if self._changed or self._later:
            changed, self._changed = self._changed, Changed()
            await self._note(changed, now_us, hourly=False)
        body = await asyncio.to_thread(checkpoint.dump, self.shard)
        cursors = dict(self.shard.cursors)
        with translated(f"saving a checkpoint of shard {self.shard.number}"):
            async with connection.transaction():
                await shards.hold(connection, self.shard.number, self._claim.epoch)
                await shards.save_checkpoint(
                    connection, self.shard.number, self._claim.epoch, cursors, body
                )
                await shards.advance(
                    connection, self.shard.number, self._furthest(), self._undone()
                )
                if self._claim.rebuild:
                    await shards.forget_rebuild(connection, self.shard.number)
                await tail.prune_log(connection, self.shard.number, cursors)
                for city, number in self.shard.emitter.numbers.items():
                    await derived.prune_changes(
                        connection, city, number - self._settings.keep_changes
                    )
        self._saved = cursors
