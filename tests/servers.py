"""Servers for tests, on an event loop in a thread of their own, so that any code can use them."""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import psutil

from cityvitals.store.server import drop_database
from deploy.local.broker import EmbeddedBroker, Product, choose
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres

T = TypeVar("T")

_PREFIX: Final = "cityvitals-pg-"
_OLD_S: Final = 3600.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (each server has a folder of its own in it)
_ROOM: Final = 6 * 1024**3
"""What two servers may fill with tables and logs, in bytes, many times over."""


class Background:
    """An event loop in a thread; `call` runs a coroutine there and waits for it.

    Children are spawned by this thread, and the kernel ends them when it ends: keep it running.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], timeout: float = 120.0) -> T:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def has_room_in_memory() -> bool:
    """Whether a server fits into a file system that is memory."""
    return _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM


def remove_left_behind(folder: Path, now_s: float) -> None:
    """Remove what tests that were killed left in memory: nobody runs it, for an hour."""
    for left in folder.glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).split("-")[0]
        is_old = left.stat().st_mtime < now_s - _OLD_S
        if is_old and pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


class PostgresServer:
    """An embedded PostgreSQL in a temporary folder; can be stopped, killed and started again.

    Args:
        background: where its process is looked after.
        in_memory: whether its files may be in memory, where there is room: it flushes them as
            durable ones, which the service insists on, and a flush costs nothing there.
    """

    def __init__(self, background: Background, *, in_memory: bool = False) -> None:
        self._background = background
        self._is_in_memory = in_memory and has_room_in_memory()
        folder = _MEMORY if self._is_in_memory else None
        if self._is_in_memory:
            remove_left_behind(_MEMORY, time.time())
        prefix = f"{_PREFIX}{os.getpid()}-"
        self._folder = tempfile.TemporaryDirectory(prefix=prefix, dir=folder)
        Path(self._folder.name).chmod(0o711)  # ours: so root's server can live in it
        self._server = EmbeddedPostgres(Path(self._folder.name), free_port())

    def start(self) -> None:
        self._background.call(self._server.start())

    def stop(self) -> None:
        self._background.call(self._server.stop())

    def kill(self) -> None:
        """kill -9 of the postmaster; its children see that and end by themselves."""
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)
            self._background.call(self._server.ended())
        self.stop()

    def dsn(self, database: str) -> str:
        return self._server.dsn(database)

    def admin_dsn(self) -> str:
        return self._server.admin_dsn()

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._background.call(work)

    def copy(self, template: str, name: str) -> None:
        """Make a database as another one is."""
        self.call(self._copy(template, name))

    def drop(self, name: str) -> None:
        """Drop a database: as superuser, for autovacuum may be at it, which none but one ends."""
        self.call(drop_database(self.admin_dsn(), name))

    async def _copy(self, template: str, name: str) -> None:
        # Copied files are flushed one by one, a log of all pages in one go.
        strategy = "file_copy" if self._is_in_memory else "wal_log"
        connection = await asyncpg.connect(self.dsn("postgres"), timeout=60)
        try:
            await connection.execute(
                f'create database "{name}" template "{template}" strategy {strategy}'
            )
        finally:
            await connection.close()

    def discard(self) -> None:
        self.stop()
        self._server.discard()
        self._folder.cleanup()


class BrokerServer:
    """A broker in a temporary folder; can be stopped and started again on the same port."""

    def __init__(self, background: Background, product: Product | None = None) -> None:
        self._background = background
        self._folder = tempfile.TemporaryDirectory(prefix="cityvitals-mqtt-")
        self.port = free_port()
        self._server = EmbeddedBroker(Path(self._folder.name), self.port, product or choose())

    def start(self) -> None:
        self._background.call(self._server.start())

    def stop(self) -> None:
        self._background.call(self._server.stop())

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def discard(self) -> None:
        self.stop()
        self._folder.cleanup()
