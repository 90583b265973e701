"""One `cityvitals up` as a child process, as a user would see it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import psutil

from deploy.local.ports import free_port

OPENER = build_opener(ProxyHandler({}))
PATIENCE_S = 180.0
_numbers = itertools.count(1)


class Run:
    """A running `up`.

    Args:
        data: data folder; what it tells goes into a file beside it.
        ports: where it listens.
        options: more of the command line.
    """

    def __init__(self, data: Path, ports: "Ports", *options: str) -> None:
        folder = next(above for above in data.parents if above.is_dir())
        self.output = folder / f"up-{next(_numbers)}.out"
        self.port = ports.page
        command = [sys.executable, "-m", "cityvitals", "up", "--data", str(data)]
        command += ["--port", str(ports.page), "--database-port", str(ports.database), *options]
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=os.environ | ports.environment()
            )

    def said(self) -> str:
        """All that it told so far."""
        return self.output.read_text()

    def until_said(self, text: str) -> None:
        """Wait until it told something."""
        until(lambda: text in self.said() or self.process.poll() is not None, self.said)
        assert text in self.said(), self.said()

    def children(self) -> dict[str, psutil.Process]:
        """Its direct children, by what of us they run."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            words = _words(child)
            if not words:  # it is about to end
                continue
            found[words[3] if words[1:3] == ["-m", "cityvitals"] else Path(words[0]).name] = child
        return found

    def family(self) -> list[psutil.Process]:
        """All that it started, and what those started."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def get(self, path: str) -> Any:
        """The JSON at a path of the API."""
        with OPENER.open(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


class Ports:
    """Ports that nobody listens on."""

    def __init__(self) -> None:
        self.page, self.database, self.broker = free_port(), free_port(), free_port()
        self.health = [free_port() for _ in range(3)]

    def environment(self) -> dict[str, str]:
        """The settings that have no option of `up`."""
        ingest, aggregator, api = map(str, self.health)
        return {
            "CITYVITALS_BROKER__PORT": str(self.broker),
            "CITYVITALS_INGEST__HEALTH_PORT": ingest,
            "CITYVITALS_AGGREGATOR__HEALTH_PORT": aggregator,
            "CITYVITALS_API__HEALTH_PORT": api,
        }


@contextmanager
def running(data: Path, ports: Ports, *options: str) -> Iterator[Run]:
    """An `up` that is gone when the block ends, with all that it started."""
    run = Run(data, ports, *options)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            family = run.family()
            run.process.kill()
            run.process.wait(10)
            for process in psutil.wait_procs(family, 10)[1]:
                process.kill()


def _words(child: psutil.Process) -> list[str]:
    try:
        return list(child.cmdline())
    except psutil.NoSuchProcess:
        return []


def until(true: Callable[[], bool], why: Callable[[], str]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of these runs any more (a zombie does not)."""
    return not [
        process
        for process in processes
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]
