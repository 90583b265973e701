"""Several workers of a process on one machine: child processes, kept running."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

import cityvitals
from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.service import EXIT_SETTINGS

_LEASH: Final = Path(cityvitals.__file__).with_name("leash.py")
_MOST_PORT: Final = 65_535
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0
_LASTED_S: Final = 60.0
"""A worker that ran that long is one that works: its next wait is the first one again."""
_STOP_S: Final = 20.0
"""A worker of ingest takes at most 15 s to commit what it holds, and 5 s to leave the broker."""
_log = structlog.get_logger(__name__)


def require_ports(setting: str, last: int, count: int) -> None:
    """See that workers have a health port each.

    Args:
        setting: which names the first one, for the message.
        last: the last one's.
        count: how many workers.

    Raises:
        SettingsError: there are not so many ports.
    """
    if last > _MOST_PORT:
        raise SettingsError(
            f"{setting}: {count} workers would take ports up to {last}, and there are "
            f"{_MOST_PORT}: start lower"
        )


async def keep_running(workers: Iterable["Worker"], stop: asyncio.Event) -> None:
    """Keep workers running until `stop`, then wait until all have put away what they hold.

    Raises:
        SettingsError: a worker ended because a setting is wrong; its own line says which.
        CityVitalsError: a worker did not end cleanly.
    """
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker.run(stop), name=worker.name)


class Worker:
    """A child process that runs one of our commands.

    Args:
        name: for log and messages.
        words: the command and its options.
        environment: what its environment has besides ours.
        sockets: descriptors that it inherits, with the same numbers.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        sockets: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._words = words
        self._environment = {**os.environ, **environment}
        self._sockets = tuple(sockets)
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
                    f"worker {self.name} ended because of a wrong setting: its line above says "
                    "which"
                )
            if not stop.is_set():
                await self._before_again(code, time.monotonic() - begun, stop)
            elif code not in {0, -signal.SIGTERM}:  # asked before it could listen, it held nothing
                raise CityVitalsError(
                    f"worker {self.name} ended with {code} when it was asked to stop; what it held "
                    "was not put away"
                )

    async def _once(self, stop: asyncio.Event) -> int:
        """Run the process once; returns its exit code, negative where a signal ended it."""
        # Dies with us, whatever ends us. In a process group of its own: a terminal sends Ctrl-C to
        # the whole group, and a second signal would cut a worker's clean stop short.
        leash = [str(_LEASH), str(os.getpid()), str(int(signal.SIGKILL)), "", "--"]
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-I", "-S", *leash, sys.executable, "-m", "cityvitals", *self._words],
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
            pass_fds=self._sockets,
        )
        _log.info("worker_started", worker=self.name, pid=process.pid)
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
        _log.warning("worker_ended", worker=self.name, code=code, again_in_s=round(wait_s, 1))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await stop.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind; what ingest holds comes again from the broker."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
