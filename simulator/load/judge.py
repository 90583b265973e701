"""What a load's samples say: whether a soak held flat, and where a ramp's knee is. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final, NamedTuple

from simulator.load.recorder import Sample

_THIRDS: Final = 3
_FEWEST: Final = 9
"""Samples below which nothing can be said of flatness."""
_GROWTH: Final = 1.2
"""What is flat has grown by less, from the first third to the last, by their medians."""
_SPARE_MB: Final = 16.0
_SPARE_MS: Final = 20.0
_HOUR_S: Final = 3600.0
_LAST: Final = 3

_Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure in the first third of a load and in the last, by their medians.

    Attributes:
        per_hour: slope of the line through both medians (Tukey's resistant line), in units an hour.
    """

    name: str
    unit: str
    first: float
    last: float
    per_hour: float
    is_flat: bool

    def __str__(self) -> str:
        """The trend in one line."""
        word = "flat" if self.is_flat else "NOT FLAT"
        return (
            f"{self.name}: {self.first:,.1f} {self.unit} at first, {self.last:,.1f} at last,"
            f" {self.per_hour:+,.1f} {self.unit} an hour: {word}"
        )


class _Figure(NamedTuple):
    name: str
    unit: str
    of: Callable[[Sample], float | None]
    spare: float
    """What it may grow by, besides its share."""


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Latency, lag and memory from the first third to the last; nothing of too few samples."""
    if len(samples) < _FEWEST:
        return []
    third = len(samples) // _THIRDS
    found = []
    for figure in _figures(samples):
        first, last = (
            [(one.at_s, value) for one in part if (value := figure.of(one)) is not None]
            for part in (samples[:third], samples[-third:])
        )
        if first and last:
            found.append(_trend(figure, first, last))
    return found


def stolen(samples: Sequence[Sample]) -> str:
    """How much other machines had of this one's processors, in one line; "" where none knows.

    Not judged, but a load is no steadier than its machine.
    """
    third = len(samples) // _THIRDS
    parts = [
        [one.stolen for one in part if one.stolen is not None]
        for part in (samples[:third], samples[-third:])
    ]
    if len(samples) < _FEWEST or not all(parts):
        return ""
    first, last = (median(part) for part in parts)
    return f"other machines had {first:.2f} of a core at first, {last:.2f} at last"


def _figures(samples: Sequence[Sample]) -> list[_Figure]:
    rate = median(sample.readings_per_s for sample in samples)
    p99 = "acknowledged after, p99"
    return [
        _Figure(p99, "ms", lambda one: one.ack_ms[2] if one.ack_ms else None, _SPARE_MS),
        _Figure("lag of the ledger", "readings", lambda one: one.lag, rate),
        _Figure("lag of the aggregator", "readings", lambda one: one.underived, rate),
        *[_memory(name) for name in samples[0].memory_mb],
    ]


def _memory(name: str) -> _Figure:
    return _Figure(f"memory of {name}", "MB", lambda one: one.memory_mb.get(name), _SPARE_MB)


def _trend(figure: _Figure, first: _Points, last: _Points) -> Trend:
    """What became of a figure between two parts of a load."""
    (from_s, low), (to_s, high) = (
        (float(median(at for at, _ in part)), float(median(value for _, value in part)))
        for part in (first, last)
    )
    per_hour = (high - low) / max(to_s - from_s, 1e-9) * _HOUR_S
    is_flat = high <= low * _GROWTH + figure.spare
    return Trend(figure.name, figure.unit, low, high, round(per_hour, 3), is_flat)


@dataclass(frozen=True, slots=True)
class Step:
    """One rate of a ramp, and what became of it.

    Attributes:
        asked: readings a second that were due; reached: that were acknowledged, to the end.
        ack_p99_ms: from when a message was due.
        lag: readings that the service was behind at the end, by `lag_at_end`; None: not asked.
    """

    asked: float
    reached: float
    ack_p99_ms: float
    lag: int | None

    def words(self) -> dict[str, Any]:
        """The step as JSON takes it."""
        return asdict(self)


def lag_at_end(samples: Sequence[Sample]) -> int | None:
    """How far ledger or aggregator, who is further, was behind in the end: the least of 3 s.

    An aggregator takes what has come all at once, so its lag goes up and down.
    """
    found = [one.lag if one.underived is None else one.underived for one in samples[-_LAST:]]
    return min((lag for lag in found if lag is not None), default=None)


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
