"""Which windows a cycle has to derive, and from where their buckets come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.windows import buckets_fed
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from cityvitals.domain.times import BUCKET_US
from cityvitals.domain.window import HOUR_US, day_begin, spans

_EVER: Final = 2**62
_LONG_BYTES: Final = 256 * 2**20
"""Of what stations say hour by hour of long windows, in memory at a time."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one rule in one city.

    Attributes:
        begins, ends: ascending [w], microseconds.
        ripe: which can become final where the watermark has passed them [w].
    """

    plan: RulePlan
    begins: Ints
    ends: Ints
    ripe: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> "Windows":
        """Some of them."""
        return Windows(self.plan, self.begins[mask], self.ends[mask], self.ripe[mask])


def windows_of(plan: RulePlan, instants: Ints) -> tuple[Ints, Ints]:
    """Begins and ends of the rule's windows that buckets at any of these instants go into."""
    if not len(instants):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    reach = plan.reach
    begins, ends = _between(
        plan, int(instants.min()) - reach.ahead, int(instants.max()) + reach.back
    )
    first = np.searchsorted(instants, begins - reach.back)
    taken = first < np.searchsorted(instants, ends + reach.ahead)
    return begins[taken], ends[taken]


def windows_beginning(plan: RulePlan, at: Ints) -> tuple[Ints, Ints]:
    """Begins and ends of those of the rule's windows that begin at any of these instants."""
    if not len(at):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    begins, ends = _between(plan, int(at.min()), int(at.max()))
    taken = np.isin(begins, at)
    return begins[taken], ends[taken]


def _between(plan: RulePlan, low: int, high: int) -> tuple[Ints, Ints]:
    """The rule's windows that hold any instant of [low, high] and begin while it is valid."""
    window = plan.rule.window
    zone, clock = plan.city.time_zone, str(window.clock)
    begins, ends = spans(str(window.length), clock, zone, low, high, str(window.step or ""))
    since, until = plan.rule.valid_from, plan.rule.valid_to
    if since is None and until is None:
        return begins, ends
    first = -_EVER if since is None else day_begin(since, clock, zone)
    last = _EVER if until is None else day_begin(until, clock, zone)
    valid = (begins >= first) & (begins < last)
    return begins[valid], ends[valid]


class Touch:
    """A cycle's changed buckets (row, begin), sorted out once for all rules.

    Rules that the same series feed share the begins, and those whose windows are alike share them.
    """

    def __init__(self, rows: Ints, buckets: Ints) -> None:
        self._rows = rows
        self._distinct, self._at = np.unique(buckets, return_inverse=True)
        self._begins: dict[int, Ints] = {}
        self._windows: dict[tuple[object, ...], tuple[Ints, Ints]] = {}

    def of(self, plan: RulePlan) -> Ints:
        """Begins of those buckets that are of series that feed the rule, ascending."""
        key = id(plan.feeds)
        if key not in self._begins:
            seen = np.zeros(len(self._distinct), np.bool_)
            buckets_fed(plan.feeds, self._rows, self._at, seen)
            self._begins[key] = self._distinct[seen]
        return self._begins[key]

    def windows(self, plan: RulePlan) -> tuple[Ints, Ints]:
        """Begins and ends of the rule's windows that these buckets go into."""
        begins, rule = self.of(plan), plan.rule
        window = (rule.window.length, rule.window.step, rule.window.clock, plan.city.time_zone)
        reach = (plan.reach.back, plan.reach.ahead, rule.valid_from, rule.valid_to)
        key = (id(begins), *window, *reach)
        if key not in self._windows:
            self._windows[key] = windows_of(plan, begins)
        return self._windows[key]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Windows of several rules whose buckets are read together: those of [begin, end)."""

    begin: int
    end: int
    windows: tuple[Windows, ...]


def newest_chunk(found: Sequence[Windows], span_us: int) -> Chunk | None:
    """The newest windows, so many that their buckets do not span much more than `span_us`.

    One that is longer than that by itself is a chunk of its own, with the same one of other rules
    that the same series feed.

    Args:
        found: of several rules, none of them empty.
        span_us: how long, in microseconds.
    """
    if not found:
        return None
    short = [one for one in found if one.plan.reach.whole <= span_us]
    if not short:
        return _longest_chunk(found)
    low = max(int(one.begins[-1]) for one in short) - span_us
    taken = [one.where(one.begins > low) for one in short]
    return chunk_of([one for one in taken if len(one.begins)])


def _longest_chunk(found: Sequence[Windows]) -> Chunk:
    newest = max(found, key=lambda one: int(one.ends[-1]))
    begin, end = newest.begins[-1], newest.ends[-1]
    members = max((len(one.rows) for one in newest.plan.members), default=1)
    most = max(1, _LONG_BYTES // (8 * max(members, 1) * (newest.plan.reach.whole // HOUR_US)))
    alike = [
        one.where(one.begins == begin)
        for one in found
        if one.plan.feeds is newest.plan.feeds and one.begins[-1] == begin and one.ends[-1] == end
    ]
    return chunk_of(alike[:most])


def chunk_of(windows: list[Windows]) -> Chunk:
    """One or more rules' windows, and the stretch of buckets that they reach."""
    begin = min(int(one.begins[0]) - one.plan.reach.back for one in windows)
    end = max(int(one.ends[-1]) + one.plan.reach.ahead for one in windows)
    return Chunk(begin - begin % BUCKET_US, -(-end // BUCKET_US) * BUCKET_US, tuple(windows))


def batches(one: Windows, most: int) -> Iterable[Windows]:
    """Windows in pieces of at most `most`, so that arrays over stations stay small."""
    if len(one.begins) <= most:
        yield one
        return
    for start in range(0, len(one.begins), most):
        part = slice(start, start + most)
        yield Windows(one.plan, one.begins[part], one.ends[part], one.ripe[part])
