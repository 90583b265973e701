"""Windows with their circumstances: which are ripe, how judged, what comes of them. Pure."""

from collections.abc import Iterable
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import derive, elapsed
from aggregator.frame import Frame, all_layers
from aggregator.outputs import Outputs
from aggregator.plan import Crowds, RulePlan
from aggregator.progress import EVERYTHING, watermarks_of
from aggregator.series_table import Ints
from aggregator.shard import Shard
from aggregator.sheet import Circumstances, Watched
from aggregator.stations import Source
from aggregator.touched import Touch, Windows, batches, windows_beginning, windows_of
from cityvitals.domain.names import Clock
from cityvitals.domain.times import US
from cityvitals.domain.window import DAY_US, HOUR_US
from cityvitals.settings import AggregatorSettings

_CELLS: Final = 1_000_000
"""Stations times shortest windows that are evaluated at once."""
_DAYS_US: Final = 2 * DAY_US


class Judge:
    """Derives a shard's windows at one moment.

    Args:
        shard: whose buckets and gateways.
        settings: when values are derived, and when they are final.
        now_us: the moment.
    """

    def __init__(self, shard: Shard, settings: AggregatorSettings, now_us: int) -> None:
        self._shard = shard
        self._lateness_us = round(settings.lateness_seconds * US)
        self._quiet_us = round(settings.final_after_seconds * US)
        self._days_us = round(settings.derive_days_every_seconds * US)
        self._years_us = round(settings.derive_years_every_seconds * US)
        self._now_us = now_us
        self._active: dict[str, dict[int, int]] = {}
        self._left_out: set[int] | None = None
        self._dirty: dict[int, set[int]] = {}
        self._by_groups: dict[tuple[str, str, tuple[str, ...]], Watched] = {}
        self._judged: tuple[Windows, tuple[NDArray[np.bool_], Ints]] | None = None

    def watermarks(self, plan: RulePlan) -> Ints:
        """The watermark of each group of a rule's plan."""
        return self._watched(plan).marks

    def _watched(self, plan: RulePlan) -> Watched:
        """The same for all rules that watch the same gateways, so it is worked out once."""
        key = (plan.city.id, plan.watched, plan.groups)
        found = self._by_groups.get(key)
        if found is None:
            crowds = self._shard.plan.crowds(plan)
            marks = self._watermarks(plan, crowds)
            found = self._by_groups[key] = Watched.of(marks, self._silent(crowds))
        return found

    def _watermarks(self, plan: RulePlan, crowds: Crowds) -> Ints:
        clock = plan.city.clock
        if clock not in self._active:
            self._active[clock] = self._shard.gateways.active(clock)
        come = np.array([*map(self._active[clock].get, crowds.ids, repeat(EVERYTHING))], np.int64)
        found = watermarks_of(np.minimum.reduceat(come, crowds.begins), self._lateness_us)
        if clock == Clock.LIVE:  # where nobody speaks, time passes all the same
            found[found == EVERYTHING] = self._now_us - self._quiet_us
        return found

    def _silent(self, crowds: Crowds) -> list[list[str]] | None:
        """Names of the gateways of each group that are left out as silent; None: there are none."""
        gateways = self._shard.gateways
        if self._left_out is None:
            self._left_out = gateways.left_out()
        if self._left_out.isdisjoint(crowds.ids):
            return None
        return [
            [] if self._left_out.isdisjoint(one) else gateways.silent(one) for one in crowds.each
        ]

    def changed(self, plan: RulePlan, touch: Touch, asked: Ints) -> tuple[Ints, Ints]:
        """Windows of one rule to derive: those of changed buckets, and of asked-for ones."""
        if len(asked):
            begins, ends = windows_of(plan, np.union1d(touch.of(plan), asked))
        else:
            begins, ends = touch.windows(plan)
        if not len(begins):
            return begins, ends
        key = (plan.city.id, plan.rule.id)
        complete = ends + plan.reach.ahead
        self._shard.pending.touch(key, begins.tolist(), complete.tolist(), self._now_us)
        # The others wait until their time has come: nothing is said of them before.
        begun = begins + plan.reach.lead < self._watched(plan).ascending[-1]
        begun |= begins <= self._shard.emitter.newest(plan)
        begins, ends = begins[begun], ends[begun]
        if len(asked):
            return begins, ends
        return self._due(plan, begins, ends)

    def ripe(self, plan: RulePlan, most: int) -> tuple[Ints, Ints]:
        """At most so many windows that can become final in a group more."""
        key = (plan.city.id, plan.rule.id)
        pending = self._shard.pending
        marks = self._watched(plan).ascending
        found = pending.ripe(key, marks, self._now_us - self._quiet_us, most)
        begins = np.array(self._clean(plan, found), np.int64)
        return begins, pending.ends(key, begins.tolist()) - plan.reach.ahead

    def _due(self, plan: RulePlan, begins: Ints, ends: Ints) -> tuple[Ints, Ints]:
        """Windows that changed, or of a rule with long ones, those that did for some time.

        A second more changes a day's value little, and longer windows are read whole.
        """
        is_short = plan.reach.length <= _DAYS_US
        every = self._days_us if is_short else self._years_us
        if plan.reach.length <= HOUR_US or not every:
            return begins, ends
        found = self._shard.slow.due(
            (plan.city.id, plan.rule.id), begins.tolist(), self._now_us, every, at_once=is_short
        )
        return windows_beginning(plan, np.array(found, np.int64))

    def _clean(self, plan: RulePlan, begins: list[int]) -> list[int]:
        """Those windows of which no bucket waits to be recomputed."""
        backlog = self._shard.backlog
        if not begins or not backlog:
            return begins
        key = id(plan.feeds)
        if key not in self._dirty:
            self._dirty[key] = {row for row in backlog.rows() if plan.feeds[row]}
        rows = self._dirty[key]
        back, ahead = plan.reach.back, plan.reach.length + plan.reach.ahead
        # At worst a clean one waits a cycle more.
        return [one for one in begins if not backlog.reaches(one - back, one + ahead, rows)]

    def parts(self, found: Windows) -> Iterable[Windows]:
        """Windows in pieces whose arrays over stations and shortest windows stay small."""
        stations = max((len(one.rows) for one in found.plan.members), default=1)
        if len(found.begins) == 1:
            layers = self.frame(found).layers
        else:
            layers = all_layers(found.plan, found.begins[:1], found.ends[:1])
        inner = max((len(one.lowest[0]) for one in layers), default=1)
        most = max(1, _CELLS // max(stations * inner, 1))
        return (part for some in self._alike(found) for part in batches(some, most))

    def _alike(self, found: Windows) -> list[Windows]:
        """Windows apart from those that are final although the watermark lies before their end.

        It went back: somebody spoke whom nobody waited for. Up to when shorter windows count as
        begun is one moment for all windows of a piece. The pieces ascend: what was said of a
        group's newest window may be forgotten once a newer one is said.
        """
        closing, _ = self.judged(found)
        complete = found.ends + found.plan.reach.ahead
        ahead = closing & (complete[:, None] > self.watermarks(found.plan)[None, :])
        if not ahead.any():
            return [found]
        turns = np.concatenate([[False], (ahead[1:] != ahead[:-1]).any(axis=1)])
        run = np.cumsum(turns)
        return [found.where(run == one) for one in range(int(run[-1]) + 1)]

    def derive(self, part: Windows, source: Source, out: Outputs) -> None:
        """Evaluate a piece of windows and add what is new to the outputs."""
        plan = part.plan
        watched = self._watched(plan)
        closing, judged = self.judged(part)
        derived = derive(self.frame(part), judged, source)
        around = Circumstances(closing, watched, self._now_us)
        self._shard.emitter.emit(plan, derived, around, out)
        self._settle(part, closing)

    def frame(self, part: Windows) -> Frame:
        """What a piece of windows is evaluated in."""
        shard = self._shard
        return shard.frames.of(part.plan, part.begins, part.ends, shard.facts.of(part.plan))

    def judged(self, part: Windows) -> tuple[NDArray[np.bool_], Ints]:
        """Which windows are final from now on, and what their coverage counts against [w, g].

        Asked for again before anything is derived, it is what it was.
        """
        if self._judged is not None and self._judged[0] is part:
            return self._judged[1]
        found = self._judge(part)
        self._judged = part, found
        return found

    def _judge(self, part: Windows) -> tuple[NDArray[np.bool_], Ints]:
        plan, marks = part.plan, self.watermarks(part.plan)
        before = self._shard.emitter.closed_before(plan, part.begins)
        complete = part.ends + plan.reach.ahead
        passed = part.ripe[:, None] & (complete[:, None] <= marks[None, :])
        closing: NDArray[np.bool_] = before | passed
        whole = (part.ends - part.begins)[:, None]
        return closing, np.where(closing, whole, elapsed(part.begins, part.ends, marks))

    def _settle(
        self, part: Windows, closing: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    ) -> None:
        """Let go of windows that are final."""
        key = (part.plan.city.id, part.plan.rule.id)
        groups = len(part.plan.groups)
        counts = closing.sum(axis=1)
        for begin, count, ripe in zip(
            part.begins.tolist(), counts.tolist(), part.ripe, strict=True
        ):
            if ripe:
                self._shard.pending.close(key, begin, count, groups)
