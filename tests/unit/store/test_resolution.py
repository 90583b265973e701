"""`resolve` against a slow twin that takes readings one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.arrays import READING, Records
from cityvitals.store.resolution import Became, key_order, key_starts, resolve, undecided

Key = tuple[int, int]
Row = tuple[int, float]
"""(rev, value)."""
Store = dict[Key, list[Row]]
"""What was said about each key; the current one is the last."""

KEYS = st.tuples(st.integers(0, 2), st.integers(1, 2))
ROWS = st.tuples(st.integers(0, 2), st.sampled_from([-1.0, 0.0, 1.5]))
ARRIVALS = st.lists(st.tuples(KEYS, ROWS), max_size=12)


class Twin:
    """Promise 2, said as plainly as can be."""

    def __init__(self) -> None:
        self.current: dict[Key, Row] = {}
        self.beside: dict[Key, set[Row]] = {}

    def take(self, key: Key, row: Row) -> Became:
        beside = self.beside.setdefault(key, set())
        if key not in self.current:
            self.current[key] = row
            return Became.STORED
        if row == self.current[key] or row in beside:
            return Became.DUPLICATE
        winner_is_new = row[0] >= self.current[key][0]
        beside.add(self.current[key] if winner_is_new else row)
        if winner_is_new:
            self.current[key] = row
        return Became.REVISED


def records(arrivals: list[tuple[Key, Row]]) -> Records:
    rows = np.zeros(len(arrivals), READING)
    for place, ((t, series), (rev, value)) in enumerate(arrivals):
        rows[place] = (t, 100 + place, value, rev, series, 0)
    return rows


class Committed:
    """The tables as the writer would leave them."""

    def __init__(self) -> None:
        self.current: dict[Key, np.void] = {}
        self.beside: dict[Key, set[Row]] = {}

    def commit(self, arrivals: list[tuple[Key, Row]]) -> list[Became]:
        rows = records(arrivals)
        order = key_order(rows)
        ordered = rows[order]
        keys = ordered[key_starts(ordered)]
        known = np.array([key_of(row) in self.current for row in keys], np.bool_)
        stored = np.zeros(len(keys), READING)
        for place in np.flatnonzero(known):
            stored[place] = self.current[key_of(keys[place])]
        asked = keys[undecided(ordered, stored, known)]
        earlier = {key_of(row): self.beside.get(key_of(row), set()) for row in asked}
        found = resolve(ordered, stored, known, earlier)
        self.write(found.new, found.changed, found.beside)
        became = np.empty(len(rows), np.int8)
        became[order] = found.became
        return [Became(int(one)) for one in became]

    def write(self, new: Records, changed: Records, beside: Records) -> None:
        for row in new:
            assert key_of(row) not in self.current
            self.current[key_of(row)] = row
        for row in changed:
            assert key_of(row) in self.current
            self.current[key_of(row)] = row
        for row in beside:
            kept = self.beside.setdefault(key_of(row), set())
            assert (int(row["rev"]), float(row["v"])) not in kept
            kept.add((int(row["rev"]), float(row["v"])))


def key_of(row: np.void) -> Key:
    return int(row["t"]), int(row["series"])


TIMES = st.integers(0, 3) | st.integers(-(2**62), 2**62)
SERIES = st.integers(0, 3) | st.integers(0, 2**31 - 1)


@given(st.lists(st.tuples(TIMES, SERIES), max_size=30))
def test_keys_sort_by_time_then_series_then_arrival(keys: list[Key]) -> None:
    rows = records([(key, (0, 0.0)) for key in keys])
    expected = sorted(range(len(keys)), key=lambda place: keys[place])
    assert key_order(rows).tolist() == expected


@given(st.lists(ARRIVALS, max_size=4))
def test_any_batches_end_as_the_twin_says(batches: list[list[tuple[Key, Row]]]) -> None:
    twin, committed = Twin(), Committed()
    for batch in batches:
        assert committed.commit(batch) == [twin.take(key, row) for key, row in batch]
    current = {key: (int(r["rev"]), float(r["v"])) for key, r in committed.current.items()}
    assert current == twin.current
    assert {k: v for k, v in committed.beside.items() if v} == {
        k: v for k, v in twin.beside.items() if v
    }


@given(ARRIVALS, st.integers(1, 12))
def test_where_batches_are_cut_makes_no_difference(
    arrivals: list[tuple[Key, Row]], size: int
) -> None:
    whole, pieces = Committed(), Committed()
    became = whole.commit(arrivals)
    cut = [pieces.commit(arrivals[i : i + size]) for i in range(0, len(arrivals), size)]
    assert became == [one for piece in cut for one in piece]
    assert {k: r["v"] for k, r in whole.current.items()} == {
        k: r["v"] for k, r in pieces.current.items()
    }


@given(ARRIVALS)
def test_sending_all_again_changes_nothing(arrivals: list[tuple[Key, Row]]) -> None:
    committed = Committed()
    committed.commit(arrivals)
    before = dict(committed.current)
    assert set(committed.commit(arrivals)) <= {Became.DUPLICATE}
    assert committed.current == before


@given(st.lists(st.tuples(st.integers(0, 5), st.just(0.0)), min_size=1, max_size=6, unique=True))
def test_the_highest_rev_wins_whatever_the_order(rows: list[Row]) -> None:
    committed = Committed()
    committed.commit([((0, 1), row) for row in rows])
    assert committed.current[0, 1]["rev"] == max(rev for rev, _ in rows)


def test_without_rev_an_earlier_value_never_comes_back() -> None:
    committed = Committed()
    values = [((0, 1), (0, value)) for value in (1.0, 2.0, 1.0)]
    assert committed.commit(values) == [Became.STORED, Became.REVISED, Became.DUPLICATE]
    assert committed.commit(values[:1]) == [Became.DUPLICATE]
    assert committed.current[0, 1]["v"] == 2.0


def test_a_revised_row_brings_its_own_arrival_time_and_flags() -> None:
    committed = Committed()
    committed.commit([((0, 1), (0, 1.0))])
    committed.commit([((5, 1), (0, 1.0)), ((0, 1), (0, 9.0))])
    assert committed.current[0, 1]["received"] == 101
