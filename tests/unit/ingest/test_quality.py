import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.limits import Limit
from cityvitals.domain.names import Flag, Kind
from cityvitals.domain.series import Declaration
from ingest.quality import Arrived, Bounds, fault_row, flags_of, limit_of
from tests.unit.ingest.city import CATALOGUE

VALUES = st.sampled_from([-999.0, -1.0, 0.0, 5.0, 85.0, 1e300, -1e300]) | st.floats(
    allow_nan=False, allow_infinity=False
)
BOUND = st.just(math.nan) | VALUES
TIMES = st.integers(-(2**40), 2**40)
ROW = st.tuples(
    VALUES, VALUES, BOUND, BOUND, st.lists(VALUES, max_size=3), TIMES, TIMES, st.booleans()
)


def slow(row: tuple[float, float, float, float, list[float], int, int, bool], skew_us: int) -> int:
    """One reading, by the definition."""
    raw, value, low, high, codes, end, received, live = row
    flags = 0
    if (not math.isnan(low) and value < low) or (not math.isnan(high) and value > high):
        flags += 4
    if raw in codes:
        flags += 8
    if live and end > received + skew_us:
        flags += 16
    return flags


@given(st.lists(ROW, max_size=20), st.integers(0, 2**41))
def test_all_readings_at_once_are_flagged_as_one_by_one(
    rows: list[tuple[float, float, float, float, list[float], int, int, bool]], skew_us: int
) -> None:
    faults = np.full((len(rows), 3), math.nan)
    for place, row in enumerate(rows):
        faults[place, : len(row[4])] = row[4]
    raw, value, low, high = (np.array([row[k] for row in rows], np.float64) for k in range(4))
    ends, received = (np.array([row[k] for row in rows], np.int64) for k in (5, 6))
    live = np.array([row[7] for row in rows], np.bool_)
    before = raw.copy(), value.copy()
    found = flags_of(raw, value, Bounds(low, high, faults), Arrived(ends, received, live), skew_us)
    assert found.dtype == np.int32
    assert found.tolist() == [slow(row, skew_us) for row in rows]
    assert (raw == before[0]).all() and (value == before[1]).all()


def test_a_fault_code_is_what_is_sent_and_not_what_it_converts_to() -> None:
    none = np.full(2, math.nan)
    bounds = Bounds(none, none, np.full((2, 1), -999.0))
    arrived = Arrived(np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.bool_))
    sent, canonical = np.array([-999.0, -0.999]), np.array([-999_000.0, -999.0])
    assert flags_of(sent, canonical, bounds, arrived, 0).tolist() == [Flag.FAULT_CODE, 0]


def test_the_registry_comes_before_the_catalogue_as_a_whole() -> None:
    known = CATALOGUE.quantities["no2"]
    gauge = Declaration(Kind.GAUGE, reporting_s=60)
    assert limit_of(known, gauge) == (known.low, known.high)
    low, high = limit_of(known, gauge, Limit(None, 7.0))
    assert math.isnan(low) and high == 7.0


@pytest.mark.parametrize(
    ("kind", "period_s", "times"),
    [
        (Kind.INTERVAL_TOTAL, 86_400, 24),
        (Kind.INTERVAL_TOTAL, 900, 0.25),
        (Kind.INTERVAL_MEAN, 86_400, 1),
        (Kind.GAUGE, 0, 1),
    ],
)
def test_totals_are_judged_in_proportion_to_their_period(
    kind: Kind, period_s: float, times: float
) -> None:
    known = CATALOGUE.quantities["precipitation"]
    declared = Declaration(kind, period_s)
    assert limit_of(known, declared) == (0, 400 * times)
    assert limit_of(known, declared, Limit(-1.0, 2.0)) == (-times, 2 * times)
    # A quantity that is no total by itself says nothing of totals.
    gauge = replace(declared, kind=Kind.INTERVAL_TOTAL)
    assert limit_of(CATALOGUE.quantities["water_flow"], gauge) == (-100_000, 100_000)


def test_codes_are_filled_up() -> None:
    codes = fault_row(CATALOGUE.quantities["pm10"])
    assert codes == (-999, -9999, 9999, 65535)
    assert np.isnan(fault_row(CATALOGUE.quantities["travel_time"])).all()
