"""What was measured: figures, ceilings, spread, and runs that do not count."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tests.benchmarks.stack import Invalid

_BEGUN_S: Final = time.monotonic()
TARGETS: Final = {
    "ingest_readings_per_s": (">=", 200_000),
    "ingest_messages_per_s": (">=", 7_000),
    "paho_ratio": (">=", 0.6),
    "latency_p50_ms": ("<=", 250),
    "latency_p99_ms": ("<=", 800),
    "api_latest_rps": (">=", 2_500),
    "api_latest_p99_ms": ("<=", 25),
    "sse_clients": (">=", 1_000),
    "write_ratio": (">=", 0.45),
    "write_twice_ratio": (">=", 0.85),
    "fold_readings_per_s": (">=", 60_000_000),
    "fold_readings_per_s_1m": (">=", 10_000_000),
    "fold_vs_duckdb": (">=", 1.5),
    "fold_vs_polars": (">=", 4),
    "load_readings_per_s": (">=", 400_000),
    "recompute_readings_per_s": (">=", 1_500_000),
    "rules_cycle_ms": ("<=", 200),
    "state_bytes_per_series": ("<=", 512),
    "aggregator_start_s": ("<=", 2),
}
"""Every figure, and what it should be at least or at most."""


@dataclass(slots=True)
class Results:
    """Filled by each benchmark."""

    figures: dict[str, float | None] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    spread: dict[str, list[float]] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    cpu: dict[str, dict[str, float]] = field(default_factory=dict)

    def put(self, name: str, runs: Sequence[float]) -> None:
        """A figure: the median of its runs, with the smallest and the largest beside it."""
        self.figures[name] = median(runs)
        self.spread[name] = [min(runs), max(runs)]

    @contextmanager
    def counting(self, *names: str) -> Iterator[None]:
        """Figures that are null, with the reason, where the block is `Invalid`."""
        try:
            yield
        except Invalid as error:
            for name in names:
                self.figures[name] = None
                self.invalid[name] = str(error)

    def verdict(self, name: str) -> str:
        """How a figure stands to its target."""
        value = self.figures.get(name)
        if value is None:
            return "invalid" if name in self.invalid else "not measured"
        relation, target = TARGETS[name]
        met = value >= target if relation == ">=" else value <= target
        return "met" if met else f"missed ({value / target:.2f} x)"


def say(text: str) -> None:
    """Progress with the seconds so far, seen at once."""
    print(f"{time.monotonic() - _BEGUN_S:5.0f} s  {text}", flush=True)  # noqa: T201 (a program for the terminal)


def table(results: Results) -> list[str]:
    """The figures as lines of text."""
    lines = [f"{'figure':<28}{'value':>14}{'target':>16}  verdict", "-" * 76]
    for name, (relation, target) in TARGETS.items():
        value = results.figures.get(name)
        shown = "-" if value is None else _shown(value)
        lines.append(
            f"{name:<28}{shown:>14}{f'{relation} {_shown(target)}':>16}  {results.verdict(name)}"
        )
    lines += [f"invalid: {name}: {why}" for name, why in results.invalid.items()]
    return lines


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
