"""What came out for one rule's windows, as plain numbers: millions are looked at one by one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.kernels.partial import NONE
from aggregator.plan import RulePlan
from aggregator.progress import EVERYTHING
from aggregator.series_table import Ints
from cityvitals.domain.times import from_us

Content: TypeAlias = tuple[Any, ...]
"""What makes one revision differ from another; not when or after how much it was computed."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for one rule's windows beside their data.

    Attributes:
        closing: whether the value is final as of now [w, g].
        watermarks: per group [g].
        silent: per group, names of gateways left out.
        now_us: when this is computed.
    """

    closing: NDArray[np.bool_]
    watermarks: Ints
    silent: list[list[str]]
    now_us: int


class Sheet:
    """Derived values of a rule, by window and group.

    Args:
        plan: the rule in its city.
        found: what was derived.
        around: what holds beside it.
        series_ids: by row of the shard.
    """

    def __init__(
        self,
        plan: RulePlan,
        found: Derived,
        around: Circumstances,
        series_ids: NDArray[np.int32],
    ) -> None:
        self.plan = plan
        self._found = found
        self.begins: list[int] = found.begins.tolist()
        self.ends: list[int] = found.ends.tolist()
        self.marks: list[int] = around.watermarks.tolist()
        self.closing: list[list[bool]] = around.closing.tolist()
        self.present: list[list[bool]] = found.present.tolist()
        self.spoken: list[bool] = found.spoken.tolist()
        self.silent = around.silent
        self.now_us = around.now_us
        numbers = (found.value, found.numerator, found.denominator)
        self._numbers = [_numbers(each) for each in numbers]
        counts = (found.coverage, found.observed, found.flagged)
        self._counts: list[list[list[Any]]] = [each.tolist() for each in counts]
        self._ids: list[list[int]] = [series_ids[one.rows].tolist() for one in plan.members]
        self._offsets: list[list[int]] = [one.offsets.tolist() for one in plan.members]
        self._valid: list[list[list[bool]]] = [each.tolist() for each in found.valid]

    @cached_property
    def begin_times(self) -> list[Any]:
        """Begins as datetimes."""
        return [from_us(one) for one in self.begins]

    @cached_property
    def end_times(self) -> list[Any]:
        """Ends as datetimes."""
        return [from_us(one) for one in self.ends]

    @cached_property
    def mark_times(self) -> list[Any]:
        """Watermarks as datetimes; None where there is none, or it says nothing."""
        return [None if one in {NONE, EVERYTHING} else from_us(one) for one in self.marks]

    @cached_property
    def now(self) -> Any:
        """When this is computed."""
        return from_us(self.now_us)

    def content(self, w: int, g: int, facts: list[int] | None) -> Content:
        """What is compared of a window of a group."""
        value, numerator, denominator = (each[w][g] for each in self._numbers)
        coverage, observed, flagged = (each[w][g] for each in self._counts)
        return (
            value,
            numerator,
            denominator,
            coverage,
            observed,
            flagged,
            self._found.reasons[w][g],
            self.plan.rule.revision,
            self._stations(w, g),
            facts,
        )

    def _stations(self, w: int, g: int) -> list[int]:
        """Ids of the series that took part, each once, in natural-key order."""
        ids: list[int] = []
        for offsets, mine, valid in zip(self._offsets, self._ids, self._valid, strict=True):
            span = slice(offsets[g], offsets[g + 1])
            ids += [one for one, took in zip(mine[span], valid[w][span], strict=True) if took]
        return list(dict.fromkeys(ids)) if len(self._ids) > 1 else ids


def _numbers(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Numbers by window and group; None for nan."""
    rows: list[list[float]] = values.tolist()
    return [[None if one != one else one for one in row] for row in rows]  # noqa: PLR0124 (nan alone differs from itself)
