"""The state machine of one alert rule in one place: final windows in, episodes out. Pure."""

from typing import NamedTuple

from kpi_rules.alerts.model import AlertRule


class Judged(NamedTuple):
    """A window that is final.

    Attributes:
        begin: microseconds.
        value: None where there is too little for one.
        follows: whether no window lies between it and the one given before.
    """

    begin: int
    value: float | None
    follows: bool


class Episode(NamedTuple):
    """A stretch of windows that calls for an alert; times are begins of windows, microseconds.

    Attributes:
        since: the first window beyond the threshold.
        raised_by: the one with which there were enough of them.
        until: the first window of those that ended it; None while it lasts.
        cleared_by: the last of those.
        peak: the value furthest out.
        peak_at: the first window that had it.
    """

    since: int
    raised_by: int
    until: int | None
    cleared_by: int | None
    peak: float
    peak_at: int

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.until is None

    def holds(self, begin: int) -> bool:
        """Whether a window's value may enter into it: from the first to the one that ended it."""
        return self.since <= begin and (self.cleared_by is None or begin <= self.cleared_by)

    def overlaps(self, other: "Episode") -> bool:
        """Whether a window lies in both."""
        return (other.until is None or self.since < other.until) and (
            self.until is None or other.since < self.until
        )


class Course:
    """Walks along windows in order of time.

    Args:
        rule: when to raise and when to clear.
        carried: an episode that runs when the first window comes.
    """

    def __init__(self, rule: AlertRule, carried: Episode | None = None) -> None:
        self._rule = rule
        self._ended: list[Episode] = []
        self._runs = None if carried is None else carried._replace(until=None, cleared_by=None)
        self._coming: Episode | None = None
        self._beyond = 0
        self._clear = 0
        self._until = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing of what came matters to what will come."""
        return self._runs is None and self._coming is None

    def episodes(self) -> list[Episode]:
        """Those found, in order of time; the last one may last."""
        return self._ended if self._runs is None else [*self._ended, self._runs]

    def step(self, window: Judged) -> None:
        """Take the next window."""
        if not window.follows or window.value is None:
            # "Consecutive" is not known of what lies on either side of a gap.
            self._coming, self._beyond, self._clear = None, 0, 0
        if window.value is None:
            return
        if self._runs is None:
            self._look_out(window.begin, window.value)
        else:
            self._follow(self._runs, window.begin, window.value)

    def _look_out(self, begin: int, value: float) -> None:
        if not self._rule.is_beyond(value):
            self._coming, self._beyond = None, 0
            return
        self._beyond += 1
        before = self._coming or Episode(begin, begin, None, None, value, begin)
        self._coming = self._with_peak(before, begin, value)._replace(raised_by=begin)
        if self._beyond >= self._rule.windows:
            self._runs, self._coming, self._beyond, self._clear = self._coming, None, 0, 0

    def _follow(self, runs: Episode, begin: int, value: float) -> None:
        self._runs = runs = self._with_peak(runs, begin, value)
        if not self._rule.is_clear(value):
            self._clear = 0
            return
        if not self._clear:
            self._until = begin
        self._clear += 1
        if self._clear >= self._rule.clear_windows:
            self._ended.append(runs._replace(until=self._until, cleared_by=begin))
            self._runs = None

    def _with_peak(self, one: Episode, begin: int, value: float) -> Episode:
        worse = self._rule.is_worse(value, one.peak)
        return one._replace(peak=value, peak_at=begin) if worse else one
