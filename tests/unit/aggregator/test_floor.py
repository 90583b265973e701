"""Buckets whose readings are gone are never recomputed, and nothing hangs for that."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.backlog import Request
from aggregator.refolding import begin_of
from aggregator.shard import Shard
from cityvitals.domain.times import BUCKET_US
from tests.unit.aggregator.small_city import bucket, model, series

FLOOR = bucket(0)


@pytest.fixture
def shard() -> Shard:
    made = Shard(7, (), 60)
    found = model([series(1)])
    city = replace(found.cities[0], dropped_us=FLOOR)
    made.apply_model(replace(found, cities=(city,)))
    return made


@given(low=st.integers(-50, 50), length=st.integers(1, 50))
def test_a_stretch_is_cut_at_the_floor(low: int, length: int) -> None:
    made = Shard(7, (), 60)
    found = model([series(1)])
    made.apply_model(replace(found, cities=(replace(found.cities[0], dropped_us=FLOOR),)))
    made.mark(0, bucket(low), bucket(low + length))
    dirty = made.backlog.dump()
    assert dirty == ([(0, bucket(max(low, 0)), bucket(low + length))] if low + length > 0 else [])


def test_what_cannot_go_on_is_restored_from_the_floor(shard: Shard) -> None:
    shard.buckets.state[0]["broken"] = True
    shard.mark(0, bucket(-3), bucket(-2))
    assert shard.backlog.dump() == [(0, FLOOR, FLOOR + BUCKET_US)]


def test_an_open_bucket_below_the_floor_is_left_alone(shard: Shard) -> None:
    shard.buckets.state[0]["bucket"] = bucket(-1)
    assert begin_of(Request(0, bucket(0), bucket(1)), shard.buckets) == FLOOR
    shard.buckets.state[0]["bucket"] = bucket(2)
    assert begin_of(Request(0, bucket(3), bucket(4)), shard.buckets) == bucket(2)
