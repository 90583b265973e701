"""What a cycle derives: live windows at once, the others by turns as long as there is time."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from aggregator import sources
from aggregator.buckets import SLOTS
from aggregator.emit import Key
from aggregator.judge import Judge
from aggregator.kernels.partial import BUCKET
from aggregator.loading import Extents
from aggregator.outputs import Outputs
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.shard import Shard
from aggregator.stations import Cells
from aggregator.touched import Chunk, Touch, Windows, newest_chunk
from cityvitals.domain.times import from_us
from cityvitals.domain.window import DAY_US, HOUR_US
from cityvitals.store import derived
from cityvitals.store.pool import Connection

_RIPE: Final = 4000
"""Windows that become final in one cycle at most: what others wait for has an end."""
_RIPE_OF_RULE: Final = 250
"""So many of one rule."""
_ENOUGH: Final = 20_000
"""While more windows wait, no further history is derived again."""
_CELLS: Final = 1_000_000
"""Buckets that are read together of windows that memory does not hold."""
_SPAN_US: Final = 31 * DAY_US


class Time(NamedTuple):
    """Seconds that some windows have.

    Attributes:
        deriving: for deriving them, and for writing what comes of it.
        row: what writing an indicator will take.
    """

    deriving: float
    row: float = 0.0


Seconds = Callable[[], float]
"""A clock that tells how much time has passed, in seconds."""


class Deriving:
    """What one cycle derives of a shard.

    Args:
        shard: whose windows wait.
        judge: derives them.
        extents: how far each city's buckets reach.
        seconds: a clock.
        is_called: whether there is something to take: windows that memory does not hold are left
            for later then.
        hourly: whether only rules are looked at whose windows are no longer than an hour.
    """

    def __init__(
        self,
        shard: Shard,
        judge: Judge,
        extents: Extents,
        seconds: Seconds,
        is_called: Callable[[], bool] = lambda: False,
        *,
        hourly: bool = False,
    ) -> None:
        self._shard = shard
        self._judge = judge
        self._extents = extents
        self._seconds = seconds
        self._is_called = is_called
        self._hourly = hourly
        self._plans = {(one.city.id, one.rule.id): one for one in shard.plan.rules}
        self._ripe: dict[tuple[str, str], Ints] = {}

    def note(self, rows: Ints, buckets: Ints) -> None:
        """Find windows of changed buckets (row, begin), of history, and those that can be final."""
        waiting = self._shard.waiting
        again: dict[tuple[str, str], tuple[int, int]] = {}
        if not self._hourly and len(waiting) < _ENOUGH:
            lengths = {key: plan.reach.length for key, plan in self._plans.items()}
            again = self._shard.rederive.take(self._extents, lengths)
        touch, left = Touch(rows, buckets), _RIPE
        self._shard.pending.keep_fed(self._plans)
        for key, plan in self._plans.items():
            if self._hourly and not _is_hourly(plan):
                continue
            asked = np.arange(*again[key], BUCKET) if key in again else np.empty(0, np.int64)
            begins, ends = self._judge.changed(plan, touch, asked)
            waiting.add(key, begins.tolist(), ends.tolist())
            begins, ends = self._judge.ripe(plan, min(left, _RIPE_OF_RULE))
            left -= len(begins)
            waiting.add(key, begins.tolist(), ends.tolist())
            self._ripe[key] = begins

    async def live(self, connection: Connection, time: Time, out: Outputs, *, hourly: bool) -> None:
        """Derive windows that memory holds, by turns.

        Args:
            connection: to read what was said before.
            time: what there is of it; one rule is derived in any case.
            out: what comes of it.
            hourly: whether those of up to an hour, or longer ones.
        """
        left = [one for one in self._held(hourly=hourly) if len(one.begins)]
        ring = sources.ring(self._shard)
        end, rows = self._seconds() + time.deriving, out.count

        def over() -> bool:
            return self._seconds() + (out.count - rows) * time.row >= end

        while left:
            await self._learn(connection, left[:1])
            if await asyncio.to_thread(self._derive, left, ring, out, over):
                break

    def _derive(
        self, left: list[Windows], ring: Cells, out: Outputs, over: Callable[[], bool]
    ) -> bool:
        """Derive the first of some windows, and others as long as all that it takes is known.

        Args:
            left: what is derived is taken from it.
            ring: has their buckets.
            out: what comes of it.
            over: whether the time is.

        Returns:
            Whether the time is over.
        """
        is_known = True
        while left and is_known:
            found = left.pop(0)
            self._shard.waiting.take(_key(found.plan), found.begins.tolist())
            for part in self._judge.parts(found):
                self._judge.derive(part, ring, out)
            if over():
                return True
            is_known = not (left and self._unknown(left[0]))
        return False

    def _unknown(self, windows: Windows) -> list[Key]:
        return self._shard.emitter.unknown(windows.plan, windows.begins)

    async def _learn(self, connection: Connection, windows: list[Windows]) -> None:
        """Read what was said before of windows of which that is not known."""
        emitter = self._shard.emitter
        keys = [key for one in windows for key in self._unknown(one)]
        if keys:
            dated = [(city, rule, zone, from_us(begin)) for city, rule, zone, begin in keys]
            emitter.learn(await derived.read_newest(connection, dated))

    async def older(self, connection: Connection, time: Time, out: Outputs) -> None:
        """Derive windows that memory does not hold from what is stored, the newest first.

        Takes one piece at least. Everything that memory was given must be committed.

        Args:
            connection: outside of a transaction: what is read here is nobody else's to change.
            time: after which no other piece is begun.
            out: what comes of it.

        Raises:
            StoreUnavailable: the server is away.
        """
        end = self._seconds() + time.deriving
        while (chunk := self._next()) is not None:
            for one in chunk.windows:
                self._shard.waiting.take(_key(one.plan), one.begins.tolist())
            await self._learn(connection, list(chunk.windows))
            parts = await sources.from_store(
                connection, self._shard, self._judge, chunk, self._extents
            )
            for part, stored in parts:
                await asyncio.to_thread(self._judge.derive, part, stored, out)
            if self._seconds() >= end or self._is_called():
                return

    def _next(self) -> Chunk | None:
        """The newest windows, so many that their buckets can be read together."""
        rows = max(1, len(self._shard.table))
        span = min(_SPAN_US, max(2 * DAY_US, _CELLS // rows * BUCKET))
        return newest_chunk([one for one in self._beyond() if len(one.begins)], span)

    def _held(self, *, hourly: bool) -> Iterator[Windows]:
        """Waiting windows that the ring holds whole, rule by rule."""
        for key in self._shard.waiting.rules():
            plan = self._plans.get(key)
            if plan is not None and _is_hourly(plan) is hourly:
                found = self._waiting(plan)
                yield found.where(found.begins >= self._oldest_held(plan))

    def _beyond(self) -> Iterator[Windows]:
        """Those of which it does not."""
        waiting = self._shard.waiting
        for key in waiting.rules():
            plan = self._plans.get(key)
            if plan is None:  # nothing feeds the rule any more
                waiting.take(key, waiting.of(key)[0].tolist())
            elif waiting.first(key) < self._oldest_held(plan):
                found = self._waiting(plan)
                yield found.where(found.begins < self._oldest_held(plan))

    def _waiting(self, plan: RulePlan) -> Windows:
        begins, ends = self._shard.waiting.of(_key(plan))
        ripe = np.isin(begins, self._ripe.get(_key(plan), np.empty(0, np.int64)))
        return Windows(plan, begins, ends, ripe)

    def _oldest_held(self, plan: RulePlan) -> int:
        """Windows that begin before this reach further back than the ring."""
        last = self._extents.get(plan.city.id, (0, 0))[1]
        return last - SLOTS * BUCKET + plan.reach.back


def _key(plan: RulePlan) -> tuple[str, str]:
    return plan.city.id, plan.rule.id


def _is_hourly(plan: RulePlan) -> bool:
    return plan.reach.length <= HOUR_US
