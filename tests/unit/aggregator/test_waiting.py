"""Windows that wait: each once, who came first is served first, none is lost."""

from aggregator.waiting import Waiting

HOURS = ("c", "hours")
DAYS = ("c", "days")


def waiting() -> Waiting:
    made = Waiting()
    made.add(HOURS, [3, 1], [4, 2])
    made.add(DAYS, [0], [24])
    return made


def test_each_window_waits_once_and_in_order() -> None:
    made = waiting()
    made.add(HOURS, [1, 2], [2, 3])
    begins, ends = made.of(HOURS)
    assert begins.tolist() == [1, 2, 3]
    assert ends.tolist() == [2, 3, 4]
    assert len(made) == 4


def test_what_is_taken_waits_no_more_and_the_rest_of_it_is_last() -> None:
    made = waiting()
    made.take(HOURS, [1, 99])
    assert made.rules() == [DAYS, HOURS]
    assert made.of(HOURS)[0].tolist() == [3]
    made.take(DAYS, [0])
    assert made.rules() == [HOURS]
    assert len(made.of(DAYS)[0]) == 0


def test_nothing_is_no_rule() -> None:
    made = Waiting()
    made.add(HOURS, [], [])
    assert made.rules() == []


def test_a_citys_windows_are_forgotten() -> None:
    made = waiting()
    made.add(("d", "hours"), [1], [2])
    made.forget("c")
    assert made.rules() == [("d", "hours")]


def test_a_checkpoint_has_all() -> None:
    restored = Waiting()
    restored.load(waiting().dump())
    assert restored.dump() == waiting().dump()
