"""A child process on a leash: its log file, its pid file, and an end that never hangs."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

import cityvitals
from cityvitals.errors import SettingsError
from deploy.local.last_words import last_words

_LEASH: Final = Path(cityvitals.__file__).with_name("leash.py")
_POLL_SECONDS: Final = 0.02
_KILL_SECONDS: Final = 10.0
_LAST_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to end it.

    Attributes:
        name: of the part, and so of its log and pid files.
        argv: the program and its arguments.
        environment: all of it; nothing is inherited.
        stop: signals in the order tried, each given its seconds; SIGKILL follows by itself.
        orphaned: signal that the kernel sends when the supervisor dies.
        user: whom to run as; empty is whoever runs the supervisor.
        folder: working directory; None stays where the supervisor is.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 15.0),)
    orphaned: signal.Signals = signal.SIGKILL
    user: str = ""
    folder: Path | None = None


class Child:
    """A running program.

    Bound to no event loop, so that one loop may start what another one stops; spawning takes a
    millisecond.

    Args:
        program: what to run.
        data: data folder; its `log/` and `run/` hold the log and pid files.
    """

    def __init__(self, program: Program, data: Path) -> None:
        self.program = program
        self.log = data_folder(data / "log") / f"{program.name}.log"
        self._pid_file = data_folder(data / "run") / f"{program.name}.pid"
        self._log_begin = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, from start to stop."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the program.

        Raises:
            SettingsError: the log cannot be written, or the program cannot be started.
        """
        program = self.program
        leash = [str(os.getpid()), str(int(program.orphaned)), program.user, "--"]
        try:
            with self.log.open("ab") as log:
                self._log_begin = log.tell()
                self._process = subprocess.Popen(  # noqa: ASYNC220, S603 (see the class; argv is ours)
                    [sys.executable, "-I", "-S", str(_LEASH), *leash, *program.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(program.environment),
                    cwd=program.folder,
                    start_new_session=True,
                )
            self._pid_file.write_text(f"{self._process.pid} {_born(self._process.pid)}\n")
        except OSError as error:
            raise SettingsError(f"starting {program.name}: {error}") from None

    def exit_code(self) -> int | None:
        """How it ended (negative: the signal that ended it), or None while it runs."""
        return None if self._process is None else self._process.poll()

    async def ended(self) -> int:
        """Wait for its end; returns the exit code."""
        if self._process is None:
            return 0
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(_POLL_SECONDS)
        return code

    async def stop(self) -> None:
        """End it, with SIGKILL at last, and whatever it started itself."""
        if self._process is None:
            return
        for number, seconds in (*self.program.stop, (signal.SIGKILL, _KILL_SECONDS)):
            if self._process.poll() is not None:
                break
            self._process.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.ended()
        _kill_group(self._process.pid)
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of what it logged since it was started, for a message that it ended."""
        try:
            with self.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_begin, end - _LAST_BYTES))
                return last_words(log.read())
        except OSError:
            return ""


def data_folder(path: Path) -> Path:
    """A folder of ours, made where it is missing, that can be written.

    Raises:
        SettingsError: it cannot be made or written.
    """
    probe = path / f".probe-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"data folder {path}: {error.strerror}: make it writable, or choose another one with "
            "--data or CITYVITALS_DATA"
        ) from None
    return path


def end_leftovers(data: Path) -> list[str]:
    """End what an earlier supervisor left running; returns the names.

    A pid file counts only while its process was born when the file says, so a number that the
    system gave to somebody else is never touched.
    """
    ended = []
    for file in sorted((data / "run").glob("*.pid")):
        process = _recorded(file)
        if process is not None:
            _end(process)
            ended.append(file.stem)
        file.unlink(missing_ok=True)
    return ended


def _recorded(file: Path) -> psutil.Process | None:
    try:
        number, born = file.read_text().split()
        process = psutil.Process(int(number))
        return process if f"{process.create_time():.2f}" == born else None
    except (OSError, ValueError, psutil.Error):
        return None


def _end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        # SIGINT is PostgreSQL's fast shutdown, and stops all others as well.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_KILL_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
    _kill_group(process.pid)


def _kill_group(leader: int) -> None:
    """Kill what is left of a child's own session; nothing left is the usual case."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _born(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return "0"  # ended already, so nothing is left to find
