"""Judging again from where windows changed, against what was judged before. Pure.

What is stored decides where a review begins and may end, so nothing has to be remembered between
two of them: after a crash, a takeover or a correction of long ago the same comes out as if all
windows were judged once, in order.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from aggregator.alerting.course import Course, Episode, Judged
from cityvitals.domain.times import EARLIEST_US, LATEST_US
from kpi_rules.alerts.model import AlertRule


class Event(StrEnum):
    """What happened to an alert."""

    RAISED = "raised"
    WORSENED = "worsened"
    """A value further out than all before, while it lasts."""
    CLEARED = "cleared"
    REOPENED = "reopened"
    """What had ended it was corrected."""
    AMENDED = "amended"
    """Begin, end or peak were corrected."""
    WITHDRAWN = "withdrawn"
    """What had raised it was corrected."""
    ACKNOWLEDGED = "acknowledged"


class Known(NamedTuple):
    """An alert as stored; one that was withdrawn is none."""

    id: int
    episode: Episode


class Verdict(NamedTuple):
    """What is to be written.

    Attributes:
        id: of the stored alert; None of one that is raised.
        episode: as it is now; None where there is none any more.
    """

    event: Event
    id: int | None
    episode: Episode | None


class Span(NamedTuple):
    """From which to which window something changed: begins, microseconds."""

    first: int
    last: int

    def with_(self, begin: int) -> "Span":
        """The same with another window in it."""
        return Span(min(self.first, begin), max(self.last, begin))


EVERYTHING = Span(EARLIEST_US, LATEST_US)
"""All there is: for an alert rule that is new, or another."""


class Review:
    """One alert rule in one place, from the first window that changed on.

    Args:
        rule: the alert rule.
        known: its stored alerts there: all that were not cleared before `lookback`.
        changed: where windows changed.
        longest: no window of its indicator is longer, microseconds.

    Attributes:
        begin: windows that begin at or after this are to be fed, in order.
    """

    def __init__(
        self, rule: AlertRule, known: Sequence[Known], changed: Span, longest: int
    ) -> None:
        self._rule = rule
        self._known = sorted(known, key=lambda one: one.episode.since)
        self._changed = changed
        self.begin, carried = self._start(longest)
        self._course = Course(rule, carried)
        self._end: int | None = None

    def _start(self, longest: int) -> tuple[int, Episode | None]:
        """Where to begin, and the episode that runs there."""
        first = self._changed.first
        runs = next((one.episode for one in self._known if one.episode.holds(first)), None)
        if runs is None:
            ended = [one.episode.cleared_by for one in self._known]
            passed = [one for one in ended if one is not None and one < first]
            back = first - (self._rule.windows - 1) * longest
            return max([EARLIEST_US, back, *(one + 1 for one in passed)]), None
        settled = max(runs.raised_by, runs.peak_at)
        if first <= settled:
            return runs.since, None
        return max(settled + 1, first - (self._rule.clear_windows - 1) * longest), runs

    def feed(self, windows: Iterable[Judged]) -> bool:
        """Take the next windows; whether no more are needed: from here on all is as it was."""
        for window in windows:
            self._course.step(window)
            if (
                window.begin > self._changed.last
                and self._course.is_idle
                and not any(one.episode.holds(window.begin) for one in self._known)
            ):
                self._end = window.begin
                return True
        return False

    def verdicts(self) -> list[Verdict]:
        """What became of stored alerts, and those to raise: first what ends, then what begins."""
        left = [one for one in self._known if self._concerns(one.episode)]
        found: list[Verdict] = []
        for episode in self._course.episodes():
            same = next((one for one in left if one.episode.overlaps(episode)), None)
            if same is None:
                found.append(Verdict(Event.RAISED, None, episode))
                continue
            left.remove(same)
            event = self._became(same.episode, episode)
            if event is not None:
                found.append(Verdict(event, same.id, episode))
        gone = [Verdict(Event.WITHDRAWN, one.id, None) for one in left]
        # The database holds at most one that lasts: it must end before another begins.
        return [*gone, *sorted(found, key=lambda one: one.event is Event.RAISED)]

    def _concerns(self, episode: Episode) -> bool:
        begun = self._end is None or episode.since <= self._end
        return begun and (episode.cleared_by is None or episode.cleared_by >= self.begin)

    def _became(self, before: Episode, now: Episode) -> Event | None:
        if before == now:
            return None
        if before.is_open != now.is_open:
            return Event.REOPENED if now.is_open else Event.CLEARED
        grown = before._replace(peak=now.peak, peak_at=now.peak_at) == now
        if now.is_open and grown and self._rule.is_worse(now.peak, before.peak):
            return Event.WORSENED
        return Event.AMENDED


def lookback(rule: AlertRule, changed: Span, longest: int) -> int:
    """Stored alerts that were cleared before this do not matter to a review."""
    return max(EARLIEST_US, changed.first - rule.windows * longest)
