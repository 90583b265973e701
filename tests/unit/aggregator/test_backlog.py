"""Dirty stretches: merged, cut into steps, newest first."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aggregator.backlog import STEP_US, Backlog, Request
from tests.unit.aggregator.small_city import DAY

MARKS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(1, 9)), max_size=20)


def marked(marks: list[tuple[int, int, int]]) -> tuple[Backlog, set[tuple[int, int]]]:
    """A backlog and the same as a set of (row, quarter)."""
    backlog, cells = Backlog(), set()
    for row, begin, size in marks:
        backlog.mark(row, begin, begin + size)
        cells |= {(row, at) for at in range(begin, begin + size)}
    return backlog, cells


def cells_of(requests: list[Request]) -> list[tuple[int, int]]:
    return [(one.row, at) for one in requests for at in range(one.begin, one.end)]


@given(MARKS)
def test_everything_marked_is_there_once_and_apart(marks: list[tuple[int, int, int]]) -> None:
    backlog, cells = marked(marks)
    dumped = [Request(*one) for one in backlog.dump()]
    assert sorted(cells_of(dumped)) == sorted(cells)
    for row in range(3):
        mine = [(one.begin, one.end) for one in dumped if one.row == row]
        assert all(end < begin for (_, end), (begin, _) in pairwise(mine))
    assert len(backlog) == len(dumped)


@given(MARKS, st.integers(0, 5), st.sets(st.integers(0, 2)))
def test_the_newest_are_taken_first(
    marks: list[tuple[int, int, int]], most: int, besides: set[int]
) -> None:
    backlog, cells = marked(marks)
    taken = backlog.take(most, besides)
    left = [Request(*one) for one in backlog.dump()]
    assert len(taken) <= most
    assert sorted(cells_of(taken) + cells_of(left)) == sorted(cells)
    assert not besides & {one.row for one in taken}
    waiting = [one.end for one in left if one.row not in besides]
    if waiting:
        assert len(taken) == most
        assert all(one.end >= max(waiting) for one in taken)


@given(MARKS, st.integers(0, 2), st.integers(0, 50))
def test_what_lies_behind_is_cleared(
    marks: list[tuple[int, int, int]], row: int, begin: int
) -> None:
    backlog, cells = marked(marks)
    backlog.clear_from(row, begin)
    left = [Request(*one) for one in backlog.dump()]
    assert set(cells_of(left)) == {one for one in cells if one[0] != row or one[1] < begin}


@given(MARKS, st.integers(0, 50), st.integers(1, 9), st.sets(st.integers(0, 2)))
def test_it_knows_where_it_reaches(
    marks: list[tuple[int, int, int]], begin: int, size: int, rows: set[int]
) -> None:
    backlog, cells = marked(marks)
    expected = any(row in rows and begin <= at < begin + size for row, at in cells)
    assert backlog.reaches(begin, begin + size, rows) == expected


def test_a_year_is_taken_in_steps_from_its_end() -> None:
    backlog = Backlog()
    backlog.mark(3, 0, 365 * DAY)
    steps = []
    while len(backlog):
        (one,) = backlog.take(10)
        steps.append(one)
    assert len(steps) == 12
    assert steps[0] == Request(3, 365 * DAY - STEP_US, 365 * DAY)
    assert steps[-1].begin == 0
    assert all(later.begin == one.end for later, one in pairwise(steps))


def test_one_step_of_each_row_that_is_asked_for() -> None:
    backlog = Backlog()
    backlog.mark(1, 0, 40 * DAY)
    backlog.mark(1, 50 * DAY, 51 * DAY)
    backlog.mark(2, 0, 40 * DAY)
    backlog.mark(4, 0, DAY)
    assert backlog.take_rows([1, 2, 3]) == [
        Request(1, 50 * DAY, 51 * DAY),
        Request(2, 9 * DAY, 40 * DAY),
    ]
    assert sorted(backlog.dump()) == [(1, 0, 40 * DAY), (2, 0, 9 * DAY), (4, 0, DAY)]
