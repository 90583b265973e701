"""The state machine: whatever is said and done, in whatever order, verify finds nothing."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final, TypeVar

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cityvitals.domain.series import Declaration
from cityvitals.errors import StoreUnavailable
from cityvitals.settings import AggregatorSettings, RetentionSettings
from cityvitals.store.declarations import DeclaredStatus
from cityvitals.verify.report import Difference
from tests.integration.aggregator_town import DAY, HOUR, MINUTE, NOON
from tests.integration.exact.cast import (
    DECLARATIONS,
    GATEWAYS,
    PLACES,
    SHARD,
    STATIONS,
    Row,
)
from tests.integration.exact.draws import (
    cities,
    edges,
    flags,
    lanes,
    moments,
    odd_moments,
    revs,
    shards,
    since,
    stations,
    steps,
    values,
)
from tests.integration.exact.registry_text import series_entry, table
from tests.integration.exact.rulebooks import BOOKS
from tests.integration.exact.world import World, device

T = TypeVar("T")
_Act = Callable[[int, int | None], Coroutine[Any, Any, Any]]

_CHECKS: Final = 3
"""So often a run verifies on its way at most: that takes as long as all else."""
_ALL_DONE: Final = {"catch up", "verify on the way"}
"""Behind these nothing is left to do."""


class Exactness(RuleBasedStateMachine):
    """One run; the class that a run is made of knows where it plays.

    Attributes:
        runner: of the event loop that the world's connections belong to.
        world: emptied by each run.
        counts: how often each action occurred, over all runs.
    """

    runner: ClassVar[asyncio.Runner]
    world: ClassVar[World]
    counts: ClassVar[Counter[str]]
    has_ended = False
    is_done = False
    checks = 0
    spent: ClassVar[defaultdict[str, float]] = defaultdict(float)

    def _do(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        self.counts[name] += 1
        begun = time.process_time()
        found = self.runner.run(work)
        self.spent[name] += time.process_time() - begun
        self.world.now_us += 20_000_000
        self.is_done = name in _ALL_DONE
        return found

    @initialize(
        at_once=st.sampled_from([1, 4, 100_000]),
        quiet_s=st.sampled_from([0, 0, 60]),
        kept_days=st.sampled_from([None, None, 1, 3]),
        book=st.sampled_from(sorted(BOOKS)),
        step_s=st.sampled_from([0.0, 0.0, 0.01, 0.2]),
        chance=st.integers(0, 2**16),
    )
    def begin(
        self,
        at_once: int,
        quiet_s: int,
        kept_days: int | None,
        book: str,
        step_s: float,
        chance: int,
    ) -> None:
        """Empty the world, and settle how it is derived."""
        # Hypothesis begins each search with the simplest choice everywhere: that run is the same
        # for all seeds, and says nothing.
        assume(chance)
        old = self.world
        kind = type(self)
        kind.world = World(old.pool, old.database, old.folder, BOOKS[book])
        self.world.settings = AggregatorSettings(
            final_after_seconds=quiet_s,
            checkpoint_seconds=1e9,
            derive_years_every_seconds=0,
            cycle_readings=at_once,
        )
        if kept_days is not None:
            self.world.keeping = RetentionSettings(days=kept_days, check_seconds=1e-6)
        self.world.step_s = step_s
        self.runner.run(self.world.found())
        self.counts["runs"] += 1

    # What is said

    @rule(city=cities, lane=lanes, count=st.integers(1, 6), value=values, data=st.data())
    def go_on(self, city: str, lane: str, count: int, value: float, data: st.DataObject) -> None:
        """Some stations say what comes next."""
        rows = []
        for name in data.draw(st.lists(stations, min_size=1, max_size=4, unique=True)):
            station = STATIONS[name].declaration
            step = round((station.period_s or station.reporting_s) * 1_000_000)
            begin = self.world.newest[city, name]
            rows += [Row(city, name, begin + step * n, value + n) for n in range(1, count + 1)]
        self._do("in order", self.world.write(_not_too_new(rows), lane))

    @rule(
        city=cities,
        lane=lanes,
        rows=st.lists(st.tuples(stations, moments, values, revs, flags), min_size=1, max_size=12),
    )
    def late(self, city: str, lane: str, rows: list[Any]) -> None:
        """Readings of any time, in any order."""
        self._do("late", self.world.write([Row(city, *row) for row in rows], lane))

    @rule(lane=lanes, picks=st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
    def again(self, lane: str, picks: list[int]) -> None:
        """What was said before comes again."""
        said = self.world.said
        if said:
            rows = [said[pick % len(said)] for pick in picks]
            self._do("duplicate", self.world.write(rows, lane))

    @rule(
        lane=lanes,
        picks=st.lists(
            st.tuples(st.integers(0, 10**6), values, revs, flags), min_size=1, max_size=6
        ),
    )
    def revise(self, lane: str, picks: list[Any]) -> None:
        """What was said before is said otherwise."""
        said = self.world.said
        if said:
            rows = [
                said[pick % len(said)]._replace(value=value, rev=rev, flags=flag)
                for pick, value, rev, flag in picks
            ]
            self._do("revision", self.world.write(rows, lane))

    @rule(
        city=cities,
        lane=lanes,
        rows=st.lists(st.tuples(stations, edges, values), min_size=1, max_size=8),
    )
    def on_edges(self, city: str, lane: str, rows: list[Any]) -> None:
        """Readings exactly on the edge of a quarter hour, or a microsecond beside it."""
        self._do("on an edge", self.world.write([Row(city, *row) for row in rows], lane))

    @rule(
        city=cities,
        lane=lanes,
        rows=st.lists(st.tuples(stations, odd_moments, values), min_size=1, max_size=3),
    )
    def odd_clock(self, city: str, lane: str, rows: list[Any]) -> None:
        """A clock is a day fast, or weeks or years slow."""
        self._do("odd clock", self.world.write([Row(city, *row) for row in rows], lane))

    @rule(
        lane=lanes,
        rows=st.lists(st.tuples(cities, stations, moments, values), min_size=2, max_size=8),
    )
    def both_shards(self, lane: str, rows: list[Any]) -> None:
        """One transaction of ingest writes for several shards."""
        self._do("both shards", self.world.write([Row(*row) for row in rows], lane))

    @rule(name=lanes)
    def restart_ingest(self, name: str) -> None:
        """An ingest worker begins anew in its lane, with nothing in memory."""
        self._do("ingest restarts", self.world.take_lane(name))

    # What is declared and stated

    @rule(
        city=cities,
        name=stations,
        declared=st.sampled_from(DECLARATIONS),
        since_us=since,
        lane=lanes,
    )
    def declare(
        self, city: str, name: str, declared: Declaration, since_us: int | None, lane: str
    ) -> None:
        """A station says what its readings mean, from some time on."""
        said = device(city, name, declaration=declared, since_us=since_us, at_us=self._at(city))
        self._do("declaration", self.world.say(said, lane=lane))

    @rule(city=cities, name=stations, zone=st.sampled_from(PLACES), since_us=since, lane=lanes)
    def place(
        self, city: str, name: str, zone: str | None, since_us: int | None, lane: str
    ) -> None:
        """A station stands elsewhere, from some time on."""
        said = device(city, name, zone=zone, since_us=since_us, at_us=self._at(city))
        self._do("placement", self.world.say(said, lane=lane))

    @rule(
        city=cities,
        zone=st.sampled_from(["", "north", "south"]),
        number=st.sampled_from([1000, 1500, 20_000]),
        day=st.sampled_from(["2020-01-01", "2026-11-20", "2026-11-23T15:07:00Z", "2026-11-24"]),
    )
    def state_fact(self, city: str, zone: str, number: int, day: str) -> None:
        """The registry says how many people live somewhere, from a day on."""
        text = table("zone", id='"north"') + table("zone", id='"south"')
        text += table(
            "fact", name='"population"', zone=f'"{zone}"', value=number, unit='"{inhabitant}"',
            valid_from=day, source='"census"', quality='"measured"',
        )  # fmt: skip
        self._do("fact", self.world.register(city, text))

    @rule(
        city=cities,
        name=stations,
        low=st.sampled_from([-10, 0, 2]),
        high=st.sampled_from([5, 50, 500]),
        whole=st.booleans(),
    )
    def state_limit(self, city: str, name: str, low: float, high: float, *, whole: bool) -> None:
        """The registry says what is possible; what is stored is flagged anew."""
        if (city, name) not in self.world.ids:
            return
        sensor = {} if whole else {"sensor": f'"{name}"'}
        quantity = f'"{STATIONS[name].quantity}"'
        text = table("limit", quantity=quantity, low=low, high=high, source='"a test"', **sensor)
        self._do("limit", self.world.register(city, text))

    @rule(city=cities, name=stations, declared=st.sampled_from(DECLARATIONS), since_us=since)
    def register(self, city: str, name: str, declared: Declaration, since_us: int | None) -> None:
        """The registry says what a station's readings mean, and counts more than the station."""
        if (city, name) not in self.world.ids:
            return
        said = series_entry(name, declared, since_us)
        if said:
            self._do("registry", self.world.register(city, said))

    @rule(
        city=cities,
        gateway=st.sampled_from(GATEWAYS),
        status=st.sampled_from(["online", "offline", "end"]),
    )
    def status(self, city: str, gateway: str, status: str) -> None:
        """A gateway comes or goes."""
        said = DeclaredStatus(city, gateway, status, self.world.now_us)
        self.has_ended = self.has_ended or status == "end"
        self._do("status", self.world.say(said))

    # What is done

    @rule(shard=shards, count=st.integers(1, 3))
    def work(self, shard: int, count: int) -> None:
        """A few cycles."""
        self._do("cycle", self._cycles(shard, count))

    @rule(shard=shards)
    def follow(self, shard: int) -> None:
        """The log alone is taken; windows that it touches wait."""
        self._do("take", self.world.take(shard))

    @precondition(lambda self: not self.is_done)
    @rule()
    def catch_up(self) -> None:
        """Everything there is to do."""
        self._do("catch up", self.world.run())

    @rule(shard=shards, at=steps)
    def break_cycle(self, shard: int, at: int) -> None:
        """The aggregator dies before some statement of a cycle."""
        self._do("crash in a cycle", self._broken(self.world.cycle, shard, at))

    @rule(shard=shards, at=steps)
    def break_take(self, shard: int, at: int) -> None:
        """It dies before some statement of taking the log."""
        self._do("crash in a take", self._broken(self.world.take, shard, at))

    @rule(shard=shards, at=steps)
    def break_save(self, shard: int, at: int) -> None:
        """It dies before some statement of saving a checkpoint."""
        self._do("crash in a save", self._broken(self.world.save, shard, at))

    @rule(shard=shards, at=steps)
    def break_start(self, shard: int, at: int) -> None:
        """It dies before some statement of starting."""
        self._do("crash in a start", self._broken(self._restart, shard, at))

    @rule(shard=shards)
    def crash(self, shard: int) -> None:
        """It dies between two transactions."""
        self._do("crash", self._forget(shard))

    @rule(shard=shards)
    def save(self, shard: int) -> None:
        """It saves a checkpoint."""
        self._do("save", self.world.save(shard))

    @rule(shard=shards)
    def take_over(self, shard: int) -> None:
        """Another one takes a shard, while this one is paused."""
        self._do("takeover", self.world.take_over(shard))

    @precondition(lambda self: self.world.paused)
    @rule()
    def wake(self) -> None:
        """Those that were paused go on, and are fenced."""
        self._do("wake of the fenced", self.world.wake())

    @rule(book=st.sampled_from(sorted(BOOKS)))
    def change_rules(self, book: str) -> None:
        """Rules are revised, added or left out; the aggregator starts again with them."""
        self.world.rules = BOOKS[book]
        self._do("rules", self._forget(*SHARD.values()))

    @rule(by=st.sampled_from([MINUTE, 20 * MINUTE, 2 * HOUR, DAY]))
    def wait(self, by: int) -> None:
        """Time goes by; gateways may have fallen silent."""
        self.world.now_us += by
        self.counts["wait"] += 1
        self.is_done = False

    @precondition(lambda self: self.checks < _CHECKS and not self.has_ended)
    @rule(lane=lanes)
    def check(self, lane: str) -> None:
        """What is derived so far is right, once all have come as far as the watermark ever was.

        Where a gateway ended, the watermark waited for nobody; if it speaks again, that goes back.
        """
        self.checks += 1
        after = max(self.world.newest.values()) + 10 * MINUTE
        rows = [Row(city, name, after, 4.0) for city, name in self.world.ids]
        self.runner.run(self.world.write(rows, lane))
        self._do("verify on the way", self._verified(settled=False))

    def teardown(self) -> None:
        """In the end everything is final and right."""
        try:
            if self.world.ids:
                self._do("verify in the end", self._verified(settled=True))
        finally:
            self.world.leave()

    def _at(self, city: str) -> int:
        """When a declaration of now arrives: in a replayed city, about when its readings are of."""
        return self.world.now_us if city == "ville" else NOON + 3 * HOUR

    async def _cycles(self, shard: int, count: int) -> None:
        for _ in range(count):
            await self.world.cycle(shard)

    async def _broken(self, act: _Act, shard: int, at: int) -> None:
        with suppress(StoreUnavailable):
            await act(shard, at)

    async def _restart(self, shard: int, at: int | None) -> None:
        self.world.workers.pop(shard, None)
        await self.world.start(shard, at)

    async def _forget(self, *gone: int) -> None:
        for shard in gone:
            self.world.workers.pop(shard, None)

    async def _verified(self, *, settled: bool) -> None:
        await self.world.wake()
        if settled:
            await self.world.settle()
        else:
            await self.world.run()
        found = await self.world.verify(settled=settled)
        wrong = [one for one in found.differences if settled or not _is_to_come(one)]
        assert not wrong, found.as_text()


def _is_to_come(one: Difference) -> bool:
    """A watermark that waited for nobody went back when somebody spoke: windows lack until then."""
    return (one.kind, one.field) == ("indicator", "missing")


def _not_too_new(rows: list[Row]) -> list[Row]:
    """Ingest takes nothing from further ahead than a wrong clock may be."""
    return [row for row in rows if row.after <= 4 * DAY]
