"""Buckets to be recomputed: per series, merged intervals; which of them next, in bounded steps."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

STEP_US: Final = 31 * 86_400_000_000
"""No request spans more than this, so that one of a year is 12 steps with live work between."""


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

    def take(self, most: int, besides: Container[int] = ()) -> list[Request]:
        """Remove and return at most `most` requests: newest first, since people look there.

        Args:
            most: how many at most.
            besides: series that are left alone.
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
        return [self._cut(request) for request in waiting[:most]]

    def _cut(self, request: Request) -> Request:
        """Take the newest step of a dirty interval; the rest of it stays."""
        self._drop(request)
        begin = max(request.begin, request.end - STEP_US)
        if begin > request.begin:
            self.mark(request.row, request.begin, begin)
        return Request(request.row, begin, request.end)

    def take_rows(self, rows: list[int]) -> list[Request]:
        """Remove and return what is dirty of these series' newest stretch, one request each."""
        requests = []
        for row in rows:
            found = self._dirty.get(row)
            if found:
                requests.append(self._cut(Request(row, *found[-1])))
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
