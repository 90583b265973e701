"""A contender under load: how fast it stores, and what it loses or doubles at a failure."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import asyncpg
import msgspec

from cityvitals.domain.times import US
from deploy.local.child import Child, Program
from tests.benchmarks.board import Board, Slot
from tests.benchmarks.load import Load
from tests.benchmarks.peers.contenders import Contender
from tests.benchmarks.stack import ROOT, Invalid, Stack, until

PACK: Final = 50
_AGO_US: Final = 47 * 3600 * US
_POLL_S: Final = 0.4
_FINE_S: Final = 0.1
_WARM_UP_S: Final = 2.0
_CREDIT_S: Final = 1.5
_FIRST: Final = 5_000
"""Readings under way while nothing is known of the rate yet."""
_RESTART_S: Final = 1.0
"""After which a process that ended is started again, as a supervisor would."""
_AWAY_S: Final = 5.0
_QUIET_S: Final = 12.0
"""Without a new row for so long, nothing more is going to come."""
_HEARD_S: Final = 1.5
"""Without a new row for so long, what was sent to be heard has come."""
_READY_S: Final = 60.0
_LONGEST_S: Final = 240.0
_OUTAGE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

Strike = Callable[["Trial"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Damage:
    """What became of readings that the broker had acknowledged.

    Attributes:
        seconds: from the strike to the last row; None where rows were still missing at the end.
    """

    sent: int
    lost: int
    doubled: int
    seconds: float | None


class Clock:
    """The next event step, so that no reading is sent twice."""

    def __init__(self) -> None:
        self.base_us = (time.time_ns() // 1000 - _AGO_US) // (3600 * US) * (3600 * US)
        self.step = 0


class Trial:
    """One contender's process, watched over, and the load generator."""

    def __init__(self, stack: Stack, contender: Contender, clock: Clock) -> None:
        self.stack = stack
        self.contender = contender
        self._clock = clock
        program = Program(
            f"peer-{contender.name}",
            contender.argv,
            {**os.environ, **contender.environment},
            folder=ROOT,
        )
        self._child = Child(program, stack.folder)
        self.restarts = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Board]:
        """Process and load generator, which may not send yet; what came first is forgotten."""
        board = Board(self.stack.folder / f"peer-{self.contender.name}-{self._clock.step}")
        wanted = Load(
            self.stack.broker_port,
            str(board.path),
            PACK,
            self._clock.base_us,
            self._clock.step,
            0.0,
            self.contender.prefix,
        )
        await self._child.start()
        await self.stack.start("load", ["tests.benchmarks.load", _json(wanted)], {})
        try:
            await self._heard(board)
            yield board
        finally:
            board[Slot.STOP] = 1
            with suppress(Invalid):
                await self.stack.finished("load", 30)
            self._clock.step = board[Slot.STEP] + 1
            await self._child.stop()

    async def speed(self, board: Board, seconds: float, warm_up_s: float = _WARM_UP_S) -> float:
        """Readings committed a second while so many are under way as take a second and a half."""
        begun, rate, first = time.monotonic(), 0.0, (0.0, 0)
        while (now := time.monotonic()) < begun + warm_up_s + seconds:
            at = await self.contender.count()
            if now > begun + warm_up_s and not first[0]:
                first = now, at
            rate = at / (now - begun) if at else rate
            board[Slot.LIMIT] = self._base + at + max(_FIRST, int(rate * _CREDIT_S))
            self._alive()
            await asyncio.sleep(_POLL_S)
        end, stored = time.monotonic(), await self.contender.count() - first[1]
        if not stored:
            raise Invalid(f"{self.contender.name} stored nothing: {self._child.last_words()}")
        board[Slot.LIMIT] = board[Slot.SENT]
        await self._settled(board[Slot.SENT] - self._base)
        await self._forget(board)
        return stored / (end - first[0])

    async def damage(self, board: Board, readings: int, strike: Strike, times: int = 1) -> Damage:
        """Send a burst, strike when parts of it are stored, and count what became of it.

        Of the strikes that come after rows were lost, one may find nothing left to be stored.
        """
        board[Slot.LIMIT] = self._base + readings
        struck = time.monotonic()
        for number in range(1, times + 1):
            await self._settled(readings * number // (times + 1))
            if number == 1 and not await self.contender.count():
                raise Invalid(f"stored nothing of {readings} within {_QUIET_S:.0f} s, undisturbed")
            struck = time.monotonic()
            await strike(self)
        last = await self._settled(readings, distinct=True)
        await asyncio.sleep(_HEARD_S)  # for repeats that are still on their way
        sent = board[Slot.SENT] - self._base
        if sent < readings:
            raise Invalid(f"sent {sent} of {readings} readings")
        rows, known = await self.contender.count(), await self.contender.count_known()
        return Damage(sent, sent - known, rows - known, last - struck if known == sent else None)

    async def kill(self) -> None:
        """kill -9, and a supervisor that starts it again."""
        if self._child.pid is not None:
            os.kill(self._child.pid, signal.SIGKILL)
            await self._child.ended()

    async def restart_database(self) -> None:
        """Stopped, away for a while, started again."""
        await self.stack.postgres.stop()
        end = time.monotonic() + _AWAY_S
        while time.monotonic() < end:
            await self._keep_alive()
            await asyncio.sleep(_POLL_S)
        await self.stack.postgres.start()

    async def _settled(self, readings: int, *, distinct: bool = False) -> float:
        """When the last row came; so many have come then, or nothing came for long."""
        seen, last, begun = -1, time.monotonic(), time.monotonic()
        while (now := time.monotonic()) < begun + _LONGEST_S:
            await self._keep_alive()
            with suppress(*_OUTAGE):
                rows = await self.contender.count()
                if rows != seen:
                    seen, last = rows, now
                enough = rows >= readings
                if enough and distinct:
                    enough = await self.contender.count_known() >= readings
                if enough:
                    return last
            if now > last + _QUIET_S:
                return last
            await asyncio.sleep(_FINE_S)
        return last

    async def _heard(self, board: Board) -> None:
        """Send one message after the other until one is stored; then wait for all, and forget."""
        self._base, seen = 0, 0

        async def stored() -> bool:
            await self._keep_alive()
            board[Slot.LIMIT] = board[Slot.SENT] + PACK
            return await self.contender.count() > 0

        async def quiet() -> bool:
            nonlocal seen
            before, seen = seen, await self.contender.count()
            await asyncio.sleep(_HEARD_S)
            return before == seen

        await until(f"{self.contender.name} stores something", stored, _READY_S)
        board[Slot.LIMIT] = board[Slot.SENT]
        await until("nothing more comes", quiet, _READY_S)
        await self._forget(board)

    async def _forget(self, board: Board) -> None:
        """All that was sent is stored: count from here."""
        self._base = board[Slot.SENT]
        await self.contender.empty()

    def _alive(self) -> None:
        if self._child.exit_code() is not None:
            words = self._child.last_words()
            raise Invalid(f"{self.contender.name} ended with {self._child.exit_code()}: {words}")

    async def _keep_alive(self) -> None:
        """Start it again where it ended."""
        if self._child.exit_code() is not None:
            await self._child.stop()
            await asyncio.sleep(_RESTART_S)
            await self._child.start()
            self.restarts += 1


def _json(wanted: Load) -> str:
    return msgspec.json.encode(wanted).decode()
