"""What is measured: broker, PostgreSQL and three processes, on a leash, in their own folder."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil
from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.server import create_database
from deploy.local.broker import EmbeddedBroker
from deploy.local.child import Child, Program
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres

ROOT: Final = Path(__file__).parent.parent.parent
_POLL_S: Final = 0.05
_READY_S: Final = 90.0
_STOP_S: Final = 30.0


class Invalid(Exception):
    """A run that does not count, and why."""


async def until(what: str, condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Wait until a condition holds.

    Raises:
        Invalid: it does not in time.
    """
    end_s = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > end_s:
            raise Invalid(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(_POLL_S)


class Stack:
    """The servers, and processes started and ended by name."""

    def __init__(self, folder: Path, *, profiled: bool) -> None:
        self.folder = folder
        self._profiled = profiled
        self.broker_port = free_port()
        self.api_port = free_port()
        self._health = {"ingest": free_port(), "aggregate": free_port(), "api": free_port()}
        self.broker = EmbeddedBroker(folder, self.broker_port)
        self.postgres = EmbeddedPostgres(folder, free_port())
        self._children: dict[str, Child] = {}

    async def start_servers(self) -> None:
        """Start broker and database."""
        await self.broker.start()
        await self.postgres.start()

    async def stop(self) -> None:
        """End everything, whatever has gone wrong."""
        for name in list(self._children):
            await self.end(name)
        await self.broker.stop()
        await self.postgres.stop()
        self.postgres.discard()

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[Pool]:
        """A pool of a fresh, migrated database."""
        await create_database(self.postgres.dsn("postgres"), name)
        async with open_pool(self.settings_of(name), "benchmark") as pool:
            async with pool.acquire() as connection:
                await migrate(connection)
            yield pool

    def settings_of(self, name: str) -> DatabaseSettings:
        """How to reach one of its databases."""
        return DatabaseSettings(dsn=SecretStr(self.postgres.dsn(name)))

    async def start_process(self, name: str, database: str) -> None:
        """Start ingest, aggregate or api, and wait until it is ready."""
        module = "tests.benchmarks.sampled" if self._profiled and name != "api" else "cityvitals"
        await self.start(name, [module, name], self.environment(database))

        async def ready() -> bool:
            return await self._get(name, "readyz") is not None

        await until(f"{name} is ready ({self._children[name].log})", ready, _READY_S)

    async def start(self, name: str, module: list[str], environment: Mapping[str, str]) -> None:
        """Start a Python module with its arguments, under a name."""
        program = Program(
            name,
            [sys.executable, "-m", *module],
            {**os.environ, **environment},
            stop=((signal.SIGTERM, _STOP_S),),
            folder=ROOT,
        )
        child = self._children[name] = Child(program, self.folder)
        await child.start()

    async def end(self, name: str) -> None:
        """End a process."""
        await self._children.pop(name).stop()

    async def finished(self, name: str, seconds: float) -> None:
        """Wait until a process has done its work.

        Raises:
            Invalid: it failed, or takes too long.
        """
        child = self._children[name]
        try:
            async with asyncio.timeout(seconds):
                code = await child.ended()
        except TimeoutError:
            raise Invalid(f"{name} does not end") from None
        finally:
            await self.end(name)
        if code:
            raise Invalid(f"{name} ended with {code}: {child.last_words()}")

    def check(self) -> None:
        """Every process still runs.

        Raises:
            Invalid: naming the one that ended.
        """
        for name, child in self._children.items():
            if child.exit_code() is not None:
                raise Invalid(f"{name} ended with {child.exit_code()}: {child.last_words()}")

    async def folded(self) -> int:
        """Readings that the aggregator has committed what follows from, since its start."""
        return await self._metric("aggregate", "cityvitals_aggregator_readings_total")

    def begin_profiles(self) -> None:
        """Have the profiles forget what was before."""
        for name in ("ingest", "aggregate") if self._profiled else ():
            pid = self._children[name].pid
            if pid is not None:
                os.kill(pid, signal.SIGUSR2)

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time so far by process, PostgreSQL with its backends, and of all others here."""
        pids = {name: child.pid for name, child in self._children.items()}
        pids |= {"broker": self.broker.pid, "postgres": self.postgres.pid}
        used = {name: _cpu(pid) for name, pid in pids.items() if pid is not None}
        machine = psutil.cpu_times()
        used["idle"] = machine.idle + machine.iowait
        used["others"] = (
            sum(machine[:3]) + sum(machine[5:8]) - sum(used.get(name, 0.0) for name in pids)
        )
        return used

    async def _metric(self, process: str, name: str) -> int:
        text = await self._get(process, "metrics") or ""
        for line in text.splitlines():
            if line.startswith(name):
                return int(float(line.rpartition(" ")[2]))
        return 0

    async def _get(self, process: str, path: str) -> str | None:
        self.check()
        url = f"http://127.0.0.1:{self._health[process]}/{path}"
        return await asyncio.to_thread(_fetched, url)

    def environment(self, database: str) -> dict[str, str]:
        """Settings of a process of ours."""
        given = {
            "DATA": str(self.folder),
            "DATABASE__DSN": self.postgres.dsn(database),
            "BROKER__PORT": self.broker_port,
            "API__PORT": self.api_port,
            "API__HEALTH_PORT": self._health["api"],
            "INGEST__HEALTH_PORT": self._health["ingest"],
            "AGGREGATOR__HEALTH_PORT": self._health["aggregate"],
            "LOG__LEVEL": "WARNING",
        }
        return {f"CITYVITALS_{name}": str(value) for name, value in given.items()}


def _fetched(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (http, ours)
            return str(answer.read().decode())
    except OSError:
        return None


def _cpu(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        every = [process, *process.children(recursive=True)]
        own = sum(sum(one.cpu_times()[:2]) for one in every)
        return float(own + sum(process.cpu_times()[2:4]))
    except psutil.NoSuchProcess:
        return 0.0


def _own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cityvitals-bench-"))
    folder.chmod(0o711)  # ours: so that root's server can live in it
    return folder


@asynccontextmanager
async def running(*, profiled: bool) -> AsyncIterator[Stack]:
    """Broker and database, up while the block runs; nothing is left of them."""
    folder = _own_folder()
    stack = Stack(folder, profiled=profiled)
    try:
        try:
            await stack.start_servers()
            yield stack
        finally:
            await stack.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
