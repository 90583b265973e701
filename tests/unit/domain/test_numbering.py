from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.numbering import MOST_RANGES, REACH, Numbering, take

COUNTED = st.sets(st.integers(0, 200), min_size=1)


@given(COUNTED, st.data())
def test_order_and_batches_do_not_matter(came: set[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(came)))
    known = Numbering()
    while order:
        size = data.draw(st.integers(1, len(order)))
        batch, order = order[:size], order[size:]
        cut = data.draw(st.integers(0, len(batch)))
        known = take(known, batch[:cut], batch[cut:])
        # What comes again comes as a duplicate or a revision, never as new.
        known = take(known, [], batch)
    assert known.missing == max(came) - min(came) + 1 - len(came)
    assert (known.lost, known.restarts) == (0, 0)


@given(COUNTED, COUNTED)
def test_a_gateway_that_begins_anew_keeps_what_it_lost(first: set[int], second: set[int]) -> None:
    low = min(first)
    again = {low, *(number for number in second if number >= low)}
    before = take(Numbering(), sorted(first), [])
    known = take(before, sorted(again), [])
    assert known.restarts == 1
    assert known.lost == before.missing
    assert known.missing == before.missing + max(again) - low + 1 - len(again)


def test_a_batch_may_span_the_restart() -> None:
    before = take(Numbering(), range(100), [])
    known = take(before, [100, 101, 0, 1, 2], [])
    assert (known.missing, known.restarts, known.ranges) == (0, 1, ((0, 3),))


def test_a_count_that_was_joined_late_begins_anew_far_below() -> None:
    before = take(Numbering(), range(5 * REACH, 5 * REACH + 10), [])
    known = take(before, range(10), [])
    assert (known.missing, known.restarts) == (0, 1)


def test_holes_are_bounded_and_none_is_forgotten() -> None:
    known = Numbering()
    for number in range(0, 3 * MOST_RANGES, 2):
        known = take(known, [number], [])
    assert len(known.ranges) == MOST_RANGES
    assert known.missing == 3 * MOST_RANGES // 2 - 1
    assert known.lost == known.missing - (MOST_RANGES - 1)
