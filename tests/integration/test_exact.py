"""Whatever is said and done, in whatever order, and wherever the aggregator dies: verify agrees.

The machine is in `tests/integration/exact`. Each run has a seed, and a failure names it: play that
alone with `python -m tests.integration.exact.run --from SEED --runs 1`.
"""

import gc
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from cityvitals.domain.series import Declaration
from cityvitals.domain.times import EARLIEST_US
from cityvitals.settings import AggregatorSettings, DatabaseSettings
from tests.integration.aggregator_town import DAY, GAUGE, HOUR, HOURLY, MINUTE, NOON, TOTALS
from tests.integration.exact.actions import ACTIONS
from tests.integration.exact.cast import METER, ROLLING, SHARD, THIRDS, Row
from tests.integration.exact.registry_text import series_entry
from tests.integration.exact.rulebooks import BOOKS
from tests.integration.exact.run import play, stage
from tests.integration.exact.world import World, device

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
        worlds = [one for one in gc.get_objects() if isinstance(one, World)]
        kept = [one for one in worlds if one.pool is machine.world.pool and one.writers]
        assert not kept, f"{len(kept)} runs hold some MB each for ever"
    assert counts["verify in the end"] >= _RUNS, counts


def test_the_newest_final_window_is_not_forgotten_before_it_is_derived_again(
    database: DatabaseSettings,
) -> None:
    """The story of seed 50679, in its fewest steps.

    Some days are final when a station is declared whose gateway has not spoken, so that the
    watermark goes back behind them; the newest of them is derived again together with others.
    """
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["revised"])
        world.settings = AggregatorSettings(
            final_after_seconds=0, checkpoint_seconds=1e9, derive_years_every_seconds=0
        )
        machine.runner.run(_watermark_goes_back(world))


async def _watermark_goes_back(world: World) -> None:
    async def place(name: str, zone: str | None, since_us: int | None) -> None:
        said = device("town", name, zone=zone, since_us=since_us, at_us=NOON + 3 * HOUR)
        await world.say(said, lane="ingest-0")

    async def write(*rows: tuple[str, int, float]) -> None:
        await world.write([Row("town", *row) for row in rows], "ingest-0")

    await world.found()
    shard = SHARD["town"]
    for _ in range(2):
        await world.cycle(shard)
    await write(("e", -20 * DAY, 1e-3), ("b", -30 * DAY, 1e-3), ("e", 45 * HOUR, 7.1))
    world.workers.clear()
    await place("c", "north", EARLIEST_US)
    await write(("e", -5 * DAY, 100.0), ("c", 25 * HOUR, 0.0))
    await world.cycle(shard)
    await place("a", "south", NOON + 10 * HOUR)
    await place("d", None, None)
    for _ in range(2):
        await world.cycle(shard)
    await world.settle()
    found = await world.verify(settled=True)
    assert found.clean, found.as_text()


@pytest.mark.parametrize("end", ["first", "last"])
def test_a_changed_rule_is_said_of_windows_all_of_whose_buckets_are_gone(
    database: DatabaseSettings, end: str
) -> None:
    """The story of seed 71327, in its fewest steps; and the same of the city's last hour.

    A station turns out to measure otherwise, so that the hour holds no bucket any more; then the
    aggregator starts again with a revised rule, and buckets alone do not tell how far to go.
    """
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["shipped"])
        world.settings = AggregatorSettings(
            final_after_seconds=0, checkpoint_seconds=1e9, derive_years_every_seconds=0
        )
        machine.runner.run(_buckets_go(world, end))


async def _buckets_go(world: World, end: str) -> None:
    async def declare(declared: Declaration) -> None:
        await world.say(device("town", "b", declaration=declared, since_us=EARLIEST_US, at_us=NOON))

    await world.found()
    if end == "first":
        await world.write([Row("town", "m", 37 * HOUR, 33.3)], "ingest-0")
        await world.run()
        await world.register("town", series_entry("b", METER, NOON - HOUR))
    else:
        await declare(THIRDS)
        await world.write([Row("town", "b", 60 * HOUR, 3.0)], "ingest-0")
        await world.settle()
        await declare(HOURLY)
    await world.run()
    await world.save(SHARD["town"])
    world.workers.clear()
    world.rules = BOOKS["revised"]
    await world.settle()
    found = await world.verify(settled=True)
    assert found.clean, found.as_text()


def test_zones_that_a_city_weights_are_judged_by_how_far_the_city_has_come(
    database: DatabaseSettings,
) -> None:
    """The story of seed 71114, in its fewest steps.

    In an hour that is open, a gauge covers a quarter of what has passed for the city, but not of
    what has for its zone, whose only gateway has come further.
    """
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["deep"])
        machine.runner.run(_a_zone_comes_further(world))


async def _a_zone_comes_further(world: World) -> None:
    await world.found()
    moved = device("town", "b", zone="south", since_us=NOON - 5 * HOUR, at_us=NOON + 3 * HOUR)
    await world.say(moved)
    after = 8 * HOUR + 46 * MINUTE
    await world.write([Row("town", name, after, 4.0) for name in ("a", "c", "e")], "ingest-0")
    await world.run()
    found = await world.verify(settled=False)
    assert found.clean, found.as_text()


def test_a_later_revision_may_stand_among_the_latest_alone(database: DatabaseSettings) -> None:
    """The story of seed 70092, in its fewest steps.

    An interval ends in a window that is not final, which says so; then its station turns out to be
    a counter, and within the minute in which no other revision is kept nothing is left there.
    """
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["shipped"])
        machine.runner.run(_nothing_is_left(world))


async def _nothing_is_left(world: World) -> None:
    await world.found()
    await world.write([Row(city, name, 10 * MINUTE, 4.0) for city, name in world.ids], "ingest-0")
    await world.run()
    await world.say(device("ville", "e", declaration=ROLLING, since_us=EARLIEST_US))
    await world.run()
    found = await world.verify(settled=False)
    assert found.clean, found.as_text()


def test_a_late_sample_is_said_again_just_when_it_ends(database: DatabaseSettings) -> None:
    """The story of seed 100135, in its fewest steps.

    A gauge's sample holds for a quarter hour, and comes after the next one, which is of its very
    end, and so lies in another bucket.
    """
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["shipped"])
        machine.runner.run(_said_again(world))


async def _said_again(world: World) -> None:
    await world.found()
    for after in (0, HOUR, -GAUGE.hold_us):
        await world.write([Row("town", "a", after, 2.5)], "ingest-0")
        await world.run()
    await world.settle()
    assert await world.pool.fetchval("select sum(repeated) from rollup") == 1
    found = await world.verify(settled=True)
    assert found.clean, found.as_text()


def test_a_checkpoint_between_a_take_and_its_cycle_knows_what_was_declared(
    database: DatabaseSettings,
) -> None:
    """The story of seed 110051, in its fewest steps."""
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["shipped"])
        machine.runner.run(_declared_and_saved(world))


async def _declared_and_saved(world: World) -> None:
    shard = SHARD["town"]
    await world.found()
    rows = [Row("town", "c", at * MINUTE, 1.0 + at) for at in range(90)]
    await world.write(rows, "ingest-0")
    await world.run()
    await world.say(device("town", "c", declaration=HOURLY, since_us=EARLIEST_US, at_us=NOON))
    await world.take(shard)
    await world.save(shard)
    world.workers.clear()
    await world.settle()
    found = await world.verify(settled=True)
    assert found.clean, found.as_text()


def test_windows_that_nothing_feeds_any_more_do_not_wait(database: DatabaseSettings) -> None:
    """The story of seed 100107, in its fewest steps.

    A station says something; before it is derived, it turns out to measure something else.
    """
    with stage(database, Counter()) as machine:
        old = machine.world
        world = World(old.pool, old.database, old.folder, BOOKS["shipped"])
        machine.runner.run(_fed_no_more(world))


async def _fed_no_more(world: World) -> None:
    shard = SHARD["town"]
    await world.found()
    await world.write([Row("town", "w", 0, 2.5)], "ingest-0")
    await world.take(shard)
    await world.save(shard)
    assert len(world.workers[shard].shard.pending)
    await world.say(device("town", "w", declaration=TOTALS, since_us=EARLIEST_US, at_us=NOON))
    await world.settle()
    found = await world.verify(settled=True)
    assert found.clean, found.as_text()


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
