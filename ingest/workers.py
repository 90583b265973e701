"""Several workers of ingest on one machine: child processes with a lane each, kept running."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

import cityvitals
from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.service import EXIT_SETTINGS, run_service
from cityvitals.settings import IngestSettings, Settings
from cityvitals.telemetry import configure_logging
from ingest.main import run as run_alone

_LEASH: Final = Path(cityvitals.__file__).with_name("leash.py")
_MOST_PORT: Final = 65_535
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0
_LASTED_S: Final = 60.0
"""A worker that ran that long is one that works: its next wait is the first one again."""
_STOP_S: Final = 20.0
"""A worker takes at most 15 s to commit what it holds, and 5 s to leave the broker."""
_log = structlog.get_logger(__name__)


def run(settings: Settings, workers: int | None = None) -> int:
    """Run ingest until it is asked to stop, in this process or in several; returns the exit code.

    Args:
        settings: of the whole; each worker gets its part of it.
        workers: how many; None is what the settings say.
    """
    count = workers or settings.ingest.workers
    if count == 1:
        return run_alone(settings)
    configure_logging(settings.log, "ingest-workers")
    return run_service(lambda stop: keep_running(settings.ingest, count, stop))


async def keep_running(settings: IngestSettings, count: int, stop: asyncio.Event) -> None:
    """Keep workers running until `stop`, then wait until all have put away what they hold.

    Raises:
        SettingsError: a worker ended because a setting is wrong; its own line says which.
        CityVitalsError: a worker did not end cleanly.
    """
    workers = [Worker(lane, wanted) for lane, wanted in environments(settings, count).items()]
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker.run(stop), name=worker.lane)


def environments(settings: IngestSettings, count: int) -> dict[str, dict[str, str]]:
    """What each worker's environment has besides ours, by lane.

    Raises:
        SettingsError: there are not so many ports, or messages to hold.
    """
    last = settings.worker_port(count - 1)
    if last > _MOST_PORT:
        raise SettingsError(
            f"CITYVITALS_INGEST__HEALTH_PORT: {count} workers would take ports up to {last}, and "
            f"there are {_MOST_PORT}: start lower"
        )
    if settings.receive_maximum < count:
        raise SettingsError(
            f"CITYVITALS_INGEST__RECEIVE_MAXIMUM: {settings.receive_maximum} cannot be divided "
            f"among {count} workers: raise it, or have fewer workers"
        )
    base = settings.lane.removesuffix("-0")
    return {
        f"{base}-{number}": {
            "CITYVITALS_INGEST__WORKERS": "1",
            "CITYVITALS_INGEST__LANE": f"{base}-{number}",
            "CITYVITALS_INGEST__HEALTH_PORT": str(settings.worker_port(number)),
            "CITYVITALS_INGEST__RECEIVE_MAXIMUM": str(settings.receive_maximum // count),
        }
        for number in range(count)
    }


class Worker:
    """A child process that runs one lane.

    Args:
        lane: its lane, and so its name.
        environment: what its environment has besides ours.
    """

    def __init__(self, lane: str, environment: Mapping[str, str]) -> None:
        self.lane = lane
        self._environment = {**os.environ, **environment}
        self._wait_s = _FIRST_WAIT_S

    async def run(self, stop: asyncio.Event) -> None:
        """Start the process, again whenever it ends, until `stop`.

        Raises:
            SettingsError: it ended because a setting is wrong.
            CityVitalsError: it did not stop cleanly when asked.
        """
        while not stop.is_set():
            begun = time.monotonic()
            code = await self._once(stop)
            if code == EXIT_SETTINGS:
                raise SettingsError(
                    f"worker {self.lane} ended because of a wrong setting: its line above says "
                    "which"
                )
            if not stop.is_set():
                await self._before_again(code, time.monotonic() - begun, stop)
            elif code not in {0, -signal.SIGTERM}:  # asked before it could listen, it held nothing
                raise CityVitalsError(
                    f"worker {self.lane} ended with {code} when it was asked to stop; what it held "
                    "comes again from the broker"
                )

    async def _once(self, stop: asyncio.Event) -> int:
        """Run the process once; returns its exit code, negative where a signal ended it."""
        # Dies with us, whatever ends us. In a process group of its own: a terminal sends Ctrl-C to
        # the whole group, and a second signal would cut a worker's clean stop short.
        leash = [str(_LEASH), str(os.getpid()), str(int(signal.SIGKILL)), "", "--"]
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-I", "-S", *leash, sys.executable, "-m", "cityvitals", "ingest"],
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
        _log.info("worker_started", lane=self.lane, pid=process.pid)
        ending = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                process.terminate()
                await asyncio.wait({ending}, timeout=_STOP_S)
            return ending.result() if ending.done() else -signal.SIGKILL
        finally:
            stopping.cancel()
            if not ending.done():
                await _end(process)

    async def _before_again(self, code: int, lasted_s: float, stop: asyncio.Event) -> None:
        """Wait before the next start, longer each time, never in step, unless asked to stop."""
        if lasted_s > _LASTED_S:
            self._wait_s = _FIRST_WAIT_S
        longest = min(_LONGEST_WAIT_S, 1.5 * self._wait_s)
        wait_s = random.uniform(self._wait_s, longest)  # noqa: S311 - not a secret
        self._wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s)
        _log.warning("worker_ended", lane=self.lane, code=code, again_in_s=round(wait_s, 1))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await stop.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind; what it holds comes again from the broker."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
