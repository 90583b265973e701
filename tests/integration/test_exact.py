"""Whatever is said and done, in whatever order, and wherever the aggregator dies: verify agrees.

The machine is in `tests/integration/exact`. Each run has a seed, and a failure names it: play that
alone with `python -m tests.integration.exact.run --from SEED --runs 1`.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from cityvitals.settings import DatabaseSettings
from tests.integration.exact.actions import ACTIONS
from tests.integration.exact.run import play, stage

_SOAK_RUNS: Final = int(os.environ.get("CITYVITALS_EXACT_RUNS", "2000"))
_SOAK_FROM: Final = int(os.environ.get("CITYVITALS_EXACT_FROM", "1000"))
_OFTEN: Final = 100
_RUNS: Final = 8
"""Few, since this is run often, and always the same, so that a change is what turns it red;
CITYVITALS_EXACT_SEED has others played."""
_NOTE: Final = Path("build/exact.json")


def test_verify_agrees_whatever_happens(database: DatabaseSettings) -> None:
    counts: Counter[str] = Counter()
    first = int(os.environ.get("CITYVITALS_EXACT_SEED", "30000"))
    with stage(database, counts) as machine:
        for number in range(first, first + _RUNS):
            play(machine, number)
    assert counts["verify in the end"] >= _RUNS, counts


@pytest.mark.soak
def test_verify_agrees_2000_times(
    database: DatabaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """With CITYVITALS_EXACT_FROM it goes on with another seed than the first."""
    counts: Counter[str] = Counter()
    with stage(database, counts) as machine:
        for number in range(_SOAK_FROM, _SOAK_FROM + _SOAK_RUNS):
            play(machine, number)
            _NOTE.parent.mkdir(exist_ok=True)
            _NOTE.write_text(json.dumps({"next_seed": number + 1} | counts))
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{count:8} {name}" for name, count in counts.most_common()))
    rare = {name: counts[name] for name in ACTIONS if counts[name] < _OFTEN}
    assert not rare, f"these occurred less than {_OFTEN} times in {counts['runs']} runs"
