"""The cities in a real database: ingest's writers, the registry, and an aggregator for each shard.

Nothing runs by itself: a test says what happens next, and the time.
"""

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from aggregator.budget import Cycle
from aggregator.worker import ShardWorker
from cityvitals.domain.arrays import READING
from cityvitals.domain.names import Clock
from cityvitals.errors import Fenced, SealRisen, StoreUnavailable
from cityvitals.settings import AggregatorSettings, DatabaseSettings, RetentionSettings
from cityvitals.store import shards, tail
from cityvitals.store.audit import open_audit
from cityvitals.store.batch import Batch, Sender
from cityvitals.store.declarations import (
    Declared,
    DeclaredCity,
    DeclaredDevice,
    DeclaredStatus,
    declare,
)
from cityvitals.store.lanes import Lane, take_lane
from cityvitals.store.pool import Pool
from cityvitals.store.registry_file import apply_registry
from cityvitals.store.writer import ReadingWriter
from cityvitals.verify.main import verify_snapshot
from cityvitals.verify.report import Findings
from kpi_rules.model import Rule
from tests.integration.aggregator_town import DAY, HOUR, NOON, Breaking, device_of
from tests.integration.exact.cast import (
    CITIES,
    GATEWAYS,
    LANES,
    LATECOMERS,
    SHARD,
    STATIONS,
    ZONES,
    Row,
)

_Act = Callable[[ShardWorker, Any, tail.Cursors, int], Awaitable[Cycle]]
"""What a worker does with a connection, the heads of its log, and the time."""
_TABLES: Final = (
    "seal_neighbour", "dead_letter", "ledger", "rule", '"limit"', "fact", "change",
    "indicator_latest", "indicator", "rollup", "checkpoint", "commit_log", "reading_revision",
    "reading", "series_declaration", "placement", "series", "sensor", "gateway", "zone", "lane",
    "city",
)  # fmt: skip
_EMPTY: Final = ";".join(f"delete from {table}" for table in _TABLES)  # noqa: S608 (own names)
_FREE: Final = """
update shard set owner = null, epoch = 0, expires_at = '-infinity', cursors = '{}', rebuild = false,
    waiting = 0, ended = 0
where owner is not null or cursors <> '{}' or rebuild
"""
_MOST: Final = 400
"""Cycles in which everything must be done."""


@dataclass
class World:
    """What there is, and what was said.

    Attributes:
        pool: connections of one database, emptied by `found`.
        folder: for registry files.
        now_us: the moment; it moves only when a test moves it.
        said: every reading that was committed, for tests to repeat and revise.
        newest: of each station, how far it has come, after NOON.
        workers: who derives each shard now, if anybody has begun to.
        paused: workers that were taken over from, and do not know it.
        step_s: how much time goes by whenever a worker looks at the clock: with 0, a cycle derives
            all that waits, with more only as much as it must. So a seed plays the same everywhere.
    """

    pool: Pool
    database: DatabaseSettings
    folder: Path
    rules: tuple[Rule, ...] = ()
    settings: AggregatorSettings = field(default_factory=AggregatorSettings)
    keeping: RetentionSettings | None = None
    now_us: int = NOON + DAY
    said: list[Row] = field(default_factory=list)
    newest: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    workers: dict[int, ShardWorker] = field(default_factory=dict)
    paused: list[tuple[int, ShardWorker]] = field(default_factory=list)
    claims: int = 0
    step_s: float = 0.0
    worked_s: float = 0.0
    lanes: dict[str, Lane] = field(default_factory=dict)
    writers: dict[str, ReadingWriter] = field(default_factory=dict)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    gateways: dict[tuple[str, str], int] = field(default_factory=dict)

    async def found(self) -> None:
        """Make the cities anew: gateways online, all stations but latecomers declared."""
        await self.pool.execute(_EMPTY)
        await self.pool.execute(_FREE)
        for name in LANES:
            await self.take_lane(name)
        for city, clock in CITIES.items():
            await self.say(DeclaredCity(city, city.title(), ZONES[city], clock))
            known = [name for name in STATIONS if name not in LATECOMERS]
            await self.say(*[device(city, name) for name in known])
            await self.say(*[DeclaredStatus(city, one, "online", NOON) for one in GATEWAYS])
            await self.write([Row(city, name, -2 * HOUR, 1.0) for name in known], LANES[0])

    async def take_lane(self, name: str) -> None:
        """Begin in a lane, as an ingest worker does that starts."""
        async with self.pool.acquire() as connection:
            self.lanes[name] = await take_lane(connection, name)
        self.writers[name] = ReadingWriter(self.pool, self.lanes[name])

    async def say(self, *declared: Declared, lane: str = LANES[0]) -> None:
        """Have declarations taken as ingest takes them."""
        async with self.pool.acquire() as connection, connection.transaction():
            await declare(connection, self.lanes[lane], declared)
        rows = await self.pool.fetch("select city, sensor, id from series")
        self.ids = {(row["city"], row["sensor"]): row["id"] for row in rows}
        rows = await self.pool.fetch("select city, name, id from gateway")
        self.gateways = {(row["city"], row["name"]): row["id"] for row in rows}

    async def register(self, city: str, text: str) -> None:
        """Apply a registry file."""
        path = self.folder / "registry.toml"
        head = f'[city]\nid = "{city}"\nname = "{city.title()}"\n'
        head += f'time_zone = "{ZONES[city]}"\nclock = "{CITIES[city]}"\n'
        path.write_text(head + text, "utf-8")
        await apply_registry(self.pool, path)

    async def write(self, rows: Sequence[Row], lane: str) -> None:
        """Commit one batch of readings; what lies behind a seal is turned away, as ingest does."""
        kept = [row for row in rows if (row.city, row.station) in self.ids]
        if not kept:
            return
        try:
            await self.writers[lane].commit(self._batch(kept))
        except SealRisen:
            found = await self.pool.fetch(
                "select id, (extract(epoch from sealed_before) * 1000000)::bigint as us from city"
                " where sealed_before > '-infinity'"
            )
            sealed = {row["id"]: row["us"] for row in found}
            kept = [row for row in kept if NOON + row.after >= sealed.get(row.city, 0)]
            if kept:
                await self.writers[lane].commit(self._batch(kept))
        self.said += kept
        for row in kept:
            key = (row.city, row.station)
            self.newest[key] = max(self.newest[key], row.after)

    def _batch(self, rows: Sequence[Row]) -> Batch:
        readings = np.zeros(len(rows), READING)
        ends = np.zeros(len(rows), np.int64)
        names = sorted(self.gateways)
        by = [names.index((row.city, STATIONS[row.station].gateway)) for row in rows]
        for place, row in enumerate(rows):
            t = NOON + row.after
            ends[place] = STATIONS[row.station].declaration.end_us(t)
            is_live = CITIES[row.city] == Clock.LIVE
            received = self.now_us if is_live else max(ends[place], t)
            key = self.ids[row.city, row.station]
            readings[place] = (t, received, row.value, row.rev, key, row.flags)
        senders = tuple(
            Sender(city, name, number, SHARD[city], live=CITIES[city] == Clock.LIVE)
            for (city, name), number in sorted(self.gateways.items())
        )
        return Batch(readings, ends, np.array(by, np.int32), senders)

    async def start(self, shard: int, breaks_after: int | None = None) -> ShardWorker:
        """A new owner of a shard, from the checkpoint, whoever had it: that lease has run out."""
        self.claims += 1
        await self.pool.execute("update shard set expires_at = '-infinity' where shard = $1", shard)
        async with self.pool.acquire() as connection:
            claims = await shards.claim(connection, f"owner-{self.claims}", 1000)
            claim = next(one for one in claims if one.shard == shard)
            worker = ShardWorker(claim, self.rules, self.settings, self.keeping, self._seconds)
            await worker.load(_perhaps_breaking(connection, breaks_after), self.now_us)
        self.workers[shard] = worker
        return worker

    def _seconds(self) -> float:
        self.worked_s += self.step_s
        return self.worked_s

    async def _worker(self, shard: int) -> ShardWorker:
        return self.workers.get(shard) or await self.start(shard)

    async def cycle(self, shard: int, breaks_after: int | None = None) -> Cycle:
        """One cycle of a shard's worker, or as much of it as the connection lives."""
        return await self._act(ShardWorker.cycle, shard, breaks_after)

    async def take(self, shard: int, breaks_after: int | None = None) -> Cycle:
        """A shard's worker takes the log, or as much of it as the connection lives."""
        return await self._act(ShardWorker.take, shard, breaks_after)

    async def _act(self, act: _Act, shard: int, breaks_after: int | None) -> Cycle:
        worker = await self._worker(shard)
        async with self.pool.acquire() as connection:
            heads = (await tail.read_heads(connection, [shard])).get(shard, {})
            used = _perhaps_breaking(connection, breaks_after)
            try:
                return await act(worker, used, heads, self.now_us)
            except StoreUnavailable:
                self.workers.pop(shard, None)
                raise

    async def save(self, shard: int, breaks_after: int | None = None) -> None:
        """Save a checkpoint, or break off."""
        worker = await self._worker(shard)
        async with self.pool.acquire() as connection:
            try:
                await worker.save(_perhaps_breaking(connection, breaks_after), self.now_us)
            except StoreUnavailable:
                self.workers.pop(shard, None)
                raise

    async def take_over(self, shard: int) -> None:
        """Another owner takes a shard while the one before is paused in between two cycles."""
        if shard in self.workers:
            self.paused.append((shard, self.workers.pop(shard)))
        await self.start(shard)

    async def wake(self) -> None:
        """All that were taken over from go on as if nothing had happened, and are fenced."""
        for shard, worker in self.paused:
            async with self.pool.acquire() as connection:
                heads = (await tail.read_heads(connection, [shard])).get(shard, {})
                try:
                    done = await worker.cycle(connection, heads, self.now_us)
                except Fenced:
                    continue
                assert not (done.rollups or done.changes), f"shard {shard} was written by two"
        self.paused.clear()

    async def run(self) -> None:
        """Cycles until the log is taken and nothing waits."""
        for shard in SHARD.values():
            for _ in range(_MOST):
                if not (await self.cycle(shard)).more:
                    break
            else:
                raise AssertionError(f"still something to do after {_MOST} cycles")

    async def settle(self) -> None:
        """Let the cities' days end: all has been said, everything becomes final."""
        for city, clock in CITIES.items():
            if clock == Clock.REPLAY:
                ended = [DeclaredStatus(city, one, "end", NOON + DAY) for one in GATEWAYS]
                await self.say(*ended)
        self.now_us += 9 * DAY
        await self.run()
        self.now_us += DAY
        for shard in SHARD.values():
            await self.cycle(shard)  # notices who fell silent
        await self.run()
        for shard in SHARD.values():
            for _ in range(_MOST):
                if not len(self.workers[shard].shard.pending):
                    break
                await self.cycle(shard)
            else:
                waiting = self.workers[shard].shard.pending
                raise AssertionError(f"{len(waiting)} windows do not become final")

    def leave(self) -> None:
        """Let go of all that takes memory: Hypothesis remembers each run's class, which has us."""
        self.workers.clear()
        self.paused.clear()
        self.writers.clear()
        self.said.clear()

    async def verify(self, *, settled: bool) -> Findings:
        """What verify finds."""
        heard = StringIO()
        try:
            with redirect_stderr(heard):  # its progress
                async with open_audit(self.pool) as audit:
                    return await verify_snapshot(audit, self.rules, None, settled=settled)
        except Exception:
            sys.stderr.write(heard.getvalue())
            raise


def device(city: str, name: str, **otherwise: Any) -> DeclaredDevice:
    """What a station declares; of itself, what STATIONS says (`device_of` tells what else)."""
    return device_of(city, name, STATIONS[name], **otherwise)


def _perhaps_breaking(connection: Any, after: int | None) -> Any:
    return connection if after is None else Breaking(connection, after)
