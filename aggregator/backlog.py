"""Buckets to be recomputed: per series, merged intervals; which of them next, in bounded steps."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEP_US: Final = 31 * 86_400_000_000
"""No request spans more than this, so that one of a year is 12 steps with live work between."""
_SPANS_US: Final = (STEP_US, *(hours * 3_600_000_000 for hours in (240, 72, 24, 8, 3, 1)))
"""How much time is read at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """Recompute a series' buckets in [begin, end), microseconds on quarter-hour edges."""

    row: int
    begin: int
    end: int


@dataclass(slots=True)
class Backlog:
    """Dirty intervals by series.

    Bounded: intervals of a series that touch are one, so at worst one for each second quarter hour
    of its history.
    """

    _dirty: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(found) for found in self._dirty.values())

    def __bool__(self) -> bool:
        return bool(self._dirty)

    def mark(self, row: int, begin: int, end: int) -> None:
        """Have [begin, end) recomputed, edges included."""
        kept = []
        for low, high in self._dirty.get(row, ()):
            if high < begin or low > end:
                kept.append((low, high))
            else:
                begin, end = min(begin, low), max(end, high)
        kept.append((begin, end))
        self._dirty[row] = sorted(kept)

    def rows(self) -> set[int]:
        """Series of which anything is dirty."""
        return set(self._dirty)

    def span(self, rates: NDArray[np.float64], readings: int, rows: Container[int]) -> int:
        """How far back from the newest dirty bucket to go, so that not too much is read at once.

        Args:
            rates: readings a microsecond, by row.
            readings: about so many at most.
            rows: of these series.
        """
        held = [
            (r, low, high) for r, found in self._dirty.items() if r in rows for low, high in found
        ]
        if not held:
            return STEP_US
        row, low, high = np.array(held, np.int64).T
        for span in _SPANS_US:
            begin = high.max() - span
            overlap = np.clip(high - np.maximum(low, begin), 0, None)
            if (overlap * rates[row]).sum() <= readings:
                return span
        return _SPANS_US[-1]

    def take(
        self, most: int, besides: Container[int] = (), span_us: int = STEP_US
    ) -> list[Request]:
        """Remove and return at most `most` requests: newest first, since people look there.

        Args:
            most: how many at most.
            besides: series that are left alone.
            span_us: how far back from the newest of them.
        """
        waiting = sorted(
            (
                Request(row, low, high)
                for row, found in self._dirty.items()
                if row not in besides
                for low, high in found
            ),
            key=lambda request: (-request.end, request.row),
        )
        if not waiting:
            return []
        low = waiting[0].end - span_us
        return [self._cut(one, low) for one in waiting[:most] if one.end > low]

    def _cut(self, request: Request, low: int) -> Request:
        """Take of a dirty interval what does not lie before `low`; the rest of it stays."""
        self._drop(request)
        begin = max(request.begin, low)
        if begin > request.begin:
            self.mark(request.row, request.begin, begin)
        return Request(request.row, begin, request.end)

    def take_rows(self, rows: list[int], span_us: int = STEP_US) -> list[Request]:
        """Remove and return what is dirty of these series' newest stretch, one request each."""
        requests = []
        for row in rows:
            found = self._dirty.get(row)
            if found:
                low, high = found[-1]
                requests.append(self._cut(Request(row, low, high), high - span_us))
        return requests

    def clear_from(self, row: int, begin: int) -> None:
        """Forget what is dirty of a series at or after `begin`: it is being recomputed."""
        left = [(low, min(high, begin)) for low, high in self._dirty.pop(row, ()) if low < begin]
        if left:
            self._dirty[row] = left

    def _drop(self, request: Request) -> None:
        left = [one for one in self._dirty[request.row] if one != (request.begin, request.end)]
        if left:
            self._dirty[request.row] = left
        else:
            del self._dirty[request.row]

    def reaches(self, begin: int, end: int, rows: set[int]) -> bool:
        """Whether any of these series is still dirty in [begin, end)."""
        return any(
            low < end and high > begin
            for row in rows & self._dirty.keys()
            for low, high in self._dirty[row]
        )

    def dump(self) -> list[tuple[int, int, int]]:
        """All intervals (row, begin, end), for a checkpoint."""
        return [(row, low, high) for row, found in self._dirty.items() for low, high in found]
