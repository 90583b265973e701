"""`python -m tests.benchmarks.curves`: how a cycle's cost grows with series, readings and rules.

Measures by CPU time, in memory, writes the numbers to build/curves.json and draws
docs/performance-curves.svg.
"""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from aggregator.tuning import tune
from aggregator.warmup import warm_up
from tests.benchmarks.cycle import cycle
from tests.benchmarks.fold import fold_seconds
from tests.benchmarks.metropolis import Metropolis, live_rules
from tests.benchmarks.stack import ROOT
from tests.benchmarks.svg import svg

_ZONES: Final = (50, 100, 200, 400)
_MILLIONS: Final = (1, 2, 3, 4)
_RULE_ZONES: Final = 100
_REPEATS: Final = 3
_WIDTH: Final = 280
_HEIGHT: Final = 200
_LEFT: Final = 54
_TOP: Final = 30
_PLOT: Final = (_WIDTH - _LEFT - 14, _HEIGHT - _TOP - 46)
_CHART: Final = Path("docs") / "performance-curves.svg"


class Curve(NamedTuple):
    """What one panel shows: milliseconds of CPU time against how many there are."""

    title: str
    against: str
    points: list[tuple[int, float]]


def main() -> None:
    """Measure, write down, draw."""
    warm_up()
    tune()
    curves = [_with_series(), _with_readings(), _with_rules()]
    (ROOT / "build").mkdir(exist_ok=True)
    numbers = {one.against: one.points for one in curves}
    (ROOT / "build" / "curves.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    (ROOT / _CHART).write_text(drawn(curves), "utf-8")
    sys.stdout.write(json.dumps(numbers, indent=2) + "\n")


def _with_series() -> Curve:
    """All live rules, ever more zones, each with a series of every quantity."""
    points = []
    for zones in _ZONES:
        city = Metropolis(zones)
        points.append((len(city.shard.table), _cycle_ms(city)))
    return Curve("a cycle of all live rules", "series", points)


def _with_readings() -> Curve:
    """Ever more readings of 10,000 series folded in batches of 100,000."""
    points = []
    for millions in _MILLIONS:
        taken = [fold_seconds(millions * 1_000_000) for _ in range(_REPEATS)]
        points.append((millions * 1_000_000, median(taken) * 1000))
    return Curve("folding readings of 10,000 series", "readings", points)


def _with_rules() -> Curve:
    """Ever more of the live rules over the same zones."""
    rules, points = live_rules(), []
    for part in range(1, 6):
        # Every part has rules of all standards in it.
        some = tuple(rule for at, rule in enumerate(rules) if at % 5 < part)
        points.append((len(some), _cycle_ms(Metropolis(_RULE_ZONES, some))))
    return Curve(f"a cycle over {_RULE_ZONES} zones", "rules", points)


def _cycle_ms(city: Metropolis) -> float:
    cycle(city)
    return median(cycle(city)[0] for _ in range(_REPEATS)) * 1000


def drawn(curves: Sequence[Curve]) -> str:
    """The SVG text: a panel for each curve."""
    return svg([_panel(one) for one in curves], _WIDTH, _HEIGHT)


def _panel(curve: Curve) -> str:
    right, bottom = _LEFT + _PLOT[0], _TOP + _PLOT[1]
    most = max(count for count, _ in curve.points), max(ms for _, ms in curve.points)
    places = [
        (_LEFT + _PLOT[0] * count / most[0], bottom - _PLOT[1] * ms / most[1])
        for count, ms in curve.points
    ]
    lines = "".join(
        f"M{x0:.1f},{y0:.1f}L{x1:.1f},{y1:.1f}" for (x0, y0), (x1, y1) in pairwise(places)
    )
    end = f"{most[0]:,} {curve.against}"
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#1b4f8a"/>\n' for x, y in places
    )
    return (
        f'<text x="{_LEFT}" y="{_TOP - 10}" font-weight="bold">{curve.title}</text>\n'
        f'<path d="M{_LEFT},{_TOP} V{bottom} H{right}" fill="none" stroke="#888888"/>\n'
        f'<path d="{lines}" fill="none" stroke="#1b4f8a" stroke-width="1.2"/>\n{dots}'
        f'<text x="{_LEFT - 5}" y="{_TOP + 8}" text-anchor="end">{most[1]:,.0f} ms</text>\n'
        f'<text x="{_LEFT - 5}" y="{bottom}" text-anchor="end">0</text>\n'
        f'<text x="{right}" y="{bottom + 16}" text-anchor="end">{end}</text>\n'
    )


if __name__ == "__main__":
    main()
