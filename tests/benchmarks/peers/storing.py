"""All contenders in turn, round after round: others on the machine disturb each alike."""

import asyncio
from statistics import median
from typing import Final

from cityvitals.settings import BrokerSettings
from cityvitals.store.pool import open_pool
from simulator.load.main import declare
from tests.benchmarks.city import SERIES, declarations
from tests.benchmarks.peers import contenders
from tests.benchmarks.peers.contenders import NODE_RED, PEERS, Contender
from tests.benchmarks.peers.found import Found
from tests.benchmarks.peers.trial import Clock, Trial
from tests.benchmarks.result import say
from tests.benchmarks.stack import Invalid, Stack, until

_DATABASE: Final = "peer_ours"
_BURST_S: Final = 5.0
_BURST: Final = (5_000, 200_000)
"""Readings of a burst, at least and at most: as many as a contender stores in five seconds."""
_DECLARED_S: Final = 60.0
_FAULTS: Final = {
    "killed three times": (Trial.kill, 3),
    "database restarted": (Trial.restart_database, 1),
}
"""What is done to a burst, and how often."""


class Storing:
    """Everybody who stores, on one broker and one PostgreSQL."""

    def __init__(self, stack: Stack, found: Found) -> None:
        self._stack = stack
        self._found = found
        self._clock = Clock()
        self._contenders: list[Contender] = []

    async def prepare(self) -> None:
        """Databases for all; sensors known to each, ours by their declarations."""
        async with self._stack.database(_DATABASE):
            pass
        self._contenders = [contenders.ours(self._stack, _DATABASE)]
        for name in PEERS:
            if name != NODE_RED or NODE_RED not in self._found.invalid:
                self._contenders.append(await contenders.peer(self._stack, name))
        self._found.what = {one.name: one.what for one in self._contenders}
        await self._declare()

    async def measure_speed(self, rounds: int, seconds: float) -> None:
        """Each contender's rate, in turn, so many times."""
        for number in range(rounds):
            # Who begins changes: a machine that gets busier disturbs not always the same.
            turn = number % len(self._contenders)
            for one in self._contenders[turn:] + self._contenders[:turn]:
                rate = await self._speed(one, seconds)
                self._found.stored.setdefault(one.name, []).append(rate)

    async def measure_faults(self, repeats: int) -> None:
        """What each loses and doubles; a burst is as much as it stores in five seconds."""
        for fault, (strike, times) in _FAULTS.items():
            damage = self._found.damage.setdefault(fault, {})
            for one in self._contenders:
                burst = await self._burst(one)
                for number in range(repeats):
                    trial = Trial(self._stack, one, self._clock)
                    try:
                        async with trial.running() as board:
                            found = await trial.damage(board, burst, strike, times)
                    except Invalid as error:
                        self._found.invalid[f"{fault}, {one.name}, {number + 1}"] = str(error)
                        continue
                    damage.setdefault(one.name, []).append(found)
                    say(f"  {fault}: {one.name}: {found}")

    async def _speed(self, one: Contender, seconds: float) -> float:
        """Readings a second; nan, with the reason among the invalid, where it does not count."""
        trial = Trial(self._stack, one, self._clock)
        try:
            async with trial.running() as board:
                rate = await trial.speed(board, seconds)
        except Invalid as error:
            self._found.invalid[f"speed, {one.name}"] = str(error)
            return float("nan")
        say(f"  {one.name}: {rate:,.0f} readings/s")
        return rate

    async def _burst(self, one: Contender) -> int:
        rates = self._found.stored.get(one.name) or [await self._speed(one, 4.0)]
        counted = [rate for rate in rates if rate > 0] or [0.0]
        wanted = min(max(int(median(counted) * _BURST_S), _BURST[0]), _BURST[1])
        return wanted // 1000 * 1000

    async def _declare(self) -> None:
        """Ours must know its sensors; the others have them in a table."""
        stack = self._stack
        await stack.start_process("ingest", _DATABASE)
        port = BrokerSettings(port=stack.broker_port)
        await asyncio.to_thread(declare, port, declarations(), "bench-declare")
        async with open_pool(stack.settings_of(_DATABASE), "benchmark") as pool:

            async def known() -> bool:
                return bool(await pool.fetchval("select count(*) from series") == SERIES + 1)

            await until("all series are registered", known, _DECLARED_S)
        await stack.end("ingest")
