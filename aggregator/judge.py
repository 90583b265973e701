"""Windows with their circumstances: which are ripe, how judged, what comes of them. Pure."""

from typing import Final

import numpy as np

from aggregator.derive import Source, derive, elapsed
from aggregator.emit import Circumstances, Outputs
from aggregator.plan import RulePlan
from aggregator.progress import EVERYTHING
from aggregator.series_table import Ints
from aggregator.shard import Shard
from aggregator.touched import Touch, Windows, batches, together, windows_of
from cityvitals.domain.names import Clock
from cityvitals.domain.times import US

_CELLS: Final = 1_000_000
"""Stations times windows that are evaluated at once."""


class Judge:
    """Derives a shard's windows at one moment.

    Args:
        shard: whose buckets and gateways.
        lateness_s: how long after the newest reading more may come as usual.
        quiet_s: how long no input may have come for a window before it is final.
        now_us: the moment.
    """

    def __init__(self, shard: Shard, lateness_s: float, quiet_s: float, now_us: int) -> None:
        self._shard = shard
        self._lateness_us = round(lateness_s * US)
        self._quiet_us = round(quiet_s * US)
        self._now_us = now_us

    def watermarks(self, plan: RulePlan) -> Ints:
        """The watermark of each group of a rule's plan."""
        watchers = self._shard.plan.watchers
        marks = [
            self._shard.gateways.watermark(
                watchers.get((plan.city.id, zone, plan.rule.domain), ()),
                plan.city,
                self._lateness_us,
            )
            for zone in plan.groups
        ]
        if plan.city.clock == Clock.LIVE:  # nobody speaks: time passes all the same
            marks = [self._now_us - self._quiet_us if one == EVERYTHING else one for one in marks]
        return np.array(marks, np.int64)

    def windows(self, plan: RulePlan, touch: Touch, asked: Ints, most_ripe: int) -> Windows:
        """What to derive of one rule: windows of changed buckets, of asked-for ones, ripe ones."""
        begins, ends = windows_of(plan, np.union1d(touch.of(plan), asked))
        key = (plan.city.id, plan.rule.id)
        pending = self._shard.pending
        pending.touch(key, begins.tolist(), ends.tolist(), self._now_us)
        marks = self.watermarks(plan).tolist()
        ripe = pending.ripe(key, marks, self._now_us - self._quiet_us, most_ripe)
        return together(plan, begins, ends, self._clean(plan, ripe))

    def _clean(self, plan: RulePlan, begins: list[int]) -> list[int]:
        """Those windows of which no bucket waits to be recomputed."""
        if not len(self._shard.backlog):
            return begins
        rows = set(np.flatnonzero(plan.feeds).tolist())
        step = 26 * 3600 * US  # no window is longer: at worst a clean one waits a cycle more
        return [one for one in begins if not self._shard.backlog.reaches(one, one + step, rows)]

    def derive(self, found: Windows, source: Source, out: Outputs) -> None:
        """Evaluate windows and add what is new to the outputs."""
        plan = found.plan
        stations = max((len(one.rows) for one in plan.members), default=1)
        marks = self.watermarks(plan)
        silent = [
            self._shard.gateways.silent(
                self._shard.plan.watchers.get((plan.city.id, zone, plan.rule.domain), ())
            )
            for zone in plan.groups
        ]
        for part in batches(found, max(1, _CELLS // max(stations, 1))):
            emitter = self._shard.emitter
            before = emitter.closed_before(plan, part.begins)
            passed = part.ripe[:, None] & (part.ends[:, None] <= marks[None, :])
            closing = before | passed
            whole = (part.ends - part.begins)[:, None]
            judged = np.where(closing, whole, elapsed(part.begins, part.ends, marks))
            derived = derive(
                plan, part.begins, part.ends, judged, source, self._shard.facts.of(plan)
            )
            emitter.emit(plan, derived, Circumstances(closing, marks, silent, self._now_us), out)
            self._settle(part, closing)

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
