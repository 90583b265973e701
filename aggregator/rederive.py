"""Windows to be derived again from buckets that did not change: new facts, places, rules."""

from collections.abc import Mapping
from typing import Any, Final

from aggregator.kernels.fold import NONE

STEP_US: Final = 31 * 86_400_000_000
"""As much of one rule's history is derived again in one cycle."""

_ALL: Final = 2**62


class Rederive:
    """For each city and rule, up to where its history is still to be derived again.

    Goes from the newest window to the oldest. Bounded: one number for each city and rule.
    """

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._before)

    def add(self, city: str, rule: str) -> None:
        """Have all windows of a rule in a city derived again."""
        self._before[city, rule] = _ALL

    def take(
        self, extents: Mapping[str, tuple[int, int]], lengths: Mapping[tuple[str, str], int]
    ) -> dict[tuple[str, str], tuple[int, int]]:
        """A stretch [begin, end) of windows for one rule, or nothing.

        Args:
            extents: begin of the first and end of the last bucket of each city that has any.
            lengths: how long windows are, by city and rule: no stretch is shorter, since a window
                is derived for every stretch that it lies in.
        """
        while self._before:
            key, before = next(iter(self._before.items()))
            first, last = extents.get(key[0], (0, NONE))
            end = min(before, last)
            if end <= first:
                del self._before[key]
                continue
            begin = max(first, end - max(STEP_US, lengths.get(key, 0)))
            self._before[key] = begin
            return {key: (begin, end)}
        return {}

    def dump(self) -> list[list[Any]]:
        """All of it, for a checkpoint."""
        return [[city, rule, before] for (city, rule), before in self._before.items()]

    def load(self, dumped: list[list[Any]]) -> None:
        """Take up from a checkpoint."""
        self._before |= {(city, rule): before for city, rule, before in dumped}
