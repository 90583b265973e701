"""Long windows are derived now and then, and none is forgotten."""

from itertools import pairwise

from aggregator.slow import Slow

EVERY = 300
DAY = ("c", "air.day")


def test_the_first_change_is_derived_at_once_and_later_ones_together() -> None:
    slow = Slow()
    assert slow.due(DAY, [7], 1000, EVERY, at_once=True) == [7]
    taken: list[tuple[int, list[int]]] = []
    for now in range(1000, 1000 + 4 * EVERY):
        found = slow.due(DAY, [now % 3], now, EVERY, at_once=True)
        if found:
            taken.append((now, found))
    times = [now for now, _ in taken]
    assert 1000 < times[0] <= 1000 + EVERY
    assert [later - before for before, later in pairwise(times)] == [EVERY] * 3
    assert all(found == [0, 1, 2] for _, found in taken[1:])


def test_nothing_changed_is_nothing_to_derive() -> None:
    slow = Slow()
    assert slow.due(DAY, [], 0, EVERY, at_once=True) == []
    assert slow.due(DAY, [3], 5, EVERY, at_once=True) == [3]
    assert slow.due(DAY, [], 10 * EVERY, EVERY, at_once=True) == []


def test_rules_take_turns() -> None:
    slow = Slow()
    names = [("c", f"rule-{number}") for number in range(50)]
    for name in names:
        slow.due(name, [1], 0, EVERY, at_once=True)
    due = [
        sum(bool(slow.due(name, [1], now, EVERY, at_once=True)) for name in names)
        for now in range(1, EVERY + 1)
    ]
    assert sum(due) == 50
    assert max(due) < 5


def test_what_need_not_be_at_once_waits_for_its_turn() -> None:
    slow = Slow()
    names = [("c", f"rule-{number}") for number in range(50)]
    taken = [
        sum(bool(slow.due(name, [1], now, EVERY, at_once=False)) for name in names)
        for now in range(EVERY + 1)
    ]
    assert taken[0] == 0
    assert sum(taken) >= 50
    assert max(taken) < 5
