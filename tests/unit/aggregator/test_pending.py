"""Windows wait until they are quiet and passed, in each group."""

from aggregator.pending import Pending

KEY = ("c", "rule")


def waiting(*windows: tuple[int, int, int]) -> Pending:
    """Windows as (begin, end, touched)."""
    pending = Pending()
    for begin, end, touched in windows:
        pending.touch(KEY, [begin], [end], touched)
    return pending


def test_a_window_is_ripe_when_passed_and_quiet() -> None:
    pending = waiting((0, 10, 100))
    assert pending.ripe(KEY, [9], 100, 5) == []
    assert pending.ripe(KEY, [10], 99, 5) == []
    assert pending.ripe(KEY, [10], 100, 5) == [0]
    assert pending.ripe(("c", "another"), [10], 100, 5) == []


def test_input_keeps_it_waiting() -> None:
    pending = waiting((0, 10, 100))
    pending.touch(KEY, [0], [10], 150)
    assert pending.ripe(KEY, [10], 149, 5) == []
    assert pending.ripe(KEY, [10], 150, 5) == [0]


def test_only_so_many_are_ripe_at_once() -> None:
    pending = waiting(*((begin, begin + 10, 0) for begin in range(30, 0, -10)))
    assert len(pending.ripe(KEY, [100], 0, 2)) == 2
    assert pending.ripe(KEY, [100], 0, 5) == [10, 20, 30]


def test_a_zone_may_be_final_before_another() -> None:
    pending = waiting((0, 10, 0))
    assert pending.ripe(KEY, [5, 10], 0, 5) == [0]
    pending.close(KEY, 0, 1, 2)
    assert pending.ripe(KEY, [5, 10], 0, 5) == []
    assert pending.ripe(KEY, [10, 10], 0, 5) == [0]
    pending.close(KEY, 0, 2, 2)
    assert len(pending) == 0
    assert pending.keys() == []


def test_closing_what_does_not_wait_is_nothing() -> None:
    pending = waiting((0, 10, 0))
    pending.close(KEY, 20, 1, 2)
    pending.close(KEY, 20, 2, 2)
    assert len(pending) == 1


def test_touched_again_it_waits_again_in_all_zones() -> None:
    pending = waiting((0, 10, 0))
    pending.close(KEY, 0, 1, 2)
    pending.touch(KEY, [0], [10], 0)
    assert pending.ripe(KEY, [5, 10], 0, 5) == [0]


def test_a_citys_windows_are_forgotten() -> None:
    pending = waiting((0, 10, 0))
    pending.touch(("d", "rule"), [0], [10], 0)
    pending.forget("c")
    assert pending.keys() == [("d", "rule")]


def test_what_is_restored_was_touched_just_now() -> None:
    restored = Pending()
    restored.load(waiting((0, 10, 3), (10, 20, 4)).dump(), 50)
    assert restored.ripe(KEY, [100], 49, 5) == []
    assert restored.ripe(KEY, [100], 50, 5) == [0, 10]
