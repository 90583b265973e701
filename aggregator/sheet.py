"""What came out for one rule's windows, as arrays, and what holds beside it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.kernels.comparing import same_records
from aggregator.kernels.partial import NONE
from aggregator.members import Contributing
from aggregator.plan import RulePlan
from aggregator.progress import EVERYTHING
from aggregator.series_table import Ints
from aggregator.told import CONTENT, NUMBERS, Bools

_FIELDS: Final = len(CONTENT.names or ())
_SAYS_NOTHING: Final = frozenset({NONE, EVERYTHING})


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for one rule's windows beside their data.

    Attributes:
        closing: whether the value is final as of now [w, g].
        watched: the gateways of each group.
        now_us: when this is computed.
    """

    closing: Bools
    watched: "Watched"
    now_us: int


@dataclass(frozen=True, slots=True)
class Watched:
    """The gateways of some groups: most groups have theirs come equally far, and none is silent.

    Attributes:
        marks: the groups' watermarks [g].
        ascending: the same in ascending order.
        kinds: what there is of watermarks, as they are said (None where there is none, or it says
            nothing), with the names of the gateways left out.
        kind: which of them each group's is [g].
    """

    marks: Ints
    ascending: list[int]
    kinds: tuple[tuple[int | None, tuple[str, ...]], ...]
    kind: Ints

    @classmethod
    def of(cls, marks: Sequence[int] | Ints, silent: Sequence[Sequence[str]] | None) -> "Watched":
        """Of each group its watermark, and the names of its gateways left out as silent, if any."""
        found = np.asarray(marks, np.int64)
        ascending = np.sort(found).tolist()
        if silent is None:
            distinct, at = np.unique(found, return_inverse=True)
            return cls(found, ascending, tuple((_shown(one), ()) for one in distinct.tolist()), at)
        kinds: dict[tuple[int | None, tuple[str, ...]], int] = {}
        kind = [
            kinds.setdefault((_shown(mark), tuple(names)), len(kinds))
            for mark, names in zip(found.tolist(), silent, strict=True)
        ]
        return cls(found, ascending, tuple(kinds), np.array(kind, np.int64))


def _shown(mark: int) -> int | None:
    return None if mark in _SAYS_NOTHING else mark


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
    same = np.empty(one.shape, np.bool_)
    same_records(_bits(one), _bits(other), len(NUMBERS), same.reshape(-1))
    return same


def _bits(content: NDArray[Any]) -> Ints:
    """Records as whole numbers [r, f]."""
    found: Ints = np.ascontiguousarray(content).view(np.int64).reshape(-1, _FIELDS)
    return found


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
