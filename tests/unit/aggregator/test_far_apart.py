"""Times far apart, before 1970, and domains that do not match: each was once a wrong number."""

import numpy as np

from aggregator.columns import no_cells
from aggregator.kernels.partial import BUCKET
from aggregator.kernels.windows import fold_windows, put_cells
from aggregator.plan import make_plan
from aggregator.series_table import SeriesTable
from aggregator.shard import _merged
from cityvitals.domain.arrays import ROLLUP
from cityvitals.domain.names import Kind
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.store.model import CityRow, SeriesRow, ShardModel
from kpi_rules.built import sift
from kpi_rules.load import load_rules

YEAR = 365 * 96 * BUCKET


def test_late_readings_of_series_that_are_decades_apart_stay_apart() -> None:
    rows = np.array([0, 1, 1])
    begin = np.array([40 * YEAR, -60 * YEAR, 0]) // BUCKET * BUCKET
    assert _merged(rows, begin, begin + BUCKET) == [
        (row, low, low + BUCKET) for row, low in zip(rows.tolist(), begin.tolist(), strict=True)
    ]


def test_touching_intervals_of_one_series_are_one() -> None:
    begin = np.array([2, 0, 1, 5]) * BUCKET
    found = _merged(np.zeros(4, np.int64), begin, begin + BUCKET)
    assert found == [(0, 0, 3 * BUCKET), (0, 5 * BUCKET, 6 * BUCKET)]


def test_buckets_before_1970_enter_windows() -> None:
    cells = no_cells(1, 132)
    rollups = np.zeros(2, ROLLUP)
    rollups["bucket"] = [-2 * BUCKET, -BUCKET]
    rollups["integral"], rollups["covered"], rollups["count"] = 9000.0, BUCKET, 1
    put_cells(cells, rollups)
    one, out = np.zeros(1, np.int64), np.empty((1, 1, 4))
    fold_windows(cells, one, one - 2**40, one + 2**40, one - 4, one, one, out)
    assert out[0, 0].tolist() == [18000.0, 2.0 * BUCKET, 2.0, 0.0]


def test_a_rule_waits_for_gateways_of_another_domain_that_feed_it() -> None:
    table = SeriesTable()
    series = SeriesRow(
        id=1,
        key=SeriesKey("c", "s", "no2"),
        domain="weather",
        gateway=7,
        sensor_id=1,
        declarations=(Declaration(Kind.GAUGE, reporting_s=60.0),),
        placements=((0, "z"),),
    )
    table.update([series])
    city = CityRow("c", "UTC", "live", 0, 0)
    model = ShardModel((city,), (("c", "z"),), (), (series,), ())
    plan = make_plan(model, table, sift(load_rules())[0])
    for zone in ("", "z"):
        assert plan.watchers["c", zone, "air"] == (7,)
