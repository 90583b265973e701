"""Whatever is said and done, in whatever order, and wherever the aggregator dies: verify agrees.

The machine is in `tests/integration/exact`. A failure names its seed: play that alone with
`python -m tests.integration.exact.run --from SEED --runs 25`.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from cityvitals.settings import DatabaseSettings
from tests.integration.exact.machine import ACTIONS
from tests.integration.exact.run import BLOCK, play, stage

_SOAK_RUNS: Final = int(os.environ.get("CITYVITALS_EXACT_RUNS", "2000"))
_SOAK_FROM: Final = int(os.environ.get("CITYVITALS_EXACT_FROM", "1000"))
_OFTEN: Final = 100
_SEED: Final = 3
"""The same each time: `make soak` plays others."""
_NOTE: Final = Path("build/exact.json")


def test_verify_agrees_whatever_happens(database: DatabaseSettings) -> None:
    counts: Counter[str] = Counter()
    with stage(database, counts) as machine:
        play(machine, _SEED, BLOCK)
    assert counts["runs"] >= BLOCK, counts


@pytest.mark.soak
def test_verify_agrees_2000_times(
    database: DatabaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """With CITYVITALS_EXACT_FROM it goes on with another seed than the first."""
    counts: Counter[str] = Counter()
    with stage(database, counts) as machine:
        for number in range(_SOAK_FROM, _SOAK_FROM + -(-_SOAK_RUNS // BLOCK)):
            play(machine, number, BLOCK)
            _NOTE.parent.mkdir(exist_ok=True)
            _NOTE.write_text(json.dumps({"next_seed": number + 1} | counts))
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{count:8} {name}" for name, count in counts.most_common()))
    rare = {name: counts[name] for name in ACTIONS if counts[name] < _OFTEN}
    assert not rare, f"these occurred less than {_OFTEN} times in {counts['runs']} runs"
