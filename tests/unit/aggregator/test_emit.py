"""What is said of a window, when, and under which numbers."""

from typing import Any

import msgspec
import numpy as np

from aggregator.derive import Derived
from aggregator.emit import Emitter
from aggregator.kernels.partial import NONE
from aggregator.outputs import Outputs
from aggregator.progress import EVERYTHING
from aggregator.sheet import Circumstances, Watched
from cityvitals.domain.names import State
from cityvitals.domain.times import US, from_us
from cityvitals.store.derived import ChangeRow, IndicatorRow, as_mapping
from tests import written
from tests.unit.aggregator.small_city import HOUR, NOON, instants, plan, series

PLAN = plan("air.pm2_5.hour", series(1), series(2))
KEY = ("c", "air.pm2_5.hour", "")


def of(value: float, begin: int = NOON, **changes: Any) -> Derived:
    """One window in which both stations say the same; nan: there is too little."""
    made: dict[str, Any] = {
        "begins": instants(begin),
        "ends": instants(begin + HOUR),
        "value": np.array([[value]]),
        "numerator": np.array([[2 * value]]),
        "denominator": np.array([[np.nan if np.isnan(value) else 2.0]]),
        "coverage": np.array([[1.0]]),
        "observed": np.array([[12]]),
        "flagged": np.array([[1]]),
        "present": np.array([[True]]),
        "spoken": np.array([True]),
        "valid": (np.array([[True, True]]),),
        "reasons": np.array([["too little" if np.isnan(value) else ""]], object),
    }
    return Derived(**(made | changes))


class Told:
    """An emitter and the clock beside it."""

    def __init__(self) -> None:
        self.emitter = Emitter(np.array([101, 102], np.int32), 60)
        self.emitter.numbers["c"] = 40
        self.now_us = NOON

    def say(self, found: Derived, *, closing: bool = False, mark: int = NOON + 9 * HOUR) -> Outputs:
        out = Outputs()
        watched = Watched.of([mark], [["gw-2"]])
        around = Circumstances(np.full((1, 1), closing), watched, self.now_us)
        self.emitter.emit(PLAN, found, around, out)
        return out

    def change(self, found: Derived, *, closing: bool = False) -> tuple[IndicatorRow, ChangeRow]:
        """The one thing that was said of the newest window."""
        out = self.say(found, closing=closing)
        (change,) = written.changes(out)
        assert out.numbers == {"c": change.number}
        return written.latest(out)[KEY], change


def test_the_first_value_is_saved_at_once() -> None:
    told = Told()
    out = told.say(of(5.0))
    (row,), (change,) = written.kept(out), written.changes(out)
    assert written.latest(out) == {KEY: row}
    assert (row.revision, row.state, row.closed) == (1, State.PROVISIONAL, False)
    assert (row.value, row.numerator, row.denominator) == (5.0, 10.0, 2.0)
    assert (row.stations, row.station_count, row.silent) == ([101, 102], 2, ["gw-2"])
    assert (row.window_begin, row.window_end) == (from_us(NOON), from_us(NOON + HOUR))
    assert row.watermark == from_us(NOON + 9 * HOUR)
    assert (row.change_number, change.number, change.kind) == (41, 41, "value")
    shown = msgspec.json.decode(change.body)
    assert (shown["value"], shown["revision"], shown["zone"]) == (5.0, 1, None)


def test_what_was_said_is_not_said_again() -> None:
    told = Told()
    told.say(of(5.0))
    told.now_us += 3600 * US
    assert told.say(of(5.0), mark=NOON + 2 * HOUR) == Outputs()
    assert told.emitter.numbers == {"c": 41}


def test_an_open_window_is_saved_once_a_minute() -> None:
    told = Told()
    kept = []
    for second, value in ((0, 1.0), (10, 2.0), (59, 3.0), (60, 4.0), (119, 5.0), (120, 6.0)):
        told.now_us = NOON + second * US
        out = told.say(of(value))
        kept += [row.revision for row in written.kept(out)]
        assert written.latest(out)[KEY].value == value
    assert kept == [1, 4, 6]
    assert told.emitter.numbers == {"c": 46}


def test_the_final_value_is_saved_at_once() -> None:
    told = Told()
    told.say(of(5.0))
    out = told.say(of(5.0), closing=True)
    (row,) = written.kept(out)
    assert (row.revision, row.state, row.closed) == (2, State.FINAL, True)
    assert written.changes(out)[0].kind == "value"
    assert told.say(of(5.0), closing=True) == Outputs()


def test_what_changes_after_that_is_corrected() -> None:
    told = Told()
    told.say(of(5.0), closing=True)
    row, change = told.change(of(6.0), closing=True)
    assert (row.revision, row.state, change.kind) == (2, State.CORRECTED, "correction")
    row, change = told.change(of(np.nan), closing=True)
    assert (row.revision, row.state, change.kind) == (3, State.INSUFFICIENT, "correction")
    assert (row.value, row.numerator, row.denominator) == (None, None, None)
    assert (row.reason, row.closed) == ("too little", True)
    row, _ = told.change(of(6.0), closing=True)
    assert (row.revision, row.state) == (4, State.CORRECTED)


def test_too_little_is_a_state_of_its_own_while_open_too() -> None:
    row, change = Told().change(of(np.nan))
    assert (row.state, row.closed, change.kind) == (State.INSUFFICIENT, False, "value")


def test_only_the_newest_window_is_the_latest() -> None:
    told = Told()
    begins = NOON + HOUR * np.arange(3)
    found = Derived(
        begins=begins,
        ends=begins + HOUR,
        value=np.full((3, 1), 5.0),
        numerator=np.full((3, 1), 10.0),
        denominator=np.full((3, 1), 2.0),
        coverage=np.ones((3, 1)),
        observed=np.ones((3, 1), np.int64),
        flagged=np.zeros((3, 1), np.int64),
        present=np.ones((3, 1), np.bool_),
        spoken=np.ones(3, np.bool_),
        valid=(np.ones((3, 2), np.bool_),),
        reasons=np.full((3, 1), "", object),
    )
    out = Outputs()
    around = Circumstances(np.zeros((3, 1), np.bool_), Watched.of([EVERYTHING], [[]]), NOON)
    told.emitter.emit(PLAN, found, around, out)
    assert [row.window_begin for row in written.kept(out)] == [
        from_us(one) for one in begins.tolist()
    ]
    assert written.latest(out)[KEY].window_begin == from_us(NOON + 2 * HOUR)
    assert written.latest(out)[KEY].watermark is None
    assert [one.number for one in written.changes(out)] == [41, 42, 43]
    late = told.say(of(7.0))
    assert written.latest(late) == {}
    (row,) = written.kept(late)
    assert (row.revision, row.value) == (2, 7.0)


def test_an_unsaved_value_is_saved_when_a_newer_window_takes_its_place() -> None:
    told = Told()
    told.say(of(1.0))
    assert written.kept(told.say(of(2.0))) == []
    out = told.say(of(3.0, NOON + HOUR))
    assert [(row.window_begin, row.revision) for row in written.kept(out)] == [
        (from_us(NOON + HOUR), 1),
        (from_us(NOON), 2),
    ]
    assert len(written.changes(out)) == 1
    assert len(written.kept(told.say(of(4.0, NOON + 2 * HOUR)))) == 1


def test_nothing_is_said_of_windows_that_have_not_begun() -> None:
    told = Told()
    assert told.say(of(5.0), mark=NOON) == Outputs()
    assert told.say(of(5.0), mark=NONE) == Outputs()
    assert len(written.kept(told.say(of(5.0), mark=NOON + 1))) == 1


def test_nothing_is_said_where_nothing_stands() -> None:
    assert Told().say(of(5.0, present=np.array([[False]]))) == Outputs()


def test_nothing_is_said_of_a_window_that_nobody_spoke_in_unless_something_was() -> None:
    told = Told()
    silent = of(np.nan, spoken=np.array([False]))
    assert told.say(silent, closing=True) == Outputs()
    told.say(of(5.0), closing=True)
    row, _ = told.change(silent, closing=True)
    assert row.state == State.INSUFFICIENT


def test_what_the_store_knows_is_not_said_again() -> None:
    before, after = Told(), Told()
    (row,) = written.kept(before.say(of(5.0), closing=True))
    after.emitter.learn([as_mapping(row)], newest=True)
    assert after.emitter.unknown(PLAN, instants(NOON)) == []
    assert after.emitter.closed_before(PLAN, instants(NOON)).tolist() == [[True]]
    assert after.say(of(5.0), closing=True) == Outputs()
    corrected, _ = after.change(of(6.0), closing=True)
    assert corrected.revision == 2


def test_a_rule_of_another_revision_says_it_anew() -> None:
    before, after = Told(), Told()
    (row,) = written.kept(before.say(of(5.0), closing=True))
    after.emitter.learn([as_mapping(row) | {"rule_revision": 0}], newest=True)
    assert len(written.kept(after.say(of(5.0), closing=True))) == 1


def test_stations_that_were_counted_wrongly_are_counted_anew() -> None:
    before, after = Told(), Told()
    (row,) = written.kept(before.say(of(5.0), closing=True))
    after.emitter.learn([as_mapping(row) | {"station_count": 40}], newest=True)
    (again,) = written.kept(after.say(of(5.0), closing=True))
    assert (again.revision, again.station_count) == (2, 2)


def test_older_final_windows_are_not_remembered() -> None:
    """Promise 6: however much history is derived again."""
    told = Told()
    (old,) = written.kept(told.say(of(5.0), closing=True))
    told.say(of(6.0, NOON + HOUR))
    older = instants(NOON)
    assert told.emitter.unknown(PLAN, older) == [(*KEY, NOON)]
    told.emitter.learn([as_mapping(old)])
    assert told.emitter.unknown(PLAN, older) == []
    assert told.say(of(5.0), closing=True) == Outputs()
    assert told.emitter.unknown(PLAN, older) == [(*KEY, NOON)]
    assert told.emitter.unknown(PLAN, instants(NOON + HOUR, NOON + 2 * HOUR)) == []


def test_what_was_learned_is_kept_until_it_is_derived() -> None:
    """Several pieces of a rule's windows are learned together, and derived one after the other."""
    before, after = Told(), Told()
    kept = [
        row
        for number in range(3)
        for row in written.kept(before.say(of(5.0, NOON + number * HOUR), closing=True))
    ]
    after.emitter.learn([as_mapping(row) for row in kept[:2]])
    after.emitter.learn([as_mapping(kept[2])], newest=True)
    for number in range(3):
        assert after.say(of(5.0, NOON + number * HOUR), closing=True) == Outputs()
