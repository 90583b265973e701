"""What is measured beside a load each second: processes, and what the service has booked."""

import http.client
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from cityvitals.errors import CityVitalsError, SettingsError
from simulator.check.client import Api, ApiAway

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TIMES: Final = slice(11, 15)
"""Places in /proc/PID/stat behind the name in brackets of the time that a process has used, as user
and in the system, and the same of its children that have ended."""
_STOLEN: Final = 8
"""Place of stolen time in the first line of /proc/stat."""
_EVERY_S: Final = 0.5
_PATIENCE_S: Final = 10.0
_TAKEN: Final = b"cityvitals_aggregator_readings_total "


@dataclass(frozen=True, slots=True)
class Use:
    """What a process has used: CPU seconds since its start, resident bytes now."""

    cpu_s: float
    memory: int


def stolen_s(stat: Path = Path("/proc/stat")) -> float | None:
    """CPU seconds since its start that this machine wanted, and its host gave to other machines.

    Args:
        stat: what Linux says of all processors together; None comes of what says nothing of it.
    """
    try:
        words = stat.read_text().splitlines()[0].split()
        return int(words[_STOLEN]) / _TICKS
    except (OSError, IndexError, ValueError):
        return None


class Process:
    """A process that is watched with its children, by Linux's /proc.

    What a child shares with others is counted for its parent alone: so is PostgreSQL's memory.

    Raises:
        SettingsError: there is no such process.
    """

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        if self.use() is None:
            raise SettingsError(f"load: --watch: no process {pid} (in /proc)")
        words = (self._folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        self.name = f"{called(words)} {pid}"

    def use(self) -> Use | None:
        """What it uses; None once it has ended."""
        try:
            cpu_s, memory, _ = _used(self._folder)
        except (OSError, IndexError):
            return None
        for child in self._children():
            try:
                child_s, resident, shared = _used(child)
            except (OSError, IndexError):
                continue  # it has ended meanwhile
            cpu_s, memory = cpu_s + child_s, memory + max(resident - shared, 0)
        return Use(cpu_s, memory)

    def _children(self) -> Iterator[Path]:
        for listed in self._folder.glob("task/*/children"):
            try:
                found = listed.read_text().split()
            except OSError:
                continue  # a thread that has ended
            yield from (Path("/proc") / pid for pid in found)


def called(words: Sequence[str]) -> str:
    """What a process is called in a report, by its command line."""
    names = [Path(word).name for word in words if word and not word.startswith("-")]
    if "cityvitals" in names[:-1]:
        return names[names.index("cityvitals") + 1]
    if len(names) > 1 and names[0].startswith("python"):
        return names[1]
    return names[0] if names else "process"


def _used(folder: Path) -> tuple[float, int, int]:
    """CPU seconds, resident bytes, and what of them others may use, too."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    _, resident, shared = map(int, (folder / "statm").read_text().split()[:3])
    return sum(map(int, fields[_TIMES])) / _TICKS, resident * _PAGE, shared * _PAGE


class Booked:
    """How many readings of a city the service has, asked twice a second by a thread.

    Args:
        base: address of the API, for the ledger's counts.
        city: whose.
        aggregator: where the aggregator answers `/metrics`; "" if it is not asked. It counts
            readings of all cities, so nobody else may send meanwhile.

    Raises:
        CityVitalsError: they do not answer at first.
    """

    def __init__(self, base: str, city: str, aggregator: str = "") -> None:
        self._api, self._city, self._aggregator = Api(base), city, aggregator
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="booked", daemon=True)
        self._before = self._now = self._counted()
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
        return self._now.received - self._before.received

    @property
    def underived(self) -> int | None:
        """Readings that are stored, and that the aggregator has not taken; None: it is not asked.

        Both are counted one after the other: what came between is no less than nothing.
        """
        if not self._aggregator:
            return None
        stored = self._now.stored - self._before.stored
        return max(stored - (self._now.taken - self._before.taken), 0)

    def _ask(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                self._now = self._counted()
            except CityVitalsError:
                continue  # a service under load may be away for a while: the last answer stays
            self.asked += 1

    def _counted(self) -> "_Counts":
        answer = self._api.get("cities", self._city, "ledger")
        total = {"received": 0, "stored": 0, "revised": 0} if answer is None else answer["total"]
        taken = taken_by(self._aggregator) if self._aggregator else 0
        return _Counts(total["received"], total["stored"] + total["revised"], taken)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Readings that came, that were new or revised, and that the aggregator has taken."""

    received: int
    stored: int
    taken: int


def taken_by(base: str) -> int:
    """How many readings an aggregator has taken since it began, by its metrics.

    Args:
        base: its health address, such as http://127.0.0.1:9102.

    Raises:
        SettingsError: `base` is no address.
        ApiAway: it does not answer, or has no such count.
    """
    parts = urlsplit(base)
    if parts.scheme != "http" or not parts.hostname:
        raise SettingsError(
            f"load: --aggregator: expected an address like http://127.0.0.1:9102, got {base!r}"
        )
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().splitlines()
    except (OSError, http.client.HTTPException) as error:
        raise ApiAway(f"{base}: {type(error).__name__}: {error}") from None
    finally:
        connection.close()
    for line in lines:
        if line.startswith(_TAKEN):
            return int(float(line.removeprefix(_TAKEN)))
    raise ApiAway(f"{base}/metrics: expected {_TAKEN.decode().strip()}: is it the aggregator's?")
