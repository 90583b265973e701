"""`python -m tests.twins SET FILE [--chart CHART.svg]`: a recorded file through the real service.

Replays the file as its shipped mapping says (embedded PostgreSQL and broker, ingest, aggregator),
then holds everything stored against pandas on the same file. Exits 1 where they differ by more
than 1e-9, or have other windows or nulls.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from tests.twins import compare
from tests.twins.chart import draw
from tests.twins.recorded import SETS
from tests.twins.stage import staged


def main(arguments: list[str]) -> int:
    """Replay, compare, tell; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.twins", description=__doc__)
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--chart", type=Path, help="file for a chart, as SVG")
    asked = parser.parse_args(arguments)
    one = SETS[asked.set]
    expected = one.expected(asked.file)
    with staged() as stage:
        found = stage.replay(one.name, one.city, asked.file)
        if asked.chart:
            asked.chart.write_text(draw(expected, found, one.shown), "utf-8")
        return tell(expected, found)


def tell(expected: pd.DataFrame, found: pd.DataFrame) -> int:
    """Print what was compared and what differs; 1 where something does."""
    sys.stdout.write(f"{'rule':45} {'zones':>5} {'windows':>8} {'valued':>8}  difference\n")
    for rule, row in compare.summary(expected, found).iterrows():
        counts = f"{row['zones']:5.0f} {row['windows']:8.0f} {row['valued']:8.0f}"
        sys.stdout.write(f"{rule!s:45} {counts}  {row['difference']:.1e}\n")
    left = compare.untwinned(expected, found)
    if left:
        sys.stdout.write(f"stored, but without a twin: {', '.join(left)}\n")
    wrong = compare.differences(expected, found)
    sys.stdout.write(f"{wrong}\n" if wrong else "no difference above 1e-9\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
