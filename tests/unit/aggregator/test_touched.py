"""Windows of changed buckets, and chunks of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.plan import RulePlan
from aggregator.touched import Touch, Windows, batches, newest_chunk, windows_of
from cityvitals.domain.times import BUCKET_US
from tests.unit.aggregator.small_city import DAY, HOUR, NOON, instants, plan, series

HOURLY = plan("air.pm2_5.hour", series(1), series(2, "pm10"), series(3))
DAILY = plan("air.pm2_5.day", series(1), series(2, "pm10"), series(3))


def windows(one: RulePlan, *us: int) -> Windows:
    begins, ends = windows_of(one, instants(*us))
    return Windows(one, begins, ends, np.zeros(len(begins), np.bool_))


def test_a_window_holds_what_it_begins_with_and_not_its_end() -> None:
    begins, ends = windows_of(HOURLY, instants(NOON, NOON + HOUR - BUCKET_US, NOON + 3 * HOUR))
    assert begins.tolist() == [NOON, NOON + 3 * HOUR]
    assert ends.tolist() == [NOON + HOUR, NOON + 4 * HOUR]


def test_days_are_those_of_the_citys_clock() -> None:
    begins, ends = windows_of(DAILY, instants(NOON))
    assert begins.tolist() == [NOON - 13 * HOUR]
    assert ends.tolist() == [NOON + 11 * HOUR]


def test_no_instants_are_no_windows() -> None:
    begins, ends = windows_of(DAILY, instants())
    assert (len(begins), len(ends)) == (0, 0)


def test_only_series_that_feed_the_rule_touch_its_windows() -> None:
    rows = np.array([0, 1, 2, 0])
    changed = Touch(rows, instants(8, 2, 4, 8))
    assert changed.of(HOURLY).tolist() == [4, 8]
    assert changed.of(plan("air.pm10.hour", series(1), series(2, "pm10"), series(3))).tolist() == [
        2
    ]
    assert Touch(instants(), instants()).of(HOURLY).tolist() == []


@given(
    st.sets(st.integers(0, 2000), max_size=40),
    st.sets(st.integers(0, 2000), max_size=40),
    st.integers(1, 400),
)
def test_a_chunk_holds_its_windows_whole(hours: set[int], days: set[int], span: int) -> None:
    given_windows = [
        windows(HOURLY, *(NOON + one * HOUR for one in hours)),
        windows(DAILY, *(NOON + one * HOUR for one in days)),
    ]
    left, found = given_windows, []
    while chunk := newest_chunk([one for one in left if len(one.begins)], span * BUCKET_US):
        found.append(chunk)
        for part in chunk.windows:
            assert chunk.begin <= part.begins.min()
            assert part.ends.max() <= chunk.end
            assert part.begins.max() - chunk.begin < max(span * BUCKET_US, DAY)
        assert chunk.end - chunk.begin < span * BUCKET_US + 2 * DAY
        taken = {part.plan.rule.id: part.begins for part in chunk.windows}
        left = [
            one.where(~np.isin(one.begins, taken.get(one.plan.rule.id, instants()))) for one in left
        ]
    for before in given_windows:
        parts = [part.begins for one in found for part in one.windows if part.plan is before.plan]
        whole = np.sort(np.concatenate([instants(), *parts]))
        assert whole.tolist() == before.begins.tolist()


def test_the_newest_are_first() -> None:
    many = windows(HOURLY, *(NOON + one * HOUR for one in range(0, 90, 5)))
    chunk = newest_chunk([many, windows(DAILY, NOON)], 2 * DAY)
    assert chunk is not None
    (part,) = chunk.windows
    assert part.begins[-1] == many.begins[-1]
    assert newest_chunk([], DAY) is None


def test_pieces_of_windows_are_the_windows() -> None:
    whole = windows(HOURLY, *(NOON + number * HOUR for number in range(7)))
    parts = list(batches(whole, 3))
    assert [len(part.begins) for part in parts] == [3, 3, 1]
    assert np.concatenate([part.begins for part in parts]).tolist() == whole.begins.tolist()
