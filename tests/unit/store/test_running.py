"""Running numbers: however they come, the same are missing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.store.running import MOST_RANGES, Numbers
from cityvitals.store.running import arrived as arrived_arrays


def arrived(known: Numbers, came: list[tuple[int, bool]]) -> Numbers:
    numbers = np.array([number for number, _ in came], np.int64)
    return arrived_arrays(known, numbers, np.array([is_new for _, is_new in came], np.bool_))


UNIQUE = st.lists(st.integers(0, 300), unique=True, min_size=1)


@given(UNIQUE, st.data())
def test_order_splits_and_duplicates_change_nothing(
    numbers: list[int], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(numbers)))
    known, seen = Numbers(), set[int]()
    came = [*numbers, *again]
    while came:
        size = data.draw(st.integers(1, len(came)))
        part, came = came[:size], came[size:]
        known = arrived(known, [(one, one not in seen) for one in part])
        seen |= set(part)
    assert known.missing == max(numbers) - min(numbers) + 1 - len(numbers)
    assert (known.lost, known.resets) == (0, 0)
    assert known.has(np.arange(400)).tolist() == [one in seen for one in range(400)]


def test_a_count_that_begins_anew_closes_the_old_one() -> None:
    known = arrived(Numbers(), [(one, True) for one in (1, 2, 4, 5)])
    assert known.missing == 1
    known = arrived(known, [(one, True) for one in range(6, 2000)])
    known = arrived(known, [(2000, True), (1, True), (2, True), (4, True)])
    assert (known.missing, known.lost, known.resets) == (1, 1, 1)
    # The same again, as duplicates, is no new count.
    assert arrived(known, [(1, False), (4, False)]) == known


def test_what_was_rejected_and_is_sent_again_is_no_new_count() -> None:
    known = arrived(Numbers(), [(one, one not in {5, 6, 7}) for one in range(1, 11)])
    known = arrived(known, [(one, True) for one in (5, 6, 7)])
    known = arrived(known, [(11, True)])
    assert (known.missing, known.lost, known.resets) == (0, 0, 0)


def test_too_many_holes_are_given_up_from_the_lowest() -> None:
    known = arrived(Numbers(), [(2 * one, True) for one in range(MOST_RANGES + 10)])
    assert len(known.ranges) == MOST_RANGES
    assert (known.lost, known.missing, known.floor) == (10, MOST_RANGES - 1, 20)
    # What comes late for a hole given up neither counts nor passes for a new count.
    assert arrived(known, [(1, True)]) == known


def test_a_number_beyond_all_counting_counts_nothing() -> None:
    assert arrived(Numbers(), [(2**63 - 1, True), (2**53 + 1, True)]) == Numbers()
