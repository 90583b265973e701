"""What is measured beside a load each second: processes, and what the service has booked."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cityvitals.errors import CityVitalsError, SettingsError
from simulator.check.client import Api

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_UTIME: Final = 11
"""Place of the user time in /proc/PID/stat behind the name in brackets; system time follows."""
_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Use:
    """What a process has used: CPU seconds since its start, resident bytes now."""

    cpu_s: float
    memory: int


class Process:
    """A process that is watched, by Linux's /proc.

    Raises:
        SettingsError: there is no such process.
    """

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        if self.use() is None:
            raise SettingsError(f"load: --watch: no process {pid} (in /proc)")
        words = (self._folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        named = [word for word in words if word and not word.startswith("-")]
        self.name = f"{Path(named[-1]).name if named else 'process'} {pid}"

    def use(self) -> Use | None:
        """What it uses; None once it has ended."""
        try:
            fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
            pages = int((self._folder / "statm").read_text().split()[1])
        except (OSError, IndexError):
            return None
        return Use((int(fields[_UTIME]) + int(fields[_UTIME + 1])) / _TICKS, pages * _PAGE)


class Booked:
    """How many readings of a city the service's ledger has, asked once a second by a thread.

    Args:
        base: address of the API.
        city: whose.
    """

    def __init__(self, base: str, city: str) -> None:
        self._api, self._city = Api(base), city
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="booked", daemon=True)
        self.before = self._received()
        """What the ledger had before the load."""
        self.received = self.before
        self.asked = 0
        """How often it answered."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._api.close()

    @property
    def of_load(self) -> int:
        """Readings of the load that are booked."""
        return self.received - self.before

    def _ask(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                self.received = self._received()
            except CityVitalsError:
                continue  # a service under load may be away for a while: the last answer stays
            self.asked += 1

    def _received(self) -> int:
        answer = self._api.get("cities", self._city, "ledger")
        return 0 if answer is None else int(answer["total"]["received"])
