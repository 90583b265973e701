"""A station that feeds several inputs of a rule is one station."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.derive import Derived
from aggregator.sheet import Circumstances, Columns
from tests.unit.aggregator.small_city import HOUR, NOON, NORTH, SOUTH, instants, plan, series

RULE = "air.eaqi.hour"
TOWN = [
    series(1, "pm2_5", places=NORTH, sensor="a"),
    series(2, "pm10", places=NORTH, sensor="a"),
    series(3, "pm10", places=SOUTH, sensor="b"),
    series(4, "pm2_5", sensor="c"),
    series(5, "pm10", sensor="c"),
]


def columns(windows: int, rule: str = RULE) -> Columns:
    """All windows and groups of a rule in the town."""
    made = plan(rule, *TOWN)
    shape = windows, len(made.groups)
    begins = instants(*(NOON + n * HOUR for n in range(windows)))
    nothing, none = np.zeros(shape), np.zeros(shape, np.int64)
    found = Derived(
        begins=begins, ends=begins + HOUR, value=nothing, numerator=nothing, denominator=nothing,
        coverage=nothing, observed=none, flagged=none, present=nothing > 0,
        spoken=np.zeros(windows, np.bool_), valid=(), reasons=np.full(shape, "", object),
    )  # fmt: skip
    around = Circumstances(nothing > 0, np.zeros(shape[1], np.int64), [[]] * shape[1], NOON)
    w, g = np.indices(shape).reshape(2, -1)
    return Columns(made, found, around, w, g)


def test_a_station_is_counted_once_however_many_inputs_it_feeds() -> None:
    made = columns(1)
    assert made.plan.groups == ("", "north", "south")
    took = np.ones((1, len(made.plan.contributing.rows)), np.bool_)
    assert made.station_counts(took) == [3, 1, 1]
    ids = np.array([row.id for row in TOWN], np.int32)
    assert [len(each) for each in made.stations(took, ids)] == [5, 2, 1]


def test_a_rule_of_facts_alone_has_no_station() -> None:
    made = columns(2, "energy.saifi.year")
    assert set(made.station_counts(np.zeros((2, 0), np.bool_))) == {0}


@given(st.data())
def test_they_are_the_sensors_of_the_series_that_took_part(data: st.DataObject) -> None:
    made = columns(2)
    who = made.plan.contributing
    said = data.draw(
        st.lists(st.booleans(), min_size=2 * len(who.rows), max_size=2 * len(who.rows))
    )
    took = np.array(said).reshape(2, -1)
    sensor = {row.id: row.key.sensor for row in TOWN}
    ids = np.array([row.id for row in TOWN], np.int32)
    series_ids = made.stations(took, ids)
    assert made.station_counts(took) == [len({sensor[one] for one in each}) for each in series_ids]
