"""Runs that came before: what has become slower, told by ratios within each run.

Machines are shared, so absolutes of two runs say little. A figure is compared as what it is of its
ceiling, which the same run measured; where there is none, the figure is a ratio itself.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.benchmarks.result import CEILINGS, TARGETS

COMPARED: Final = 5
"""Runs that a new one is held against: the last so many of the same kind."""
WORSE: Final = 1.15
"""By how much a figure must be worse than their median; and worse than all of them."""

_WITHOUT: Final = frozenset({"load_readings_per_s"})
"""Neither a ratio nor with a ceiling in its run."""

Run = Mapping[str, Any]


def read(path: Path) -> list[Run]:
    """All runs of a file of JSON lines, oldest first; none where there is no file.

    Raises:
        ValueError, TypeError: a line is no JSON, or no object; with its number.
    """
    if not path.exists():
        return []
    runs: list[Run] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            run = json.loads(line)
        except json.JSONDecodeError:
            raise ValueError(f"{path}, line {number}: not JSON: {line[:60]!r}") from None
        if not isinstance(run, dict):
            raise TypeError(f"{path}, line {number}: not a JSON object: {line[:60]!r}")
        runs.append(run)
    return runs


def share(run: Run, name: str) -> float | None:
    """A figure by its ceiling of the same run, more being better; None where one is missing."""
    value: float | None = run["figures"].get(name)
    ceiling: float | None = run["ceilings"].get(CEILINGS[name]) if name in CEILINGS else 1.0
    if (
        name in _WITHOUT
        or not value
        or not ceiling
        or name in run["invalid"]
        or "run" in run["invalid"]
    ):
        return None
    return value / ceiling if TARGETS[name][0] == ">=" else ceiling / value


def alike(runs: Iterable[Run], now: Run) -> list[Run]:
    """Those measured for as long, without a profiler, on as many cores of the same kind."""

    def kind(run: Run) -> tuple[Any, ...]:
        return run.get("length", "default"), run["machine"]["cpu"], run["machine"]["cores"]

    return [run for run in runs if kind(run) == kind(now) and not run.get("profiled")]


def regressions(before: Sequence[Run], now: Run) -> list[str]:
    """A sentence for each figure that is worse than the last runs, of which the oldest is first."""
    found, runs = [], alike(before, now)
    for name in TARGETS:
        ours = share(now, name)
        others = [one for run in runs if (one := share(run, name)) is not None][-COMPARED:]
        if ours is None or not others:
            continue
        usual = median(others)
        if usual / ours >= WORSE and ours < min(others):
            found.append(
                f"{name} is {usual / ours:.2f} x worse: {ours:.3g} of "
                f"{CEILINGS.get(name, 'one')}, {usual:.3g} in the last {len(others)}"
            )
    return found
