"""From a publisher to committed, folded and told: rates and latencies of the whole service."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from cityvitals.domain.times import US
from cityvitals.settings import BrokerSettings
from cityvitals.store.pool import Pool
from simulator.load.main import declare
from tests.benchmarks import floors, served
from tests.benchmarks.board import Board, Slot
from tests.benchmarks.city import CITIES, PER_DEVICE, SERIES, ZONES, city_id, declarations
from tests.benchmarks.load import Load
from tests.benchmarks.probe import UNANSWERED_S, Probed, Probes
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid, Stack, until

DATABASE: Final = "bench"
_CONTROL_S: Final = 0.1
_WARM_UP_S: Final = 4.0
_WINDOW_S: Final = 2.5
_BACKLOG_S: Final = 0.7
_RATE_OVER_S: Final = 4.0
_FIRST_MESSAGES: Final = 1000
"""May be under way when nothing is known of the rate yet: as many as ingest takes at once."""
_EXTENSIONS: Final = 4
_SETTLE_S: Final = 60.0
_FOR_EVER: Final = 2**62
_PROBES_PER_S: Final = 50.0
_AGO_US: Final = 48 * 3600 * US
_GO_ON_STEPS: Final = 100

Progress = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Length:
    """How long things are measured."""

    ingest_s: float
    messages_s: float
    ceiling_s: float
    probes: int


QUICK: Final = Length(8.0, 5.0, 3.0, 150)
DEFAULT: Final = Length(20.0, 10.0, 6.0, 1000)
FULL: Final = Length(60.0, 20.0, 10.0, 5000)


class Service:
    """The whole service under load; counts what was sent, since nothing may be missing."""

    def __init__(self, stack: Stack, pool: Pool) -> None:
        self._stack = stack
        self._pool = pool
        hour = 3600 * US
        self.base_us = (time.time_ns() // 1000 - _AGO_US) // hour * hour
        self._step = 0
        self._sent = 0
        self._loads = 0

    async def start(self) -> None:
        """Start the processes and declare the cities; every series has a route afterwards."""
        stack = self._stack
        await stack.start_process("ingest", DATABASE)
        await asyncio.to_thread(
            declare, BrokerSettings(port=stack.broker_port), declarations(), "bench-declare"
        )
        await until("all series are registered", self._registered, _SETTLE_S)
        await self._populate()
        await stack.start_process("aggregate", DATABASE)
        await stack.start_process("api", DATABASE)

    @asynccontextmanager
    async def load(
        self, pack: int, rate: float = 0.0, prefix: str = "city"
    ) -> AsyncIterator[Board]:
        """The load generator, not yet allowed to send; afterwards all it sent is stored."""
        stack = self._stack
        self._loads += 1
        board = Board(stack.folder / f"board-{self._loads}")
        wanted = Load(
            stack.broker_port, str(board.path), pack, self.base_us, self._step, rate, prefix
        )
        await stack.start("load", ["tests.benchmarks.load", _json(wanted)], {})
        try:
            yield board
            board[Slot.STOP] = 1
            await stack.finished("load", 30)
        finally:
            board[Slot.STOP] = 1
        if prefix == "city":
            self._step = board[Slot.STEP] + _GO_ON_STEPS
            self._sent += board[Slot.SENT]

    @property
    def stack(self) -> Stack:
        """What it runs on."""
        return self._stack

    async def folded(self) -> int:
        """Readings of the present load that are committed and folded."""
        return await self._stack.folded() - self._sent

    def count_probes(self, probes: int) -> None:
        """These were sent too."""
        self._sent += probes

    async def settle(self) -> None:
        """Wait until everything sent is folded, and count it in the store.

        Raises:
            Invalid: something is missing or doubled.
        """

        async def done() -> bool:
            return await self._stack.folded() >= self._sent

        await until("all that was sent is folded", done, _SETTLE_S)
        async with self._pool.acquire() as connection:
            stored = await connection.fetchval("select count(*) from reading")
            booked = await connection.fetch(
                "select sum(received)::bigint as received, sum(stored)::bigint as stored "
                "from ledger"
            )
        found = {"stored": stored, "booked": booked[0]["received"], "as new": booked[0]["stored"]}
        if set(found.values()) != {self._sent}:
            raise Invalid(f"sent {self._sent}, found {found}")

    async def _registered(self) -> bool:
        async with self._pool.acquire() as connection:
            return bool(await connection.fetchval("select count(*) from series") == SERIES + 1)

    async def _populate(self) -> None:
        """Inhabitants, so that every rule has what it needs."""
        rows = [(city_id(zone % CITIES), f"z{zone:02d}", 20_000.0) for zone in range(ZONES)]
        rows += [(city_id(city), "", 250_000.0) for city in range(CITIES)]
        async with self._pool.acquire() as connection:
            await connection.executemany(
                "insert into fact (city, zone, name, valid_from, value, unit, source, quality) "
                "values ($1, $2, 'population', '-infinity', $3, '{inhabitant}', 'us', 'estimated')",
                rows,
            )


async def measure(stack: Stack, results: Results, length: Length, wanted: set[str]) -> None:
    """All figures of the running service that are wanted."""
    async with stack.database(DATABASE) as pool:
        service = Service(stack, pool)
        say("  starting ingest, aggregate, api; registering 10,000 series")
        await service.start()
        latency = {"latency_p50_ms", "latency_p99_ms"}
        third = {*latency, *served.FIGURES}
        if wanted & {"ingest_readings_per_s", *third}:
            with results.counting("ingest_readings_per_s"):
                runs = await _fastest(stack, service, results, 50, length.ingest_s)
                results.put("ingest_readings_per_s", runs)
        if wanted & latency:
            with results.counting(*latency):
                await _latency(stack, service, results, length.probes)
            await floors.measure_latency(stack, pool, results)
        if wanted & set(served.FIGURES):
            with results.counting(*served.FIGURES):
                await _serving(service, results, length.ingest_s, wanted)
        if wanted & {"ingest_readings_per_s", "ingest_messages_per_s", "paho_ratio"}:
            if wanted & {"ingest_messages_per_s", "paho_ratio"}:
                with results.counting("ingest_messages_per_s"):
                    runs = await _fastest(stack, service, results, 1, length.messages_s)
                    results.put("ingest_messages_per_s", runs)
            await _ceilings(stack, service, results, length.ceiling_s)
            if "paho_ratio" in wanted:
                with results.counting("paho_ratio"):
                    _put_paho_ratio(results)
        for name in ("api", "aggregate", "ingest"):
            await stack.end(name)


async def _fastest(
    stack: Stack, service: Service, results: Results, pack: int, seconds: float
) -> list[float]:
    """Readings a second, window by window, at the fastest that leaves no growing backlog."""
    async with service.load(pack) as board:
        await _first_round(board, service.folded, pack)
        say(f"  as fast as it goes, {pack} readings a message, {seconds:.0f} s")
        flow = Flow(board, service.folded, pack)
        await flow.run(_WARM_UP_S)
        stack.begin_profiles()
        before, begun_s, begun_at = stack.cpu_seconds(), time.monotonic(), await service.folded()
        runs = await flow.run(seconds)
        for _ in range(_EXTENSIONS):  # a backlog that stays is seen at every end
            if flow.backlog_s <= 1.0:
                break
            runs += await flow.run(_WINDOW_S)
        took_s, folded = time.monotonic() - begun_s, await service.folded() - begun_at
        used = {name: used - before[name] for name, used in stack.cpu_seconds().items()}
        backlog_s = flow.backlog_s
    results.cpu[f"pack_{pack}_cores"] = {name: round(s / took_s, 3) for name, s in used.items()}
    results.cpu[f"pack_{pack}_us_per_reading"] = {
        name: round(s / folded * US, 3) for name, s in used.items()
    }
    results.ceilings[f"backlog_s_pack_{pack}"] = round(backlog_s, 3)
    if backlog_s > 1.0:
        raise Invalid(f"a backlog of {backlog_s:.1f} s of input at the end")
    await service.settle()
    return runs


async def _first_round(board: Board, progress: Progress, pack: int) -> None:
    """Every device says something once, so that all routes are found."""
    board[Slot.LIMIT] = SERIES * max(1, pack // PER_DEVICE)

    async def done() -> bool:
        return await progress() >= board[Slot.LIMIT]

    await until("the first round is folded", done, _SETTLE_S)


class Flow:
    """Allows the load generator so much that less than a second's input is under way."""

    def __init__(self, board: Board, progress: Progress, pack: int) -> None:
        self._board = board
        self._progress = progress
        self._first_credit = _FIRST_MESSAGES * pack
        self._recent: deque[tuple[float, int]] = deque(maxlen=round(_RATE_OVER_S / _CONTROL_S))
        self.backlog_s = 0.0

    async def run(self, seconds: float) -> list[float]:
        """Readings a second of each window."""
        runs: list[float] = []
        begun_s, begun_at = time.monotonic(), await self._progress()
        end_s = begun_s + seconds
        while (now_s := time.monotonic()) < end_s or (not runs and seconds >= _WINDOW_S):
            at = await self._progress()
            if now_s - begun_s >= _WINDOW_S:
                runs.append((at - begun_at) / (now_s - begun_s))
                begun_s, begun_at = now_s, at
            self._board[Slot.LIMIT] = at + self._credit(now_s, at)
            await asyncio.sleep(_CONTROL_S)
        backlog = self._board[Slot.SENT] - await self._progress()
        rate = sum(runs) / len(runs) if runs else 0.0
        self.backlog_s = backlog / rate if rate else 0.0 if not runs else float("inf")
        return runs

    def _credit(self, now_s: float, at: int) -> int:
        """Readings that may be under way: at the newest rate, a little less than a second's."""
        self._recent.append((now_s, at))
        before_s, before = self._recent[0]
        rate = (at - before) / (now_s - before_s) if now_s > before_s else 0.0
        return max(int(rate * _BACKLOG_S), self._first_credit)


async def _latency(stack: Stack, service: Service, results: Results, probes: int) -> None:
    """Publish to the live stream, at a third of the fastest rate."""
    fastest = results.figures.get("ingest_readings_per_s")
    if not fastest:
        raise Invalid("without the fastest rate there is no third of it")
    pack = 50
    result = stack.folder / "probes.json"
    wanted = Probes(
        stack.broker_port, stack.api_port, service.base_us, probes, _PROBES_PER_S, str(result)
    )
    say(f"  {probes} probes at {fastest / 3:,.0f} readings/s")
    async with service.load(pack, fastest / 3 / pack) as board:
        board[Slot.LIMIT] = _FOR_EVER
        await asyncio.sleep(_WARM_UP_S)  # of the load: how long it has run is all that matters
        sent, begun_s = board[Slot.SENT], time.monotonic()
        await stack.start("probe", ["tests.benchmarks.probe", _json(wanted)], {})
        await stack.finished("probe", probes / _PROBES_PER_S + 60)
        rate = (board[Slot.SENT] - sent) / (time.monotonic() - begun_s)
    taken = _take_probes(service, result, probes)
    results.ceilings["latency_load_readings_per_s"] = round(rate)
    _put_latencies(results, taken)
    if rate < 0.9 * fastest / 3:
        raise Invalid(f"the load reached {rate:,.0f} readings/s, not {fastest / 3:,.0f}")
    await service.settle()


async def _serving(service: Service, results: Results, seconds: float, wanted: set[str]) -> None:
    """What the API serves at a third of the fastest rate."""
    fastest = results.figures.get("ingest_readings_per_s")
    if not fastest:
        raise Invalid("without the fastest rate there is no third of it")
    pack = 50
    say(f"  the API at {fastest / 3:,.0f} readings/s")
    async with service.load(pack, fastest / 3 / pack) as board:
        board[Slot.LIMIT] = _FOR_EVER
        await asyncio.sleep(_WARM_UP_S)
        sent, begun_s = board[Slot.SENT], time.monotonic()
        await served.measure(service.stack, results, seconds, wanted)
        rate = (board[Slot.SENT] - sent) / (time.monotonic() - begun_s)
    results.ceilings["served_load_readings_per_s"] = round(rate)
    await service.settle()


def _take_probes(service: Service, result: Path, probes: int) -> list[float]:
    """Seconds of each probe; they are counted as sent."""
    said = msgspec.json.decode(result.read_bytes(), type=Probed)
    service.count_probes(said.sent)
    if len(said.seconds) != probes:
        raise Invalid(f"{len(said.seconds)} probes instead of {probes}")
    return said.seconds


def _put_latencies(results: Results, taken: list[float]) -> None:
    for quantile in (50, 99):
        name = f"latency_p{quantile}_ms"
        parts = np.array_split(np.array(taken), 4)
        ms = [float(np.percentile(part, quantile)) * 1000 for part in (np.array(taken), *parts)]
        results.figures[name] = ms[0]
        results.spread[name] = [min(ms[1:]), max(ms[1:])]
    results.ceilings["latency_max_ms"] = max(taken) * 1000
    results.ceilings["probes"] = len(taken)
    results.ceilings["probes_unanswered"] = sum(one >= UNANSWERED_S for one in taken)


async def _ceilings(stack: Stack, service: Service, results: Results, seconds: float) -> None:
    """What a paho subscriber that drops everything takes from the same broker and load."""
    for pack, name in ((1, "paho_messages_per_s"), (50, "paho_readings_per_s_pack_50")):
        say(f"  a bare paho subscriber, {pack} readings a message")
        async with service.load(pack, prefix="drop") as board:
            await stack.start(
                "sink", ["tests.benchmarks.sink", str(stack.broker_port), str(board.path)], {}
            )

            async def received(board: Board = board, pack: int = pack) -> int:
                stack.check()
                return board[Slot.RECEIVED] * pack

            await _subscribed(board, pack)
            flow = Flow(board, received, pack)
            await flow.run(_WARM_UP_S / 2)
            runs = await flow.run(seconds)
            results.ceilings[name] = float(np.median(runs))
        await stack.end("sink")


def _put_paho_ratio(results: Results) -> None:
    ours = results.figures.get("ingest_messages_per_s")
    if not ours:
        raise Invalid("ingest_messages_per_s was not measured")
    bare = results.ceilings["paho_messages_per_s"]
    results.figures["paho_ratio"] = ours / bare
    results.spread["paho_ratio"] = [one / bare for one in results.spread["ingest_messages_per_s"]]


async def _subscribed(board: Board, pack: int) -> None:
    """Send one message after the other until the subscriber hears one."""

    async def heard() -> bool:
        board[Slot.LIMIT] = board[Slot.SENT] + pack
        return board[Slot.RECEIVED] > 0

    await until("the bare subscriber hears something", heard, _SETTLE_S)


def _json(wanted: msgspec.Struct) -> str:
    return msgspec.json.encode(wanted).decode()
