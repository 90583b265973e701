import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.arrays import READING, Records
from cityvitals.store.recent import Recent, repeats

ROWS = st.tuples(
    st.integers(-3, 3), st.integers(1, 3), st.integers(0, 1), st.sampled_from([0.0, 1.5])
)


def readings(rows: list[tuple[int, int, int, float]]) -> Records:
    made = np.zeros(len(rows), READING)
    for place, (t, series, rev, v) in enumerate(rows):
        made[place]["t"], made[place]["series"] = t, series
        made[place]["rev"], made[place]["v"] = rev, v
    return made


@given(st.lists(st.lists(ROWS, max_size=5), max_size=5), st.lists(ROWS, max_size=10))
def test_what_it_knows_was_committed(
    batches: list[list[tuple[int, int, int, float]]], asked: list[tuple[int, int, int, float]]
) -> None:
    recent = Recent()
    for batch in batches:
        recent.add(readings(batch))
    committed = {row for batch in batches for row in batch}
    known = recent.knows(readings(asked))
    assert all(row in committed for row, one in zip(asked, known.tolist(), strict=True) if one)


def test_it_knows_a_whole_batch_again() -> None:
    rows = readings([(number, number % 7 + 1, 0, 1.0) for number in range(1000)])
    recent = Recent()
    assert not recent.knows(rows).any()
    recent.add(rows)
    assert recent.knows(rows).mean() > 0.99
    rows["v"] = 2.0
    assert not recent.knows(rows).any()


@given(st.lists(ROWS, max_size=20))
def test_a_repeat_says_what_the_one_before_said(rows: list[tuple[int, int, int, float]]) -> None:
    ordered = readings(sorted(rows, key=lambda row: row[:2]))
    expected = [place > 0 and ordered[place] == ordered[place - 1] for place in range(len(ordered))]
    assert repeats(ordered).tolist() == expected
