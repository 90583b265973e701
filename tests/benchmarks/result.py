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
    "bytes_per_reading": ("<=", 6),
    "warm_start_s": ("<=", 6),
    "aggregator_start_s": ("<=", 2),
}
"""Every figure, and what it should be at least or at most."""

CEILINGS: Final = {
    "ingest_readings_per_s": "paho_readings_per_s_pack_50",
    "ingest_messages_per_s": "paho_messages_per_s",
    "latency_p50_ms": "latency_floor_ms",
    "latency_p99_ms": "latency_floor_p99_ms",
    "api_latest_rps": "api_bare_rps",
    "api_latest_p99_ms": "api_bare_p99_ms",
    "sse_clients": "sse_watchers",
    "write_ratio": "write_ratio_of_the_key",
    "fold_readings_per_s": "touch_readings_per_s",
    "fold_readings_per_s_1m": "touch_readings_per_s_1m",
    "recompute_readings_per_s": "read_and_fold_readings_per_s",
    "rules_cycle_ms": "rules_cycle_copied_ms",
    "state_bytes_per_series": "state_bytes_open_bucket",
    "bytes_per_reading": "lzma_bytes_per_reading",
    "warm_start_s": "servers_start_s",
    "aggregator_start_s": "import_numba_s",
}
"""What stands in a figure's way, measured in the same run: how far it can go at the most. Figures
that are missing here are ratios themselves, or of the load generator."""


@dataclass(slots=True)
class Results:
    """Filled by each benchmark."""

    figures: dict[str, float | None] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    spread: dict[str, list[float]] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Figures that this machine has nothing for, and what is missing."""
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
            if name in self.absent:
                return "null"
            return "invalid" if name in self.invalid else "not measured"
        relation, target = TARGETS[name]
        met = value >= target if relation == ">=" else value <= target
        return "met" if met else f"missed ({value / target:.2f} x)"


def say(text: str) -> None:
    """Progress with the seconds so far, seen at once."""
    print(f"{time.monotonic() - _BEGUN_S:5.0f} s  {text}", flush=True)  # noqa: T201 (a program for the terminal)


def table(results: Results) -> list[str]:
    """The figures as lines of text."""
    lines = [f"{'figure':<26}{'value':>12}{'target':>16}{'ceiling':>12}  verdict", "-" * 88]
    for name, (relation, target) in TARGETS.items():
        value, ceiling = results.figures.get(name), results.ceilings.get(CEILINGS.get(name, ""))
        wanted = f"{relation} {_shown(target)}"
        lines.append(
            f"{name:<26}{_shown(value):>12}{wanted:>16}{_shown(ceiling):>12}"
            f"  {results.verdict(name)}"
        )
    lines += [f"invalid: {name}: {why}" for name, why in results.invalid.items()]
    lines += [f"null: {name}: {why}" for name, why in results.absent.items()]
    return lines


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
