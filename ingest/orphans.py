"""Which lanes nobody runs: pure, told what was seen and when."""

from collections.abc import Mapping
from math import inf

from cityvitals.store.lane_workers import Sighting


class Orphans:
    """Remembers since when each worker has said nothing new, by this process's own clock.

    Time counts only while we look: a database that was away, when nobody could say anything, or a
    process that was suspended makes nobody an orphan. Nor do clocks of other machines matter.

    Args:
        after_s: a lane is an orphan after so many seconds of silence.
        longest_gap_s: two looks further apart leave a time in between that nobody saw.
    """

    def __init__(self, after_s: float, longest_gap_s: float) -> None:
        self._after_s = after_s
        self._longest_gap_s = longest_gap_s
        self._looked_s = -inf
        self._since: dict[str, tuple[Sighting, float]] = {}

    def look(self, seen: Mapping[str, Sighting], now_s: float) -> dict[str, Sighting]:
        """Take what every other worker said last; returns those that are orphans.

        Args:
            seen: by lane.
            now_s: seconds of a monotonic clock.
        """
        before = self._since if now_s - self._looked_s <= self._longest_gap_s else {}
        self._looked_s = now_s
        self._since = {}
        for lane, sighting in seen.items():
            known = before.get(lane)
            is_silent = known is not None and known[0] == sighting
            self._since[lane] = known if known and is_silent else (sighting, now_s)
        return {
            lane: sighting
            for lane, (sighting, since_s) in self._since.items()
            if now_s - since_s >= self._after_s
        }

    def look_failed(self) -> None:
        """Begin anew: nobody can have said anything."""
        self._since = {}
