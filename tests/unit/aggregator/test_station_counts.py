"""A station that feeds several inputs of a rule is one station."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.sheet import station_counts
from tests.unit.aggregator.small_city import NORTH, SOUTH, plan, series

TOWN = [
    series(1, "pm2_5", places=NORTH, sensor="a"),
    series(2, "pm10", places=NORTH, sensor="a"),
    series(3, "pm10", places=SOUTH, sensor="b"),
    series(4, "pm2_5", sensor="c"),
    series(5, "pm10", sensor="c"),
]
PLAN = plan("air.eaqi.hour", *TOWN)


def test_a_station_is_counted_once_however_many_inputs_it_feeds() -> None:
    assert PLAN.groups == ("", "north", "south")
    assert np.diff(PLAN.contributing.offsets).tolist() == [5, 2, 1]
    took = np.ones((1, 8), np.bool_)
    assert station_counts(PLAN, took).tolist() == [[3, 1, 1]]


def test_a_rule_of_facts_alone_has_no_station() -> None:
    of_facts = plan("energy.saifi.year", *TOWN)
    found = station_counts(of_facts, np.zeros((2, 0), np.bool_))
    assert found.tolist() == [[0] * len(of_facts.groups)] * 2


@given(st.lists(st.booleans(), min_size=16, max_size=16))
def test_they_are_the_sensors_of_the_series_that_took_part(said: list[bool]) -> None:
    took, who = np.array(said).reshape(2, -1), PLAN.contributing
    for found, row in zip(station_counts(PLAN, took), took, strict=True):
        for group, count in enumerate(found.tolist()):
            mine = who.rows[row & (who.group == group)].tolist()
            assert count == len({TOWN[one].key.sensor for one in mine})
