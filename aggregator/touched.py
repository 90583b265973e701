"""Which windows a cycle has to derive, and from where their buckets come."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from cityvitals.domain.times import BUCKET_US
from cityvitals.domain.window import edges


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
    """Begins and ends of the rule's windows that hold any of these instants."""
    if not len(instants):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    window = plan.rule.window
    first, last = int(instants.min()), int(instants.max())
    found = edges(window.length, window.clock, plan.city.time_zone, first, last)
    at = np.unique(np.searchsorted(found, instants, side="right") - 1)
    return found[at], found[at + 1]


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
    begins, ends = windows_of(plan, np.union1d(begins, ripe_begins))
    return Windows(plan, begins, ends, np.isin(begins, ripe_begins))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Windows of several rules whose buckets are read together: those of [begin, end)."""

    begin: int
    end: int
    windows: tuple[Windows, ...]


def chunks(found: Iterable[Windows], span_us: int) -> list[Chunk]:
    """Windows by time, so that no chunk spans much more than `span_us`."""
    found = [one for one in found if len(one.begins)]
    if not found:
        return []
    begins = np.unique(np.concatenate([one.begins for one in found]))
    starts: list[int] = []
    for begin in begins.tolist():
        if not starts or begin >= starts[-1] + span_us:
            starts.append(begin)
    cuts = [*starts[1:], 2**62]
    made = []
    for low, high in zip(starts, cuts, strict=True):
        parts = [one.where((one.begins >= low) & (one.begins < high)) for one in found]
        parts = [one for one in parts if len(one.begins)]
        end = max(int(one.ends[-1]) for one in parts)
        made.append(Chunk(low, end, tuple(parts)))
    return made


def batches(one: Windows, most: int) -> Iterable[Windows]:
    """Windows in pieces of at most `most`, so that arrays over stations stay small."""
    for start in range(0, len(one.begins), most):
        part = slice(start, start + most)
        yield Windows(one.plan, one.begins[part], one.ends[part], one.ripe[part])


def span_for(series: int) -> int:
    """How long a chunk may be so that its cells stay within 64 MB, in microseconds."""
    slots = 64 * 2**20 // (24 * max(series, 1))
    days = min(31, max(1, slots // 96))
    return days * 96 * BUCKET_US
