"""`cityvitals up`: broker, database, three processes and a simulated city, started and stopped.

    PostgreSQL, broker ──► schema, registry ──► ingest, aggregate, api ──► simulator

Everything is a child of this process and ends with it, in order, however it ends.
"""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from cityvitals.errors import SettingsError
from cityvitals.service import run_service
from cityvitals.settings import Settings
from cityvitals.store.pool import open_pool
from cityvitals.store.registry_file import apply_registry
from cityvitals.store.upgrade import upgrade
from deploy.local.broker import EmbeddedBroker
from deploy.local.child import Child, Program, data_folder, end_leftovers
from deploy.local.claim import claimed
from deploy.local.console import Console
from deploy.local.note import read_note, write_note
from deploy.local.plan import Options, Plan, command, make_plan
from deploy.local.ports import require_free
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.probe import json_at, not_ready
from deploy.local.status import read_figures, status_line
from deploy.local.supervisor import Supervisor

SIMULATED_CITY: Final = "vitalia"
_STOP_ORDER: Final = ("simulator", "ingest", "aggregate", "api", "broker", "postgres")
_PROCESSES: Final = ("ingest", "aggregate", "api")
_STOP_SECONDS: Final = {"ingest": 20.0}
"""Ingest may take 15 s to commit what it holds; nobody else holds anything."""
_USUAL_STOP_SECONDS: Final = 8.0
_READY_SECONDS: Final = 120.0
_COMPILING: Final = "kernels: starting"
_COMPILING_SECONDS: Final = 1200.0
"""Compiling is work, not standing still; how long it takes is up to the processor."""
_TELL_COMPILING_S: Final = 3.0
"""Later starts only read what was compiled."""
_LOCKED_SECONDS: Final = 60.0
"""How long others may hold a table that a migration needs."""
_HOPELESS: Final = 3
"""A process that ended so often before it was ready will not become ready."""
_OVERLAP_HOURS: Final = 0.25
_LINE_EVERY_S: Final = {True: 1.0, False: 10.0}


def run(settings: Settings, options: Options) -> int:
    """Run everything until asked to stop; returns the exit code."""
    plan = make_plan(settings, options, read_note(settings.data / "environment"))
    return run_service(lambda stop: Up(plan, Console()).main(stop))


class Up:
    """One run of everything.

    Args:
        plan: what to start.
        console: where to tell.
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._supervisor = Supervisor(console.say)

    async def main(self, stop: asyncio.Event) -> None:
        """Start, watch, and stop when asked.

        Raises:
            SettingsError: a folder, port or setting stands in the way; names what changes it.
            CityVitalsError: a part does not come up; with the end of its log.
        """
        data_folder(self._plan.data)
        with claimed(self._plan.data):
            for name in end_leftovers(self._plan.data):
                self._console.say(f"ended {name}, which an earlier run left behind")
            for use in self._plan.ports():
                require_free(use.port, use.purpose, use.setting)
            starting = asyncio.create_task(self._start(), name="start")
            stopping = asyncio.create_task(stop.wait(), name="stop")
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    await self._watch(stop)
            finally:
                for task in (starting, stopping):
                    task.cancel()
                await asyncio.wait({starting, stopping})
                await self._stop()

    async def _start(self) -> None:
        dsn = await self._servers()
        await self._prepare(dsn)
        environment = self._plan.environment(dsn)
        write_note(
            self._plan.data / "environment",
            environment,
            own_broker=self._plan.own_broker,
            own_database=self._plan.own_database,
        )
        self._console.say("starting ingest, aggregate and api …")
        for name in _PROCESSES:
            await self._supervisor.start(name, self._process(name, [name], environment))
        await self._until_ready()
        if self._plan.options.simulator:
            await self._simulate(environment)
        self._console.say(f"CityVitals is up: {self._plan.page}   (Ctrl-C stops everything)")

    async def _servers(self) -> str:
        """Start broker and database at the same time; returns how to reach the database."""
        dsn = self._plan.settings.database.dsn.get_secret_value()
        async with asyncio.TaskGroup() as group:
            if self._plan.own_broker:
                group.create_task(self._broker(), name="broker")
            if self._plan.own_database:
                found = group.create_task(self._database(), name="database")
        return found.result() if self._plan.own_database else dsn

    async def _broker(self) -> None:
        port = self._plan.broker_port
        broker = EmbeddedBroker(self._plan.data, port)
        self._console.say(f"starting the broker, {broker.product.name}, on port {port} …")
        await self._supervisor.start("broker", broker)
        if not broker.product.durable:
            self._console.say(
                f"note: a restart of {broker.product.name} loses what is queued in it; with a "
                "mosquitto on this machine (apt-get install mosquitto) nothing would be lost"
            )

    async def _database(self) -> str:
        postgres = EmbeddedPostgres(self._plan.data, self._plan.options.database_port)
        new = "" if postgres.exists else "making its data folder first (a few seconds), "
        self._console.say(f"starting PostgreSQL: {new}in {postgres.home} …")
        await self._supervisor.start("postgres", postgres)
        return postgres.dsn()

    async def _prepare(self, dsn: str) -> None:
        """Bring the schema up to this build, and tell it of the simulated city."""
        settings = self._plan.settings.database.model_copy(update={"dsn": SecretStr(dsn)})
        applied, _ = await upgrade(
            settings,
            "cityvitals up",
            _LOCKED_SECONDS,
            self._console.say,
            self._plan.settings.storage,
        )
        for migration in applied:
            self._console.say(f"migrated the schema: {migration}")
        async with open_pool(settings, "cityvitals up") as pool:
            if self._plan.options.simulator:
                self._console.say(f"registry: {await apply_registry(pool, _registry())}")

    def _process(self, name: str, words: list[str], environment: dict[str, str]) -> Child:
        stop = ((signal.SIGTERM, _STOP_SECONDS.get(name, _USUAL_STOP_SECONDS)),)
        whole = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        return Child(Program(name, command(*words), whole, stop), self._plan.data)

    async def _until_ready(self) -> None:
        """Wait for the three processes.

        Raises:
            SettingsError: one of them keeps ending, or is not ready in time; with its last words.
        """
        begun, is_told = time.monotonic(), False
        for name, port in self._plan.health_ports.items():
            while why := await not_ready(port):
                waited, is_compiling = time.monotonic() - begun, _COMPILING in why
                hopeless = self._supervisor.restarts[name] >= _HOPELESS
                if is_compiling and not is_told and waited > _TELL_COMPILING_S:
                    is_told = True
                    self._console.say("compiling the rules' kernels (a minute or two at first) …")
                if hopeless or waited > (_COMPILING_SECONDS if is_compiling else _READY_SECONDS):
                    raise SettingsError(
                        f"{name} does not become ready ({why}): {self._supervisor.last_words(name)}"
                        f" ({self._plan.data / 'log' / name}.log)"
                    )
                await asyncio.sleep(0.1)

    async def _simulate(self, environment: dict[str, str]) -> None:
        hours = await self._missing_hours()
        if hours > 1:
            self._console.say(f"simulating {SIMULATED_CITY}: {hours:.0f} h of history, then live …")
        words = ["simulate", "--history-hours", f"{hours:.2f}", "--live"]
        await self._supervisor.start("simulator", self._process("simulator", words, environment))

    async def _missing_hours(self) -> float:
        """How much history the simulated city lacks: all of it, or what passed since its end.

        What is sent twice is a duplicate and does no harm, so it may begin a little early.
        """
        wanted = self._plan.options.history_hours
        answer = await json_at(f"{self._plan.page}v1/cities") or {"items": []}
        for city in answer["items"]:
            if city["id"] == SIMULATED_CITY and city["complete_to"]:
                gap = datetime.now(UTC) - datetime.fromisoformat(city["complete_to"])
                return min(wanted, gap.total_seconds() / 3600 + _OVERLAP_HOURS)
        return wanted

    async def _watch(self, stop: asyncio.Event) -> None:
        before = await read_figures(self._plan.health_ports)
        while not stop.is_set():
            try:
                async with asyncio.timeout(_LINE_EVERY_S[self._console.is_live]):
                    await stop.wait()
            except TimeoutError:
                now = await read_figures(self._plan.health_ports)
                restarts = sum(self._supervisor.restarts.values())
                self._console.show(
                    f"{time.strftime('%H:%M:%S')}  {status_line(before, now, restarts)}"
                )
                before = now

    async def _stop(self) -> None:
        self._console.close()
        self._console.say("stopping …")
        await self._supervisor.stop(_STOP_ORDER)
        self._console.say(f"stopped; the data stays in {self._plan.data}")


def _registry() -> Path:
    """The registry of the simulated city."""
    found = find_spec("simulator")
    if found is None or found.origin is None:
        raise SettingsError("the simulator is not installed: start without it (--no-simulator)")
    return Path(found.origin).parent / "registries" / f"{SIMULATED_CITY}.toml"
