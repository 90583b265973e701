"""What came out for one rule's windows, column by column: a hundred thousand of them in a cycle."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.kernels.partial import NONE
from aggregator.members import Contributing
from aggregator.plan import RulePlan
from aggregator.progress import EVERYTHING
from aggregator.series_table import Ints
from aggregator.told import CONTENT, Bools, Objects
from cityvitals.domain.times import from_us


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for one rule's windows beside their data.

    Attributes:
        closing: whether the value is final as of now [w, g].
        watermarks: per group [g].
        silent: per group, names of gateways left out.
        now_us: when this is computed.
    """

    closing: Bools
    watermarks: Ints
    silent: list[list[str]]
    now_us: int


def content_of(plan: RulePlan, found: Derived, took: Bools) -> NDArray[Any]:
    """What is compared of each window and group, as numbers: CONTENT [w, g].

    Args:
        plan: the rule in its city.
        found: what was derived.
        took: which contributing series took part [w, u].
    """
    content = np.empty(found.value.shape, CONTENT)
    content["value"], content["numerator"] = found.value, found.numerator
    content["denominator"], content["coverage"] = found.denominator, found.coverage
    content["observed"], content["flagged"] = found.observed, found.flagged
    content["station_count"] = station_counts(plan, took)
    content["rule_revision"] = plan.rule.revision
    return content


def same_content(one: NDArray[Any], other: NDArray[Any]) -> Bools:
    """Where two of CONTENT say the same; what is missing in both is the same."""
    same = np.ones(one.shape, np.bool_)
    for name in CONTENT.names or ():
        a, b = one[name], other[name]
        same &= (a == b) | ((a != a) & (b != b))  # noqa: PLR0124 (nan alone differs from itself)
    return same


def took_part(plan: RulePlan, found: Derived) -> Bools:
    """Which contributing series took part, by any input [w, u]."""
    who = plan.contributing
    if who.is_plain and found.valid:
        return found.valid[0]
    took = np.zeros((len(found.begins), len(who.rows)), np.bool_)
    for at, valid in zip(who.at, found.valid, strict=False):
        w, m = np.nonzero(valid)
        took[w, at[m]] = True
    return took


def station_counts(plan: RulePlan, took: Bools) -> Ints:
    """Of how many sensors the series that took part are [w, g].

    Args:
        plan: the rule in its city.
        took: which of the contributing series did [w, u].
    """
    who = plan.contributing
    before = np.zeros((len(took), len(who.sensors) + 1), np.int64)
    if len(who.sensors):
        is_each_alone = len(who.sensors) == len(who.rows)
        said = took if is_each_alone else _by_sensor(who, took)
        np.cumsum(said, axis=1, out=before[:, 1:])
    found: Ints = np.diff(before[:, who.sensor_offsets], axis=1)
    return found


def _by_sensor(who: Contributing, took: Bools) -> Bools:
    """Which sensors took part with any of their series [w, k]."""
    found: Bools = np.logical_or.reduceat(took[:, who.by_sensor], who.sensors, axis=1)
    return found


class Columns:
    """Some of a rule's windows and groups, column by column, as the rows of a table want them.

    Args:
        plan: the rule in its city.
        found: what was derived.
        around: what holds beside it.
        w: which window each cell is of [c], ascending.
        g: which group [c].
    """

    def __init__(
        self, plan: RulePlan, found: Derived, around: Circumstances, w: Ints, g: Ints
    ) -> None:
        self.plan, self.found, self.around = plan, found, around
        self._w, self._g = w, g

    def begins(self) -> list[Any]:
        """Begins as datetimes."""
        return _spread([from_us(one) for one in self.found.begins.tolist()], self._w)

    def ends(self) -> list[Any]:
        """Ends as datetimes."""
        return _spread([from_us(one) for one in self.found.ends.tolist()], self._w)

    def zones(self) -> list[str]:
        """Zones, '' being the city."""
        return _spread(self.plan.groups, self._g)

    def watermarks(self) -> list[Any]:
        """Watermarks as datetimes; None where there is none, or it says nothing."""
        marks = self.around.watermarks
        distinct, at = np.unique(marks, return_inverse=True)
        times = [None if one in {NONE, EVERYTHING} else from_us(one) for one in distinct.tolist()]
        return _spread(times, at[self._g])

    def silent(self) -> list[list[str]]:
        """Names of the gateways that are left out."""
        return _spread(self.around.silent, self._g)

    def numbers(self, content: NDArray[Any], name: str) -> list[float | None]:
        """A column of CONTENT that may be missing."""
        values = content[name][self._w, self._g]
        found = values.astype(object)
        found[np.isnan(values)] = None
        return list(found)

    def counts(self, content: NDArray[Any], name: str) -> list[int]:
        """A column of CONTENT that is always there."""
        found: list[int] = content[name][self._w, self._g].tolist()
        return found

    def stations(self, took: Bools, ids: NDArray[np.int32]) -> list[list[int]]:
        """Ids of the series that took part, each once, in natural-key order.

        Args:
            took: which of the contributing series did [w, u].
            ids: series ids by row of the shard.
        """
        who = self.plan.contributing
        mine = ids[who.rows]
        found: list[list[int]] = []
        edges = np.searchsorted(self._w, np.arange(len(took) + 1)).tolist()
        for w, row in enumerate(took):
            groups = self._g[edges[w] : edges[w + 1]]
            if len(groups):
                at = np.flatnonzero(row)
                taken: list[int] = mine[at].tolist()
                bounds = np.searchsorted(at, who.offsets)
                lows, highs = bounds[groups].tolist(), bounds[groups + 1].tolist()
                found += [taken[low:high] for low, high in zip(lows, highs, strict=True)]
        return found


def _spread(values: Any, at: Ints) -> list[Any]:
    """One of some objects for each cell."""
    held: Objects = np.empty(len(values), object)
    for place, value in enumerate(values):  # an array of equally long lists would become a table
        held[place] = value
    found: list[Any] = held[at].tolist()
    return found
