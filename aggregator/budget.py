"""What a cycle did, and how long one may take."""

from dataclasses import dataclass
from typing import Final

from aggregator.deriving import Seconds, Time

_IDLE_S: Final = 0.3
"""Windows of up to an hour have so long in a cycle, with what writing them takes, and twice as long
in a round of all shards; while nothing comes, longer ones as long again, and those that memory does
not hold."""
_BUSY_S: Final = 0.05
"""While the log goes on, longer ones have so long, and those that memory does not hold as long."""
_REST: Final = 4.0
"""While the log goes on, the latter then wait so many times longer than they took: a piece of them
may take long."""
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


class Budget:
    """Time that a shard's cycles have.

    Attributes:
        share: of a round's time for deriving.
        is_calm: whether no shard has anything to take.
    """

    def __init__(self, seconds: Seconds) -> None:
        self._seconds = seconds
        self._row_s = 0.0
        self._older_at = 0.0
        self.share = 1.0
        self.is_calm = True

    def is_idle(self, done: Cycle) -> bool:
        """Whether a cycle that did this has time for what nobody waits for."""
        return self.is_calm and not (done.entries or done.more)

    def live(self, *, idle: bool) -> Time:
        """What windows that memory holds may take."""
        hours = min(_IDLE_S, 2 * _IDLE_S * self.share)
        return Time(hours, self.share * (_IDLE_S if idle else _BUSY_S), self._row_s)

    def older(self, *, idle: bool) -> float | None:
        """Seconds for windows that memory does not hold; None while it is not their turn."""
        if not idle and self._seconds() < self._older_at:
            return None
        return (_IDLE_S if idle else _BUSY_S) * self.share

    def took_older(self, begun: float) -> None:
        """They were derived since then."""
        now = self._seconds()
        self._older_at = now + _REST * (now - begun)

    def wrote(self, rows: int, begun: float) -> None:
        """So many rows were written since then."""
        if rows >= _TELLING:
            self._row_s += ((self._seconds() - begun) / rows - self._row_s) / 4

    def history(self) -> float:
        """Until when alerts are judged of what is stored."""
        return self._seconds() + _IDLE_S
