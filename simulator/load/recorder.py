"""A load second by second."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from simulator.load.generator import Progress
from simulator.load.meter import Process, Use, stolen_s

_MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """What was in the second before `at_s`, counted from the load's begin.

    Attributes:
        outstanding: messages unacknowledged.
        ack_ms: 50th, 95th and 99th percentile of what was acknowledged in it; None: nothing was.
        late_ms: how late the newest message was.
        lag: readings sent that the service has not booked; None where it is not asked.
        underived: those, and what is booked that the aggregator has not taken; None likewise.
        cpu: by process, shares of one core. memory_mb: by process, resident.
        stolen: of one core, what this machine wanted and others on its host had; None: not known.
    """

    at_s: float
    readings: int
    readings_per_s: float
    bytes_per_s: float
    outstanding: int
    ack_ms: tuple[float, float, float] | None
    late_ms: float
    lag: int | None
    underived: int | None
    cpu: dict[str, float]
    memory_mb: dict[str, float]
    stolen: float | None = None

    def words(self) -> dict[str, Any]:
        """The sample as JSON takes it."""
        return asdict(self)


class Counts(Protocol):
    """What the service has of a load, such as `meter.Booked`."""

    @property
    def of_load(self) -> int:
        """Readings of it that are booked."""

    @property
    def underived(self) -> int | None:
        """Readings of it that are stored, and not taken by the aggregator; None: not asked."""


class Recorder:
    """Takes a sample at each progress; about 500 B each, an hour is 2 MB.

    Args:
        watched: other processes to measure beside this one.
        booked: what the service has, if it is asked.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        watched: Sequence[Process] = (),
        booked: Counts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        own = Process(os.getpid())
        own.name = "load"
        self._processes, self._booked = [own, *watched], booked
        self._clock = clock
        self._begin_s = self._at_s = clock()
        self._readings = self._bytes = 0
        self._cpu: dict[str, Use] = {}
        self._stolen_s = stolen_s()
        self._uses(1.0)
        self.samples: list[Sample] = []

    def __call__(self, progress: Progress) -> Sample:
        """Note how the load stands."""
        now_s = self._clock()
        length_s = max(now_s - self._at_s, 1e-9)
        cpu, memory = self._uses(length_s)
        lag, underived = self._behind(progress.readings)
        sample = Sample(
            round(now_s - self._begin_s, 3),
            progress.readings,
            round((progress.readings - self._readings) / length_s, 1),
            round((progress.bytes - self._bytes) / length_s, 1),
            progress.outstanding,
            progress.ack_ms,
            round(progress.lateness_s * 1000, 3),
            lag,
            underived,
            cpu,
            memory,
            self._stolen(length_s),
        )
        self._at_s, self._readings, self._bytes = now_s, progress.readings, progress.bytes
        self.samples.append(sample)
        return sample

    def _stolen(self, length_s: float) -> float | None:
        before, self._stolen_s = self._stolen_s, stolen_s()
        if before is None or self._stolen_s is None:
            return None
        return round((self._stolen_s - before) / length_s, 3)

    def _behind(self, readings: int) -> tuple[int | None, int | None]:
        if self._booked is None:
            return None, None
        lag, waiting = readings - self._booked.of_load, self._booked.underived
        return lag, None if waiting is None else lag + waiting

    def _uses(self, length_s: float) -> tuple[dict[str, float], dict[str, float]]:
        cpu: dict[str, float] = {}
        memory: dict[str, float] = {}
        for process in self._processes:
            use = process.use()
            if use is None:
                continue
            before = self._cpu.get(process.name, use)
            cpu[process.name] = round((use.cpu_s - before.cpu_s) / length_s, 3)
            memory[process.name] = round(use.memory / _MB, 1)
            self._cpu[process.name] = use
        return cpu, memory
