"""Windows of changed buckets, and chunks of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.plan import RulePlan
from aggregator.touched import Touch, Windows, batches, chunks, together, windows_of
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


def test_changed_and_ripe_windows_are_one_list() -> None:
    changed = windows_of(HOURLY, instants(NOON, NOON + 2 * HOUR))
    found = together(HOURLY, *changed, [NOON, NOON - HOUR])
    assert found.begins.tolist() == [NOON - HOUR, NOON, NOON + 2 * HOUR]
    assert found.ends.tolist() == [NOON, NOON + HOUR, NOON + 3 * HOUR]
    assert found.ripe.tolist() == [True, True, False]
    assert together(HOURLY, *changed, []).ripe.tolist() == [False, False]


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
    found = chunks(given_windows, span * BUCKET_US)
    for one in found:
        for part in one.windows:
            assert one.begin <= part.begins.min()
            assert part.ends.max() <= one.end
            assert part.begins.max() - one.begin < span * BUCKET_US
        assert one.end - one.begin < span * BUCKET_US + 2 * DAY
    for before in given_windows:
        parts = [part.begins for one in found for part in one.windows if part.plan is before.plan]
        whole = np.concatenate([instants(), *parts])
        assert whole.tolist() == before.begins.tolist()


def test_pieces_of_windows_are_the_windows() -> None:
    whole = windows(HOURLY, *(NOON + number * HOUR for number in range(7)))
    parts = list(batches(whole, 3))
    assert [len(part.begins) for part in parts] == [3, 3, 1]
    assert np.concatenate([part.begins for part in parts]).tolist() == whole.begins.tolist()
