"""Alerts are a function of final windows: whatever the order they come in, and however often."""

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.alerting.course import Course, Episode, Judged
from aggregator.alerting.review import EVERYTHING, Event, Known, Review, Span, Verdict, lookback
from cityvitals.domain.times import EARLIEST_US
from kpi_rules.alerts.model import AlertRule, Severity, Side, Zones

HOUR = 3_600_000_000
RULE = AlertRule(
    id="own",
    revision=1,
    title="t",
    rule="r",
    unit="1",
    side=Side.ABOVE,
    threshold=10.0,
    clear=8.0,
    windows=3,
    clear_windows=2,
    severity=Severity.WARNING,
    zones=Zones.ALL,
    cities=(),
    standard=None,
    source="s",
    file="f",
)
Values = dict[int, float | None]


def judged(windows: Values, begin: int = EARLIEST_US) -> list[Judged]:
    """Windows by number of the hour, as they are read from a place on."""
    found, before = [], None
    for hour in sorted(windows):
        if hour * HOUR >= begin:
            found.append(Judged(hour * HOUR, windows[hour], before == hour - 1))
            before = hour
    return found


def batch(rule: AlertRule, windows: Values) -> list[Episode]:
    """All of them judged once, in order."""
    course = Course(rule)
    for window in judged(windows):
        course.step(window)
    return course.episodes()


class Stored:
    """What the database would hold: windows, and alerts with what happened to them."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.windows: Values = {}
        self.alerts: dict[int, Episode] = {}
        self.told: dict[int, list[Event]] = {}

    def commit(self, windows: Values) -> list[Verdict]:
        """What one transaction does: some windows become final, or are corrected."""
        self.windows |= windows
        changed = Span(min(windows) * HOUR, max(windows) * HOUR)
        return self.review(changed)

    def review(self, changed: Span) -> list[Verdict]:
        """Judge again where windows changed, in pages of three."""
        since = lookback(self.rule, changed, HOUR)
        known = [
            Known(key, one)
            for key, one in self.alerts.items()
            if one.cleared_by is None or one.cleared_by >= since
        ]
        review = Review(self.rule, known, changed, HOUR)
        windows = judged(self.windows, review.begin)
        any(review.feed(windows[at : at + 3]) for at in range(0, len(windows), 3))
        found = review.verdicts()
        self.write(found)
        return found

    def write(self, verdicts: Sequence[Verdict]) -> None:
        for event, key, episode in verdicts:
            at = len(self.told) if key is None else key
            self.told.setdefault(at, []).append(event)
            if episode is None:
                del self.alerts[at]
            else:
                self.alerts[at] = episode
            open_ones = [one for one in self.alerts.values() if one.is_open]
            assert len(open_ones) <= 1, "the database refuses two that last"
            assert len({one.since for one in self.alerts.values()}) == len(self.alerts)

    def lasting(self) -> list[Episode]:
        """Alerts that are not withdrawn, in order of time."""
        return sorted(self.alerts.values())


values = st.one_of(st.none(), st.sampled_from([5.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0]))
commits = st.lists(
    st.dictionaries(st.integers(0, 14), values, min_size=1, max_size=5), min_size=1, max_size=12
)
rules = st.builds(
    lambda windows, clear_windows, clear: replace(
        RULE, windows=windows, clear_windows=clear_windows, clear=clear
    ),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([8.0, 10.0]),
)


@settings(max_examples=200, deadline=None)
@given(rules, commits)
def test_whatever_comes_when_it_is_as_if_all_were_judged_once(
    rule: AlertRule, commits: list[Values]
) -> None:
    stored = Stored(rule)
    for windows in commits:
        stored.commit(windows)
        assert stored.lasting() == batch(rule, stored.windows)
        assert not stored.review(Span(min(windows) * HOUR, max(windows) * HOUR)), "said twice"
    assert not stored.review(EVERYTHING), "judged anew, nothing differs"
    for told in stored.told.values():
        assert told[0] is Event.RAISED
        assert told.count(Event.RAISED) == 1
        assert Event.WITHDRAWN not in told[:-1], "what is withdrawn stays so"
        turns = [one for one in told if one in {Event.CLEARED, Event.REOPENED}]
        assert all(a is not b for a, b in itertools.pairwise(turns))


@settings(max_examples=50, deadline=None)
@given(rules, commits, rules)
def test_another_rule_judges_all_anew(
    rule: AlertRule, commits: list[Values], other: AlertRule
) -> None:
    stored = Stored(rule)
    for windows in commits:
        stored.commit(windows)
    stored.rule = other
    stored.review(EVERYTHING)
    assert stored.lasting() == batch(other, stored.windows)


def events(stored: Stored, *commits: Values) -> list[Event]:
    return [one.event for windows in commits for one in stored.commit(windows)]


def hours(first: int, *found: float | None) -> Values:
    return dict(enumerate(found, first))


def test_a_third_consecutive_hour_raises_and_two_below_clear() -> None:
    stored = Stored(RULE)
    assert not events(stored, hours(0, 11.0), hours(1, 12.0))
    assert events(stored, hours(2, 10.5)) == [Event.RAISED]
    assert events(stored, hours(3, 13.0)) == [Event.WORSENED]
    assert not events(stored, hours(4, 9.0), hours(5, 8.0)), "between the two levels nothing ends"
    assert events(stored, hours(6, 7.0)) == [Event.CLEARED]
    (one,) = stored.lasting()
    assert one == Episode(0, 2 * HOUR, 5 * HOUR, 6 * HOUR, 13.0, 3 * HOUR)


@pytest.mark.parametrize("gap", [hours(2, None), {}])
def test_what_is_not_known_neither_raises_nor_clears(gap: Values) -> None:
    stored = Stored(RULE)
    stored.windows |= gap
    assert not events(stored, hours(0, 11.0, 11.0), hours(3, 11.0, 11.0))
    assert events(stored, hours(5, 11.0)) == [Event.RAISED]
    assert not events(stored, hours(6, 5.0), hours(7, None), hours(8, 5.0))
    assert events(stored, hours(9, 5.0)) == [Event.CLEARED]


def test_a_correction_withdraws_reopens_amends() -> None:
    stored = Stored(RULE)
    assert events(stored, hours(0, 11.0, 11.0, 11.0, 5.0, 5.0)) == [Event.RAISED]
    assert events(stored, hours(4, 9.0)) == [Event.REOPENED]
    assert events(stored, hours(4, 5.0)) == [Event.CLEARED]
    assert events(stored, {-1: 12.0}) == [Event.AMENDED], "it began an hour earlier"
    assert events(stored, hours(1, 9.0)) == [Event.WITHDRAWN]
    assert stored.lasting() == []
    assert events(stored, hours(1, 11.0)) == [Event.RAISED], "another alert: one withdrawn stays so"
    assert stored.told[0][-1] is Event.WITHDRAWN


def test_two_that_grow_together_are_one() -> None:
    stored = Stored(RULE)
    windows = hours(0, 11.0, 11.0, 11.0, 5.0, 5.0, 11.0, 11.0, 11.0)
    assert events(stored, windows) == [Event.RAISED, Event.RAISED]
    assert events(stored, hours(3, 11.0)) == [Event.WITHDRAWN, Event.REOPENED]
    assert [one.since for one in stored.lasting()] == [0]


def test_below_is_the_other_way_round() -> None:
    low = replace(RULE, side=Side.BELOW, threshold=5.0, clear=6.0, windows=1, clear_windows=1)
    stored = Stored(low)
    assert events(stored, hours(0, 5.0), hours(1, 4.0)) == [Event.RAISED]
    assert events(stored, hours(2, 3.0), hours(3, 5.5)) == [Event.WORSENED]
    assert events(stored, hours(4, 6.0)) == [Event.CLEARED]
    assert stored.lasting()[0].peak == 3.0


def test_a_long_episode_is_not_read_again_for_each_hour() -> None:
    stored = Stored(RULE)
    stored.commit(hours(0, *[12.0] * 500))
    known = [Known(key, one) for key, one in stored.alerts.items()]
    review = Review(RULE, known, Span(500 * HOUR, 500 * HOUR), HOUR)
    assert review.begin >= 498 * HOUR


def test_a_late_correction_is_read_no_further_than_needed() -> None:
    stored = Stored(RULE)
    stored.commit(hours(0, *[5.0] * 500))
    review = Review(RULE, [], Span(10 * HOUR, 10 * HOUR), HOUR)
    windows = judged(stored.windows, review.begin)
    read = next(count for count, one in enumerate(windows, 1) if review.feed([one]))
    assert read <= RULE.windows + 1


def shuffled(found: Iterable[tuple[int, float | None]], seed: int) -> list[Values]:
    items = list(found)
    random.Random(seed).shuffle(items)  # noqa: S311 (an order)
    return [{hour: value} for hour, value in items]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_arrival_leaves_no_trace(seed: int) -> None:
    drawn = random.Random(99)  # noqa: S311 (values)
    windows = {hour: drawn.choice([5.0, 9.0, 11.0, 12.0, None]) for hour in range(200)}
    stored = Stored(RULE)
    for one in shuffled(windows.items(), seed):
        stored.commit(one)
    assert stored.lasting() == batch(RULE, windows)
