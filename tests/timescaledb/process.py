"""A real TimescaleDB for tests: compiled to WebAssembly, run by Node, reached like any server."""

import asyncio
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, Final

import asyncpg

_FOLDER: Final = Path(__file__).parent
_START_S: Final = 60.0
_STOP_S: Final = 60.0
_READY: Final = b"ready on port "

_EMPTY: Final = (_FOLDER / "empty.sql").read_text()


def missing() -> str:
    """Why there can be no TimescaleDB here, and what helps; empty where there can."""
    if shutil.which("node") is None:
        return "no TimescaleDB here: it needs node; apt-get install nodejs npm, then make test"
    if not (_FOLDER / "node_modules").exists():
        return "no TimescaleDB here: make test installs it where npm can"
    return ""


class TimescaleServer:
    """The server, on a port of the loopback; ends with this process, however that ends."""

    def __init__(self) -> None:
        self._errors: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self, *arguments: str) -> None:
        """Start it, with nothing in it; arguments are those of `server.js`.

        Raises:
            RuntimeError: it did not get ready; with its last words.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (open until stop)
        self._process = subprocess.Popen(
            ["node", str(_FOLDER / "server.js"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdout is not None
        deadline = threading.Timer(_START_S, self._process.kill)
        deadline.start()
        line = self._process.stdout.readline()
        deadline.cancel()
        if not line.startswith(_READY):
            raise RuntimeError(f"TimescaleDB did not start: {self.last_words()}")
        self.port = int(line.removeprefix(_READY))

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def dsn(self) -> str:
        """Where it is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/template1"

    def last_words(self) -> str:
        """What it said on standard error."""
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read().decode()[-2000:]

    def stop(self) -> int:
        """Have it stop; returns its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(_STOP_S)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()
        return code

    def empty(self) -> None:
        """Make it as good as new: a tenth of a second, where a new one takes three."""
        if not self.is_running:  # a test broke it, and has failed for that
            self.start()
        asyncio.run(self._empty())

    async def _empty(self) -> None:
        connection = await asyncpg.connect(self.dsn, timeout=60)
        try:
            await connection.execute("create extension if not exists timescaledb")
            await connection.execute(_EMPTY)
        finally:
            await connection.close()
