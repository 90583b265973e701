"""What a cycle did, and how long one may take."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aggregator.deriving import Seconds, Time
from cityvitals.domain.logbody import decode_readings
from cityvitals.domain.names import LogKind
from cityvitals.store.tail import Entry

_IDLE_S: Final = 0.3
"""Windows of up to an hour have so long in a cycle, with what writing them takes, and twice as long
in a round of all shards; while nothing comes, longer ones as long again, and those that memory does
not hold."""
_BUSY_S: Final = 0.05
"""While the log goes on, longer ones have so long, and those that memory does not hold as long."""
_REST: Final = 6.0
_LEAST_REST_S: Final = 2.0
"""While the log goes on, both then wait so many times longer than they took, and so long at least:
looking which of them changed takes as long as deriving some."""
_TELLING: Final = 100
"""Of so many rows or more it is told what writing one takes."""


@dataclass(slots=True)
class Cycle:
    """What a cycle did, for metrics and the decision whether to go on at once."""

    entries: int = 0
    readings: int = 0
    rollups: int = 0
    changes: int = 0
    backlog: int = 0
    more: bool = False

    def took(self, entries: Iterable[Entry]) -> None:
        """These entries were taken."""
        for entry in entries:
            self.entries += 1
            if entry.kind == LogKind.READINGS:
                self.readings += len(decode_readings(entry.body).readings)


class Budget:
    """Time that a shard's cycles have.

    Attributes:
        share: of a round's time for deriving.
        is_calm: whether no shard has anything to take.
    """

    def __init__(self, seconds: Seconds) -> None:
        self._seconds = seconds
        self._row_s = 0.0
        self._long_at = 0.0
        self.share = 1.0
        self.is_calm = True

    def is_idle(self, done: Cycle) -> bool:
        """Whether a cycle that did this has time for what nobody waits for."""
        return self.is_calm and not (done.entries or done.more)

    def is_whole(self, *, idle: bool) -> bool:
        """Whether it is the turn of windows longer than an hour, and of those of history."""
        return idle or self._seconds() >= self._long_at

    def hours(self) -> Time:
        """What windows of up to an hour may take."""
        return Time(min(_IDLE_S, 2 * _IDLE_S * self.share), self._row_s)

    def days(self, *, idle: bool) -> Time:
        """What longer ones may take, and those that memory does not hold."""
        return Time(_IDLE_S * self.share if idle else _BUSY_S, self._row_s)

    def took_long(self, seconds: float) -> None:
        """They had their turn, which took so long."""
        self._long_at = self._seconds() + max(_LEAST_REST_S, _REST * seconds)

    def wrote(self, rows: int, begun: float) -> None:
        """So many rows were written since then."""
        if rows >= _TELLING:
            self._row_s += ((self._seconds() - begun) / rows - self._row_s) / 4

    def history(self) -> float:
        """Until when alerts are judged of what is stored."""
        return self._seconds() + _IDLE_S
