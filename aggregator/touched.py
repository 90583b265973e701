"""Which windows a cycle has to derive, and from where their buckets come."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from cityvitals.domain.times import BUCKET_US
from cityvitals.domain.window import day_begin, spans

_EVER: Final = 2**62


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
    """A cycle's changed buckets (row, begin), sorted out once for all rules."""

    def __init__(self, rows: Ints, buckets: Ints) -> None:
        self._rows = rows
        self._distinct, self._at = np.unique(buckets, return_inverse=True)

    def of(self, plan: RulePlan) -> Ints:
        """Begins of those buckets that are of series that feed the rule, ascending."""
        seen = np.zeros(len(self._distinct), np.bool_)
        seen[self._at[plan.feeds[self._rows]]] = True
        return self._distinct[seen]


def together(plan: RulePlan, begins: Ints, ends: Ints, ripe: list[int]) -> Windows:
    """Windows that changed, and windows that are ripe, by their begins; each once."""
    if not ripe:
        return Windows(plan, begins, ends, np.zeros(len(begins), np.bool_))
    ripe_begins = np.array(sorted(set(ripe)), np.int64)
    begins, ends = windows_beginning(plan, np.union1d(begins, ripe_begins))
    return Windows(plan, begins, ends, np.isin(begins, ripe_begins))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Windows of several rules whose buckets are read together: those of [begin, end)."""

    begin: int
    end: int
    windows: tuple[Windows, ...]


def chunks(found: Iterable[Windows], span_us: int) -> list[Chunk]:
    """Windows by time, so that no chunk spans much more than `span_us`.

    Windows that are longer than that by themselves are a chunk each.
    """
    found = [one for one in found if len(one.begins)]
    short = [one for one in found if one.plan.reach.whole <= span_us]
    made = [
        _chunk([one.where(one.begins == begin)])
        for one in found
        if one.plan.reach.whole > span_us
        for begin in one.begins.tolist()
    ]
    if not short:
        return made
    begins = np.unique(np.concatenate([one.begins for one in short]))
    starts: list[int] = []
    for begin in begins.tolist():
        if not starts or begin >= starts[-1] + span_us:
            starts.append(begin)
    for low, high in zip(starts, [*starts[1:], _EVER], strict=True):
        parts = [one.where((one.begins >= low) & (one.begins < high)) for one in short]
        made.append(_chunk([one for one in parts if len(one.begins)]))
    return made


def _chunk(windows: list[Windows]) -> Chunk:
    begin = min(int(one.begins[0]) - one.plan.reach.back for one in windows)
    end = max(int(one.ends[-1]) + one.plan.reach.ahead for one in windows)
    return Chunk(begin - begin % BUCKET_US, -(-end // BUCKET_US) * BUCKET_US, tuple(windows))


def batches(one: Windows, most: int) -> Iterable[Windows]:
    """Windows in pieces of at most `most`, so that arrays over stations stay small."""
    for start in range(0, len(one.begins), most):
        part = slice(start, start + most)
        yield Windows(one.plan, one.begins[part], one.ends[part], one.ripe[part])
