"""The comparison with others works: the fastest of them on a little data, and the libraries."""

import pytest

from tests.benchmarks import fold
from tests.benchmarks.peers import contenders, folding
from tests.benchmarks.peers.found import Found
from tests.benchmarks.peers.trial import Clock, Damage, Trial
from tests.benchmarks.stack import running
from tests.servers import Background

pytestmark = pytest.mark.mosquitto
_READINGS = 8_000


async def _strikes(name: str) -> tuple[float, Damage, int]:
    """Rate, and what a kill in the middle of a burst does."""
    async with running(profiled=False) as stack:
        contender, clock = await contenders.peer(stack, name), Clock()
        trial = Trial(stack, contender, clock)
        async with trial.running() as board:
            rate = await trial.speed(board, 1.5, warm_up_s=0.5)
            damage = await trial.damage(board, _READINGS, Trial.kill)
        return rate, damage, trial.restarts


def test_a_peer_that_acknowledges_after_commit_loses_nothing(background: Background) -> None:
    rate, damage, restarts = background.call(_strikes("copy"))
    assert rate > 0
    assert restarts == 1
    assert (damage.sent, damage.lost) == (_READINGS, 0)
    assert damage.doubled % 50 == 0  # whole messages that were committed, and not acknowledged
    assert damage.seconds is not None


def test_libraries_find_the_buckets_that_the_fold_finds() -> None:
    found = Found()
    folding.in_process(found, 1, fold.make(100, 30_000))
    assert found.folded.keys() == {"cityvitals", "duckdb", "polars", "pandas"}
    assert all(rate > 0 for rates in found.folded.values() for rate in rates)
