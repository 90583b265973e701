"""The real processes, as subprocesses on free ports; killed and started again as tests please."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from cityvitals.settings import BrokerSettings, DatabaseSettings
from deploy.local.ports import free_port
from tests import plain

T = TypeVar("T")

DEADLINE = 120.0
_ROOT = Path(__file__).parent.parent


def wait_for(
    what: str, condition: Callable[[], T], deadline: float = DEADLINE, every: float = 0.1
) -> T:
    """The first true thing that a condition returns, before the deadline; both in seconds."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            msg = f"not within {deadline:.0f} s: {what}"
            raise AssertionError(msg)
        time.sleep(every)


class Service:
    """Ingest, aggregator and API on one database and broker.

    Args:
        folder: for logs.
        database: where to store. broker: where to listen.
        options: further settings, as environment variables without their prefix.
    """

    def __init__(
        self, folder: Path, database: DatabaseSettings, broker: BrokerSettings, **options: str
    ) -> None:
        self.folder = folder
        self.api = f"http://127.0.0.1:{(api := free_port())}"
        self._health = {"ingest": free_port(), "aggregate": free_port(), "api": free_port()}
        given = {
            "DATABASE__DSN": database.dsn.get_secret_value(),
            "BROKER__PORT": str(broker.port),
            "API__PORT": str(api),
            "API__HEALTH_PORT": str(self._health["api"]),
            "INGEST__HEALTH_PORT": str(self._health["ingest"]),
            "AGGREGATOR__HEALTH_PORT": str(self._health["aggregate"]),
            "AGGREGATOR__FINAL_AFTER_SECONDS": "1",
            "AGGREGATOR__CHECKPOINT_SECONDS": "0.3",
            **options,
        }
        self.environment = {
            **os.environ,
            **{f"CITYVITALS_{name}": value for name, value in given.items()},
        }
        self._own: dict[str, dict[str, str]] = {}
        self._commands: dict[str, str] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def override(self, name: str, **options: str) -> None:
        """Give one process settings of its own from its next start on."""
        given = self._own.setdefault(name, {})
        given |= {f"CITYVITALS_{key}": value for key, value in options.items()}

    def add_worker(self, lane: str) -> None:
        """Have one more ingest, named and started as its lane."""
        self._health[lane] = port = free_port()
        self._commands[lane] = "ingest"
        self.override(lane, INGEST__LANE=lane, INGEST__HEALTH_PORT=str(port))

    def add_aggregator(self, name: str) -> None:
        """Have one more aggregator."""
        self._health[name] = port = free_port()
        self._commands[name] = "aggregate"
        self.override(name, AGGREGATOR__HEALTH_PORT=str(port))

    def launch(self, *names: str) -> None:
        """Start processes, ready or not."""
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    [sys.executable, "-m", "cityvitals", self._commands.get(name, name)],
                    env=self.environment | self._own.get(name, {}),
                    cwd=_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def start(self, *names: str) -> None:
        """Start processes (all three by default), and wait until they are ready."""
        chosen = names or ("ingest", "aggregate", "api")
        self.launch(*chosen)
        for name in chosen:
            wait_for(f"{name} is ready", lambda name=name: self.is_ready(name))  # type: ignore[misc]

    def health_port(self, name: str) -> int:
        """Where a process answers `/readyz` and `/metrics`."""
        return self._health[name]

    def is_ready(self, name: str) -> bool:
        """Whether a process says that it is ready; fails where it has ended."""
        return self.reasons(name) == []

    def reasons(self, name: str) -> list[str] | None:
        """Why a process is not ready, or None where it does not say; fails where it has ended."""
        code = self._running[name].poll()
        if code is not None:
            msg = f"{name} ended with {code}: {self.log(name)[-2000:]}"
            raise AssertionError(msg)
        try:
            answer = plain.get(f"http://127.0.0.1:{self._health[name]}/readyz", timeout=30)
        except httpx.HTTPError:
            return None
        return list(answer.json()["reasons"])

    def until_waiting(self, name: str, part: str) -> str:
        """Wait until a process is not ready because of a part of it; returns what it says."""

        def waiting() -> str:
            said = self.reasons(name) or []
            return next((one for one in said if one.startswith(f"{part}: ")), "")

        return wait_for(f"{name} waits for its {part}", waiting)

    def metric(self, name: str, metric: str) -> float:
        """The sum of a metric over its labels."""
        answer = plain.get(f"http://127.0.0.1:{self._health[name]}/metrics", timeout=30)
        lines = answer.text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))

    def log(self, name: str) -> str:
        """What a process logged so far."""
        return (self.folder / f"{name}.log").read_text()

    def memory_mb(self, name: str) -> float:
        """Resident memory of a process."""
        return float(psutil.Process(self._running[name].pid).memory_info().rss / 1e6)

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def pause(self, name: str) -> None:
        """Have a process stand still, as on a machine that is asleep."""
        self._running[name].send_signal(signal.SIGSTOP)

    def wake(self, name: str) -> None:
        """Have it go on."""
        self._running[name].send_signal(signal.SIGCONT)

    def terminate(self, name: str) -> int:
        """SIGTERM; the exit code."""
        process = self._running.pop(name)
        process.terminate()
        return process.wait(60)

    def stop(self) -> None:
        """End all politely, also who was paused; what hangs is a failure."""
        for process in self._running.values():
            process.terminate()
            process.send_signal(signal.SIGCONT)
        hung = []
        for name, process in self._running.items():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
                hung.append(name)
        self._running.clear()
        assert not hung, f"did not stop: {hung}"

    def simulate(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the simulator."""
        with (self.folder / "simulate.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "cityvitals", "simulate", *arguments],
                env=self.environment,
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line to its end."""
        return self.run_as(self.environment["CITYVITALS_DATABASE__DSN"], *arguments)

    def run_as(self, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same, as another of the database's users."""
        return subprocess.run(
            [sys.executable, "-m", "cityvitals", *arguments],
            env={**self.environment, "CITYVITALS_DATABASE__DSN": dsn},
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def get(self, path: str) -> Any:
        """The JSON that the API answers."""
        answer = plain.get(self.api + path, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()
