"""The continuous part: hold shards by lease, wake on commits, run each shard's cycles."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from aggregator.budget import Cycle
from aggregator.dropping import keep_dropping
from aggregator.metrics import Metrics
from aggregator.rule_files import RuleFiles
from aggregator.sharing import share
from aggregator.turn import Turn
from aggregator.worker import ShardWorker
from cityvitals.errors import CityVitalsError, Fenced, StoreConflict, StoreTimeout, StoreUnavailable
from cityvitals.settings import Settings
from cityvitals.store import shards, tail
from cityvitals.store.listen import listening
from cityvitals.store.pool import Connection, Pool, acquired
from cityvitals.telemetry import Health
from kpi_rules.model import Rule

Clock = Callable[[], int]
"""Now, in microseconds since 1970."""

_LONGEST_WAIT: Final = 10.0
_AT_ONCE: Final = 2
"""Shards in a cycle: while the store writes one's, another one's is derived."""


class Loop:
    """Owns shards and drives their workers; after a failure it starts again from the store.

    Args:
        pool: at most five connections are used at a time: for logs, two cycles, leases and
            dropping; two will do.
        settings: when to do what.
        rules: what to derive.
        owner: unlike any other process's name.
        health: is told whether the store answers.
        metrics: count what is done.
        clock: tells the time.
        files: say when other rules are in force, and which alert rules are; without,
            the given ones stay, and nothing is an alert.
    """

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        rules: tuple[Rule, ...],
        owner: str,
        health: Health,
        metrics: Metrics,
        clock: Clock,
        files: RuleFiles | None = None,
    ) -> None:
        self._files = files
        self._pool = pool
        self._settings = settings
        self._rules = rules
        self._alerts = () if files is None else files.alerts
        self._owner = owner
        self._health = health
        self._metrics = metrics
        self._clock = clock
        self._claims: dict[int, shards.Claim] = {}
        self._workers: dict[int, ShardWorker] = {}
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._following = asyncio.Lock()
        self._deriving = asyncio.Lock()
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._came = asyncio.Event()
        self._passed_over: set[int] = set()
        self._others: set[int] = set()
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Derive until told to stop; whatever the store does meanwhile."""
        wait = 0.2
        while not stop.is_set():
            try:
                await self._apart(stop)
            except* (StoreUnavailable, StoreConflict) as group:
                reason = str(group.exceptions[0])
                self._health.set_ready("store", ok=False, reason=reason)
                self._log.warning(_named(group), reason=reason, wait_s=wait)
                self._forget()
                await pause(stop, wait * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
                wait = min(_LONGEST_WAIT, wait * 2)
            else:
                wait = 0.2

    async def _apart(self, stop: asyncio.Event) -> None:
        """A session in a task of its own.

        Before Python 3.13 a task group whose tasks fail at the same moment may leave a cancellation
        behind in the task that it was opened in; here it would end the process.
        """
        session = asyncio.create_task(self._session(stop), name="session")
        try:
            await session
        except asyncio.CancelledError:
            ours = asyncio.current_task()
            if ours is None or ours.cancelling():
                raise
            raise StoreUnavailable("the session with the store was cut short") from None

    async def _session(self, stop: asyncio.Event) -> None:
        """Work while the store answers."""
        application = "cityvitals aggregate listener"
        database = self._settings.database
        over = asyncio.Event()
        async with listening(database, application, tail.WAKE_CHANNEL, self._heard):
            await self._claim()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_leases(over), name="leases")
                group.create_task(self._follow(over), name="logs")
                group.create_task(self._work(stop, over), name="cycles")
                group.create_task(
                    keep_dropping(self._pool, self._settings.retention, over), name="dropping"
                )

    def _heard(self, _payload: str) -> None:
        self._wake.set()

    async def _work(self, stop: asyncio.Event, over: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                begun = time.monotonic()
                self._news.clear()
                await self._look_at_rules()
                if self._others:
                    await self._give_back()
                if not await self._round():
                    await self._wait_for(self._news, stop)
                    left = begun + self._settings.aggregator.cycle_seconds - time.monotonic()
                    await pause(stop, max(0.0, left))
            over.set()
            async with acquired(self._pool) as connection, self._following:
                await self._put_away(connection)
        finally:
            over.set()

    async def _look_at_rules(self) -> None:
        """Begin again with other rules, where files changed: from the checkpoint, as at a start."""
        if self._files is None:
            return
        rules = await self._files.changed(self._pool, _clock_us())
        if rules is None or (rules, self._files.alerts) == (self._rules, self._alerts):
            return
        self._log.info("rules changed", rules=len(rules), alerts=len(self._files.alerts))
        self._rules, self._alerts = rules, self._files.alerts
        async with acquired(self._pool) as connection:
            for number, worker in list(self._workers.items()):
                async with self._locks[number]:
                    await self._begin_again(connection, number, worker)

    async def _begin_again(self, connection: Connection, number: int, worker: ShardWorker) -> None:
        """Save a shard, and let its next cycle load it anew."""
        try:
            await worker.save(connection, self._clock())
        except Fenced as error:
            self._log.warning("lost a shard", shard=number, reason=str(error))
            self._claims.pop(number, None)
        if self._workers.pop(number, None) is worker and number in self._claims:
            self._claims[number] = worker.as_saved()

    async def _wait_for(self, news: asyncio.Event, stop: asyncio.Event) -> None:
        """Wait for news, a stop, or the next look around."""
        waits = [asyncio.create_task(news.wait()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(
                waits,
                timeout=self._settings.aggregator.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for task in waits:
                task.cancel()

    async def _follow(self, over: asyncio.Event) -> None:
        """Take what is logged as soon as it is committed, whatever is being derived meanwhile."""
        while not over.is_set():
            await self._wait_for(self._wake, over)
            self._wake.clear()
            async with acquired(self._pool) as connection, self._following:
                if not over.is_set():
                    await self._take(connection)

    async def _take(self, connection: Connection) -> None:
        """Take the logs of all shards that lag, but those that are in a cycle."""
        heads = await tail.read_heads(connection, list(self._workers))
        for number, found in sorted(heads.items()):
            worker = self._workers.get(number)
            if worker is None or not worker.lags(found):
                continue
            self._news.set()
            self._came.set()
            if self._locks[number].locked():
                self._passed_over.add(number)
                continue
            async with self._locks[number]:
                if self._workers.get(number) is worker:
                    await self._step(number, worker.take(connection, found, self._clock()))
        self._metrics.lag(self._lag(heads))

    async def _round(self) -> bool:
        """One cycle of every shard that has something to do; returns whether more is waiting."""
        async with acquired(self._pool) as connection:
            heads = await tail.read_heads(connection, list(self._claims))
        busy = sum(self._has_news(number, found) for number, found in heads.items())
        share = 1.0 / max(1, busy or len(heads))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def turn(number: int) -> bool:
            async with gate, acquired(self._pool) as connection, Turn(self._deriving) as turn:
                return await self._cycle(
                    connection, number, heads[number], share, turn, is_calm=not busy
                )

        turns = await asyncio.gather(*map(turn, sorted(heads)), return_exceptions=True)
        for one in turns:
            if isinstance(one, BaseException):
                raise one
        self._metrics.owned(len(self._claims))
        self._health.set_ready("store", ok=True)
        return any(turns)

    async def _cycle(
        self,
        connection: Connection,
        number: int,
        heads: tail.Cursors,
        share: float,
        turn: Turn,
        *,
        is_calm: bool,
    ) -> bool:
        """A shard's cycle; whether more is waiting in it."""
        self._came.clear()
        async with self._locks[number]:
            worker = await self._worker(connection, number)
            if worker is None:
                return False
            now_us = self._clock()
            doing = worker.cycle(
                connection, heads, now_us, share, is_calm=is_calm, has_derived=turn.end
            )
            done = await self._step(number, doing)
        if number in self._passed_over:
            self._passed_over.discard(number)
            self._wake.set()
        return done.more

    async def _step(self, number: int, doing: Awaitable[Cycle]) -> Cycle:
        """What a shard's worker does, counted; of one that has another owner now, nothing."""
        begun = time.monotonic()
        try:
            done = await doing
        except Fenced as error:
            self._log.warning("lost a shard", shard=number, reason=str(error))
            self._claims.pop(number, None)
            self._workers.pop(number, None)
            return Cycle()
        self._metrics.cycle(number, done, time.monotonic() - begun)
        return done

    def _lag(self, heads: dict[int, tail.Cursors]) -> int:
        """Entries up to these heads that are not taken."""
        taken = {number: worker.shard.cursors for number, worker in self._workers.items()}
        return sum(
            max(0, head - taken[number].get(lane, 0))
            for number, found in heads.items()
            if number in taken
            for lane, head in found.items()
        )

    def _has_news(self, number: int, heads: tail.Cursors) -> bool:
        return number not in self._workers or self._workers[number].has_news(heads)

    async def _worker(self, connection: Connection, number: int) -> ShardWorker | None:
        """The worker of a shard, loaded when it is first needed."""
        claim = self._claims.get(number)
        if claim is None:
            return None
        if number not in self._workers:
            worker = ShardWorker(
                claim,
                self._rules,
                self._settings.aggregator,
                self._settings.retention,
                alerts=self._alerts,
                is_called=self._came.is_set,
            )
            await worker.load(connection, self._clock())
            self._workers[number] = worker
        return self._workers[number]

    async def _claim(self) -> None:
        """Take what is free of our part, and have given back what is another's."""
        async with acquired(self._pool) as connection:
            lease = self._settings.aggregator.lease_seconds
            there = await shards.announce(connection, self._owner, lease)
            held = self._claims.keys()
            moves = share(self._owner, there.owners, there.populated, held, there.free)
            for found in await shards.claim(connection, self._owner, lease, moves.take):
                self._claims[found.shard] = found
                self._workers.pop(found.shard, None)
        self._others = moves.give
        if moves.take or moves.give:
            self._news.set()

    async def _give_back(self) -> None:
        """Let others have what is theirs, saved, so that they go on where we stopped."""
        given = sorted(self._others & self._claims.keys())
        self._others = set()
        async with acquired(self._pool) as connection:
            for number in given:
                async with self._locks[number]:
                    if number in self._workers:
                        await self._begin_again(connection, number, self._workers[number])
                    held = self._claims.pop(number, None)
                    if held is not None:
                        await shards.release(connection, self._owner, {number: held.epoch})
        if given:
            self._log.info("gave shards to other aggregators", shards=given)

    async def _keep_leases(self, over: asyncio.Event) -> None:
        """Prolong what is held and take what is free, three times a lease."""
        lease = self._settings.aggregator.lease_seconds
        while not over.is_set():
            held = {number: claim.epoch for number, claim in self._claims.items()}
            async with acquired(self._pool) as connection:
                kept = await shards.renew(connection, self._owner, held, lease)
            for number in held.keys() - kept:
                if number in self._claims and self._claims[number].epoch == held[number]:
                    self._log.warning("lost a shard's lease", shard=number)
                    self._claims.pop(number, None)
                    self._workers.pop(number, None)
            await self._claim()
            await pause(over, lease / 3)

    async def _put_away(self, connection: Connection) -> None:
        """A clean stop: save every shard, then give all back."""
        for number, worker in self._workers.items():
            try:
                await worker.save(connection, self._clock())
            except CityVitalsError as error:
                self._log.warning("not saved", shard=number, reason=str(error))
        held = {number: claim.epoch for number, claim in self._claims.items()}
        await shards.release(connection, self._owner, held)
        await shards.resign(connection, self._owner)
        self._claims.clear()

    def _forget(self) -> None:
        """Memory may be ahead of the store: begin again from there."""
        self._claims.clear()
        self._workers.clear()


def _named(group: BaseExceptionGroup[CityVitalsError]) -> str:
    match group.exceptions[0]:
        case StoreTimeout():
            return "a query took too long; trying again"
        case StoreConflict():
            return "another transaction was in the way; trying again"
        case _:
            return "the store is away; trying again"


def _clock_us() -> int:
    return time.monotonic_ns() // 1000


async def pause(over: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until `over`."""
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        return
