"""What a partition holds: every time lies in one span, and spans do not overlap."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.times import to_us
from cityvitals.store.partitions import Span, month_of, span_of

_BEGIN = to_us(datetime(1, 1, 1, tzinfo=UTC))
_END = to_us(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
times = st.integers(_BEGIN, _END)


def holds(span: Span, t_us: int) -> bool:
    after = span.begin is None or to_us(span.begin) <= t_us
    return after and (span.end is None or t_us < to_us(span.end))


@given(times, times)
def test_a_time_lies_in_its_own_span_only(one: int, other: int) -> None:
    for of in (span_of, month_of):
        if of is month_of and max(one, other) >= to_us(datetime(9999, 12, 1, tzinfo=UTC)):
            continue
        assert holds(of(one), one)
        assert holds(of(one), other) == (of(one) == of(other))


def test_spans_meet_at_their_edges() -> None:
    edge = to_us(datetime(2020, 1, 1, tzinfo=UTC))
    assert span_of(edge - 1).name == "2019"
    assert span_of(edge).name == "2020_01"
    assert span_of(_BEGIN).name == "past"
    assert span_of(_END).name == "future"


def test_all_of_history_is_a_few_hundred_spans() -> None:
    day_us = 86_400_000_000
    assert len({span_of(t).name for t in range(_BEGIN, _END, 20 * day_us)}) == 2 + 20 + 360 + 50
