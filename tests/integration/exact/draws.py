"""What the state machine draws: stations, moments and values that stand for all others."""

from hypothesis import strategies as st

from cityvitals.domain.names import Flag
from cityvitals.domain.times import EARLIEST_US
from tests.integration.aggregator_town import DAY, HOUR, MINUTE, NOON
from tests.integration.exact.cast import (
    CITIES,
    LANES,
    SHARD,
    STATIONS,
)

cities = st.sampled_from(list(CITIES))
stations = st.sampled_from(list(STATIONS))
lanes = st.sampled_from(LANES)
shards = st.sampled_from(list(SHARD.values()))
values = st.sampled_from([0.0, 1.0, 2.5, -3.0, 7.1, 100.0, 1e-3, 33.3])
flags = st.sampled_from([0, 0, 0, 0, 0, int(Flag.FAULT_CODE), int(Flag.UNIT_CHANGED)])
revs = st.sampled_from([0, 0, 0, 1, 2])
moments = st.one_of(
    st.integers(0, 36).map(lambda number: number * 10 * MINUTE),
    st.integers(0, 12 * 60).map(lambda number: number * MINUTE + 1),
    st.integers(-3 * 24, 24).map(lambda number: number * HOUR),
)
edges = st.builds(
    lambda quarter, beside: quarter * 15 * MINUTE + beside,
    st.integers(-120, 60),
    st.sampled_from([-1, 0, 0, 0, 1]),
)
odd_moments = st.one_of(
    st.integers(25, 47).map(lambda number: number * HOUR),
    st.integers(4, 30).map(lambda number: -number * DAY),
)
since = st.one_of(
    st.none(),
    st.integers(-40, 40).map(lambda number: NOON + number * 10 * MINUTE),
    st.sampled_from([EARLIEST_US, NOON - 30 * DAY, NOON - HOUR]),
)
steps = st.integers(0, 25)
