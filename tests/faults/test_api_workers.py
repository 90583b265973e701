"""Several workers of the API: one is killed, comes back, and whoever watched goes on."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import psutil
import pytest

from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from deploy.local.ports import free_port, listens
from tests import plain
from tests.api_city import CITY, indicator, latest_rows, make_city, write
from tests.api_server import stream, with_pool
from tests.service import wait_for

WORKERS = 2
ROW = indicator("traffic.speed.hour", "barco")


class Served:
    """`cityvitals api --workers 2` on a database."""

    def __init__(self, database: DatabaseSettings, folder: Path) -> None:
        self.base = f"http://127.0.0.1:{(port := free_port())}"
        self._health = _two_free_ports()
        self._log = folder / "api.log"
        environment = {
            "CITYVITALS_DATABASE__DSN": database.dsn.get_secret_value(),
            "CITYVITALS_API__PORT": str(port),
            "CITYVITALS_API__HEALTH_PORT": str(self._health),
        }
        command = [sys.executable, "-m", "cityvitals", "api", "--workers", str(WORKERS)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        for number in range(WORKERS):
            wait_for(f"worker {number}", lambda number=number: self.is_ready(number))  # type: ignore[misc]

    def is_ready(self, number: int) -> bool:
        assert self.process.poll() is None, self._log.read_text()[-2000:]
        try:
            return plain.get(f"{self._port(number)}/readyz", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    def metric(self, number: int, name: str) -> float:
        lines = plain.get(f"{self._port(number)}/metrics", timeout=30).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def worker(self, number: int) -> psutil.Process:
        """The process that listens on a worker's health port."""
        port = self._health + 10 * number
        (found,) = (
            child
            for child in psutil.Process(self.process.pid).children()
            if port in {one.laddr.port for one in child.net_connections() if one.status == "LISTEN"}
        )
        return found

    def stops_cleanly(self) -> None:
        """Asked to stop, all end, and nobody listens any more."""
        workers = psutil.Process(self.process.pid).children()
        assert len(workers) == WORKERS
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        assert not psutil.wait_procs(workers, timeout=30)[1]
        with pytest.raises(httpx.ConnectError):
            plain.get(self.base, timeout=5)

    def _port(self, number: int) -> str:
        return f"http://127.0.0.1:{self._health + 10 * number}"


def _two_free_ports() -> int:
    while True:
        port = free_port()
        if port < 65_000 and not listens(port + 10):
            return port


class Watcher:
    """A client of the live stream that comes back with the last number it saw."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.ending = threading.Event()
        self.connections = 0
        self.numbers: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self.ending.is_set():
            try:
                self._watch()
            except (httpx.HTTPError, AssertionError):  # cut off, or told to come again
                time.sleep(0.05)  # as a browser waits before it comes back

    def _watch(self) -> None:
        seen = self.numbers[-1] if self.numbers else None
        with stream(self._base, CITY, seen=seen) as events:
            self.connections += 1
            for event in events:
                if event.kind == "value" and event.number is not None:
                    self.numbers.append(event.number)
                if self.ending.is_set():
                    return


@pytest.fixture
def filled(database: DatabaseSettings) -> DatabaseSettings:
    async def fill(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await make_city(connection)
            await write(connection, latest_rows())

    with_pool(database, fill)
    return database


@pytest.fixture
def served(filled: DatabaseSettings, tmp_path: Path) -> Iterator[Served]:
    found = Served(filled, tmp_path)
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.wait(10)


def commit(database: DatabaseSettings, value: float) -> int:
    """One more final value; its number."""

    async def act(pool: Pool) -> Sequence[int]:
        async with pool.acquire() as connection:
            return await write(connection, [ROW._replace(value=value, state="final")])

    return with_pool(database, act)[-1]


def test_a_worker_is_killed_and_comes_back_and_its_clients_miss_nothing(
    served: Served, filled: DatabaseSettings
) -> None:
    watchers = [Watcher(served.base) for _ in range(6)]
    clients = "cityvitals_api_stream_clients"
    wait_for("all watch", lambda: sum(served.metric(n, clients) for n in range(WORKERS)) == 6)
    killed = max(range(WORKERS), key=lambda number: served.metric(number, clients))
    first = commit(filled, 1.0)
    wait_for("all have seen it", lambda: all(first in one.numbers for one in watchers))

    gone = served.worker(killed)
    gone.send_signal(signal.SIGKILL)
    missed = [commit(filled, value) for value in (2.0, 3.0)]
    assert plain.get(f"{served.base}/v1/cities", timeout=60).status_code == 200
    wait_for("the worker is back", lambda: served.is_ready(killed))
    assert served.worker(killed).pid != gone.pid

    last = commit(filled, 4.0)
    wait_for("all have seen the last", lambda: all(last in one.numbers for one in watchers))
    for watcher in watchers:
        watcher.ending.set()
    commit(filled, 5.0)  # wakes those who wait for a line
    for watcher in watchers:
        watcher.close()
        assert watcher.numbers == sorted(set(watcher.numbers)), "in order, and none twice"
        assert {first, *missed, last} <= set(watcher.numbers)
    assert max(watcher.connections for watcher in watchers) > 1
    served.stops_cleanly()


def test_a_worker_that_cannot_have_its_port_ends_the_whole(filled: DatabaseSettings) -> None:
    health = _two_free_ports()
    environment = {
        "CITYVITALS_DATABASE__DSN": filled.dsn.get_secret_value(),
        "CITYVITALS_API__PORT": str(free_port()),
        "CITYVITALS_API__HEALTH_PORT": str(health),
        "CITYVITALS_API__WORKERS": "2",
    }
    with socket.create_server(("127.0.0.1", health + 10)):
        done = subprocess.run(
            [sys.executable, "-m", "cityvitals", "api"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 2, done.stderr
    assert f"health port {health + 10}" in done.stderr
    assert "worker api-1 ended because of a wrong setting" in done.stderr
