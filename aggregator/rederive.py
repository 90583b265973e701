"""Windows to be derived again from buckets that did not change: new facts, places, rules."""

from collections.abc import Container, Mapping
from typing import Any, Final

from aggregator.kernels.partial import NONE
from cityvitals.domain.times import BUCKET_US, bucket_of, ceil_bucket

STEP_US: Final = 31 * 86_400_000_000
"""As much of one rule's history is derived again in one cycle."""

_ALL: Final = 2**62


class Rederive:
    """For each city and rule, the stretch of its history that is still to be derived again.

    Goes from the newest window to the oldest. Bounded: two numbers for each city and rule.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._left)

    def add(self, city: str, rule: str, begin: int = -_ALL, end: int = _ALL) -> None:
        """Have windows of a rule in a city derived again: those that end in (begin, end]."""
        begin, end = bucket_of(begin), ceil_bucket(end)
        low, high = self._left.get((city, rule), (begin, end))
        self._left[city, rule] = (min(low, begin), max(high, end))

    def take(
        self, extents: Mapping[str, tuple[int, int]], lengths: Mapping[tuple[str, str], int]
    ) -> dict[tuple[str, str], tuple[int, int]]:
        """A stretch [begin, end) of buckets whose windows are to be derived for one rule, or none.

        Args:
            extents: begin of the first and end of the last bucket of each city that has any.
            lengths: how long windows are, by city and rule: no stretch is shorter, since a window
                is derived for every stretch that it lies in.
        """
        while self._left:
            key, (low, high) = next(iter(self._left.items()))
            first, last = extents.get(key[0], (0, NONE))
            # A window that ends behind the last bucket holds it.
            low = max(first, min(low, last - BUCKET_US))
            end = min(high, last)
            if end <= low:
                del self._left[key]
                continue
            begin = max(low, end - max(STEP_US, lengths.get(key, 0)))
            self._left[key] = (low, begin)
            return {key: (begin, end)}
        return {}

    def keep(self, rules: Container[str]) -> None:
        """Forget what is to be derived again of all rules but these."""
        for key in [key for key in self._left if key[1] not in rules]:
            del self._left[key]

    def dump(self) -> list[list[Any]]:
        """All of it, for a checkpoint."""
        return [[city, rule, high, low] for (city, rule), (low, high) in self._left.items()]

    def load(self, dumped: list[list[Any]]) -> None:
        """Take up from a checkpoint; one of before has no begins, and means all of history."""
        for city, rule, high, *low in dumped:
            self._left[city, rule] = (low[0] if low else -_ALL, high)
