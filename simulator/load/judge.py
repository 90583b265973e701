"""What a load's samples say: whether a soak held flat, and where a ramp's knee is. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from simulator.load.recorder import Sample

_THIRDS: Final = 3
_FEWEST: Final = 9
"""Samples below which nothing can be said of flatness."""
_GROWTH: Final = 1.2
"""What is flat has grown by less, from the first third to the last, by their medians."""
_SPARE_MB: Final = 16.0
_SPARE_MS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure in the first third of a load and in the last, by their medians."""

    name: str
    first: float
    last: float
    is_flat: bool

    def __str__(self) -> str:
        """The trend in one line."""
        word = "flat" if self.is_flat else "NOT FLAT"
        return f"{self.name}: {self.first:,.1f} at first, {self.last:,.1f} at last: {word}"


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Latency, lag and memory from the first third to the last; nothing of too few samples."""
    if len(samples) < _FEWEST:
        return []
    third = len(samples) // _THIRDS
    first, last = samples[:third], samples[-third:]
    rate = median(sample.readings_per_s for sample in samples)
    figures: list[tuple[str, Callable[[Sample], float | None], float]] = [
        (
            "acknowledged after ms, p99",
            lambda one: one.ack_ms[2] if one.ack_ms else None,
            _SPARE_MS,
        ),
        ("lag of the service, readings", lambda one: one.lag, rate),
    ]
    figures += [
        (f"memory of {name}, MB", lambda one, name=name: one.memory_mb.get(name), _SPARE_MB)  # type: ignore[misc]
        for name in samples[0].memory_mb
    ]
    found = []
    for name, figure, spare in figures:
        ends = [
            [value for one in part if (value := figure(one)) is not None] for part in (first, last)
        ]
        if all(ends):
            low, high = (float(median(values)) for values in ends)
            found.append(Trend(name, low, high, high <= low * _GROWTH + spare))
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """One rate of a ramp, and what became of it.

    Attributes:
        asked: readings a second that were due; reached: that were acknowledged, to the end.
        ack_p99_ms: from when a message was due.
        lag: readings that the service had not booked when the sending ended; None: not asked.
    """

    asked: float
    reached: float
    ack_p99_ms: float
    lag: int | None

    def words(self) -> dict[str, Any]:
        """The step as JSON takes it."""
        return asdict(self)


_REACHED: Final = 0.98


def holds(step: Step, within_ms: float) -> bool:
    """Whether broker and service kept up at a rate.

    Args:
        step: what was measured.
        within_ms: 99 of 100 messages must be acknowledged within so long; the service must be no
            further behind than what comes in so much time, and the second between two looks.
    """
    behind = step.asked * (1.0 + within_ms / 1000)
    keeps_up = step.lag is None or step.lag <= behind
    return step.reached >= _REACHED * step.asked and step.ack_p99_ms <= within_ms and keeps_up


def knee(steps: Sequence[Step], within_ms: float) -> Step | None:
    """The last rate that held before one that did not; None where the first did not."""
    best = None
    for step in steps:
        if not holds(step, within_ms):
            break
        best = step
    return best
