"""Which series stand where when, and feed what."""

import numpy as np

from aggregator.members import placed
from aggregator.plan import EVERY_DOMAIN, make_plan
from cityvitals.domain.names import Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from tests.unit.aggregator.small_city import (
    HOUR,
    MINUTE,
    NOON,
    NORTH,
    SOUTH,
    TOTAL,
    model,
    plan,
    rule,
    series,
    table,
)

NOON_NUMBER = NOON // BUCKET_US
FOR_EVER = 2**40
MEAN = Declaration(Kind.INTERVAL_MEAN, period_s=3600, stamp=Stamp.END)


def test_a_placement_counts_from_the_next_quarter_hour_on() -> None:
    one = series(1, places=((EARLIEST_US, "north"), (NOON + 1, "south"), (NOON + HOUR, "north")))
    first = EARLIEST_US // BUCKET_US
    assert placed(one) == [
        ("north", first, NOON_NUMBER + 1),
        ("south", NOON_NUMBER + 1, NOON_NUMBER + 4),
        ("north", NOON_NUMBER + 4, FOR_EVER),
    ]


def test_no_zone_is_no_place_and_who_moved_on_within_a_quarter_hour_never_stood_there() -> None:
    one = series(
        1,
        places=(
            (NOON, "north"),
            (NOON + 1, "south"),
            (NOON + 10 * MINUTE, None),
            (NOON + HOUR, "south"),
        ),
    )
    assert placed(one) == [
        ("north", NOON_NUMBER, NOON_NUMBER + 1),
        ("south", NOON_NUMBER + 4, FOR_EVER),
    ]
    assert placed(series(2)) == []


def test_the_city_comes_first_then_its_zones_each_in_order_of_natural_keys() -> None:
    found = plan(
        "air.pm2_5.hour",
        series(1, places=SOUTH, sensor="z"),
        series(2, places=NORTH, sensor="m"),
        series(3, places=SOUTH, sensor="a"),
        series(4, sensor="b"),
    )
    assert found.groups == ("", "north", "south")
    (members,) = found.members
    assert members.offsets.tolist() == [0, 4, 5, 7]
    assert members.rows.tolist() == [2, 3, 1, 0, 1, 2, 0]
    assert (members.since[:4] == -FOR_EVER).all()


def test_only_kinds_with_the_statistic_feed_a_rule() -> None:
    found = plan(
        "air.pm2_5.hour", series(1), series(2, "pm2_5", TOTAL), series(3, "pm2_5", MEAN),
        series(4, "pm10"),
    )  # fmt: skip
    assert found.feeds.tolist() == [True, False, True, False]
    energy = plan("energy.electricity.hour", series(1, "electricity_energy", TOTAL))
    assert energy.feeds.tolist() == [True]


def test_the_newest_declaration_tells_the_kind() -> None:
    later = Declaration(Kind.INTERVAL_TOTAL, period_s=900, since_us=NOON)
    rows = [series(1, "pm2_5", Declaration(Kind.GAUGE, reporting_s=60), later)]
    assert make_plan(model(rows), table(rows), [rule("air.pm2_5.hour")]).rules == ()


def test_a_rule_that_nothing_feeds_has_no_plan() -> None:
    rows = [series(1, "pm10")]
    found = make_plan(model(rows), table(rows), [rule("air.pm2_5.hour"), rule("air.pm10.hour")])
    assert [one.rule.id for one in found.rules] == ["air.pm10.hour"]


def test_a_zone_is_watched_by_the_gateways_of_those_who_stand_there_now() -> None:
    rows = [
        series(1, places=NORTH, gateway=1),
        series(2, places=((EARLIEST_US, "north"), (NOON, "south")), gateway=2),
        series(3, "electricity_energy", TOTAL, places=NORTH, gateway=2),
    ]
    assert make_plan(model(rows), table(rows), []).watchers == {
        ("c", "", "air"): (1, 2),
        ("c", "north", "air"): (1,),
        ("c", "south", "air"): (2,),
        ("c", "", "energy"): (2,),
        ("c", "north", "energy"): (2,),
        ("c", "", EVERY_DOMAIN): (1, 2),
        ("c", "north", EVERY_DOMAIN): (1, 2),
        ("c", "south", EVERY_DOMAIN): (2,),
    }


def test_a_gateway_may_be_silent_for_thrice_its_slowest_period() -> None:
    rows = [series(1), series(2, "pm2_5", MEAN), series(3, gateway=2)]
    assert make_plan(model(rows), table(rows), []).patience == {1: 10800.0, 2: 180.0}


def test_rows_stay_with_their_series() -> None:
    made = table([series(1), series(2)])
    made.update([series(3), series(2, places=NORTH), series(1)])
    assert made.ids.tolist() == [101, 102, 103]
    assert made.series[1].placements == tuple(NORTH)
    assert made.rows(np.array([103, 99, 101, 5000], np.int32)).tolist() == [2, -1, 0, -1]


def test_the_declaration_that_was_in_force_applies() -> None:
    old = Declaration(Kind.GAUGE, reporting_s=60, since_us=NOON - HOUR)
    new = Declaration(Kind.GAUGE, reporting_s=600, since_us=NOON)
    made = table([series(1), series(2, "pm2_5", old, new)])
    t = np.array([NOON, NOON - 2 * HOUR, NOON - 1, NOON, NOON + 1])
    rows = np.array([0, 1, 1, 1, 1])
    assert made.declaration(rows, t).tolist() == [0, 1, 1, 2, 2]
