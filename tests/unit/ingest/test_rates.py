import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.times import US
from ingest.rates import Rates

BATCH = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30 * US)), max_size=30)


def over(rates: Rates, gateways: list[int], at_us: int) -> list[bool]:
    times = np.full(len(gateways), at_us, np.int64)
    return [bool(one) for one in rates.over(np.array(gateways, np.int64), times)]


def test_ten_seconds_worth_may_come_at_once_and_the_last_are_over() -> None:
    rates = Rates(0.3)
    assert over(rates, [7, 7, 2, 7, 7, 7], US) == [False, False, False, False, True, True]
    assert over(rates, [7], US) == [True]
    assert over(rates, [2, 2, 2], US) == [False, False, True]
    # One more is let in after 10/3 seconds.
    assert over(rates, [7, 7], 5 * US) == [False, True]


def test_a_clock_that_is_set_back_changes_nothing() -> None:
    rates = Rates(0.1)
    assert over(rates, [1], 100 * US) == [False]
    assert over(rates, [1], 0) == [True]
    assert over(rates, [1], 101 * US) == [True]
    assert over(rates, [1], 110 * US) == [False]
    assert over(rates, [], 110 * US) == []


@given(st.lists(BATCH, max_size=6), st.floats(0.05, 3))
def test_batches_are_taken_as_readings_one_by_one(
    batches: list[list[tuple[int, int]]], per_s: float
) -> None:
    rates = Rates(per_s)
    tokens: dict[int, float] = {}
    filled: dict[int, int] = {}
    most = max(1.0, per_s * 10)
    for batch in batches:
        newest = {one: max(t for g, t in batch if g == one) for one, _ in batch}
        for one, at in newest.items():
            passed = max(0, at - filled.get(one, 0)) / US
            tokens[one] = min(most, tokens.get(one, most) + passed * per_s)
            filled[one] = max(at, filled.get(one, 0))
        expected = []
        for one, _ in batch:
            expected.append(tokens[one] < 1)
            tokens[one] -= not expected[-1]
        times = np.array([t for _, t in batch], np.int64)
        assert rates.over(np.array([g for g, _ in batch], np.int64), times).tolist() == expected
