"""What counters, events, states and levels come to in quarter hours, by examples and by laws."""

import csv
import gzip
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.kernels.partial import BUCKET
from cityvitals.domain.names import Flag, Kind, Stamp
from cityvitals.domain.series import Declaration
from tests.unit.aggregator.test_fold import FIELDS, START, Case, refolded, streamed

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
COUNTER = Declaration(Kind.COUNTER, reporting_s=900.0)


def folded(
    declared: Declaration,
    said: list[tuple[int, float]],
    quantity: str = "water_volume",
    flagged: tuple[int, ...] = (),
) -> dict[int, dict[str, float]]:
    """Rows by bucket, counted from START; streamed one by one, which a refold must agree with."""
    flags = [int(Flag.FAULT_CODE) if nth in flagged else 0 for nth in range(len(said))]
    case = Case((declared,), [START + t for t, _ in said], [v for _, v in said], flags, quantity)
    found = streamed(case, list(range(len(said))))
    whole = {bucket: row for bucket, row in refolded(case).items() if bucket in found}
    assert found == whole
    return {
        (bucket - START) // BUCKET: dict(zip(FIELDS, row, strict=True))
        for bucket, row in sorted(found.items())
    }


def column(rows: dict[int, dict[str, float]], name: str) -> dict[int, float]:
    return {at: row[name] for at, row in rows.items()}


def test_a_rise_across_an_edge_is_apportioned_by_time() -> None:
    rows = folded(COUNTER, [(5 * MINUTE, 100.0), (25 * MINUTE, 104.0)])
    assert column(rows, "increase") == pytest.approx({0: 2.0, 1: 2.0})
    assert column(rows, "covered") == {0: 10 * MINUTE, 1: 10 * MINUTE}
    assert column(rows, "estimated") == {0: 0, 1: 0}


def test_readings_on_edges_give_each_quarter_hour_its_own() -> None:
    rows = folded(COUNTER, [(n * BUCKET, float(n * n)) for n in range(4)])
    assert column(rows, "increase") == {0: 1.0, 1: 3.0, 2: 5.0, 3: 0.0}
    assert column(rows, "integral") == column(rows, "increase")


def test_a_reset_counts_from_zero() -> None:
    rows = folded(COUNTER, [(0, 90.0), (5 * MINUTE, 100.0), (10 * MINUTE, 3.0)])
    assert column(rows, "increase") == {0: 13.0}


def test_a_roll_over_counts_on_from_the_modulus() -> None:
    declared = Declaration(Kind.COUNTER, reporting_s=900.0, modulus=1000.0)
    rows = folded(declared, [(0, 990.0), (5 * MINUTE, 7.0)])
    assert column(rows, "increase") == {0: 17.0}


def test_a_long_gap_is_apportioned_and_estimated() -> None:
    rows = folded(COUNTER, [(0, 0.0), (HOUR, 8.0), (HOUR + 10 * MINUTE, 9.0)])
    assert column(rows, "increase") == pytest.approx({0: 2.0, 1: 2.0, 2: 2.0, 3: 2.0, 4: 1.0})
    assert column(rows, "estimated") == {0: BUCKET, 1: BUCKET, 2: BUCKET, 3: BUCKET, 4: 0}
    assert column(rows, "covered") == {0: 0, 1: 0, 2: 0, 3: 0, 4: 10 * MINUTE}


def test_over_more_than_a_day_nobody_knows() -> None:
    rows = folded(COUNTER, [(0, 0.0), (DAY + 1, 50.0), (DAY + HOUR, 51.0)])
    assert sum(column(rows, "increase").values()) == pytest.approx(1.0)
    whole_day = folded(COUNTER, [(0, 0.0), (DAY, 50.0)])
    assert sum(column(whole_day, "increase").values()) == pytest.approx(50.0)


def test_a_flagged_reading_is_passed_over_though_it_opened_a_bucket() -> None:
    said = [(0, 10.0), (20 * MINUTE, 9e9), (22 * MINUTE, 12.2)]
    rows = folded(COUNTER, said, flagged=(1,))
    assert column(rows, "increase") == pytest.approx({0: 1.5, 1: 0.7})
    assert column(rows, "flagged") == {0: 0, 1: 1}


@given(
    steps=st.lists(st.tuples(st.integers(1, 20 * 60), st.floats(0, 1e4)), min_size=2, max_size=30),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_increases_add_up_to_the_whole_rise(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    times = list(accumulate(gap * MINUTE for gap, _ in steps))
    shown = list(accumulate(rise for _, rise in steps))
    case = Case((COUNTER,), [START + t for t in times], shown, [0] * len(times), "water_volume")
    order = data.draw(st.permutations(range(len(times))))
    shuffled = Case(
        case.declared, [case.t[i] for i in order], [shown[i] for i in order], case.flags,
        case.quantity,
    )  # fmt: skip
    found = streamed(shuffled, data.draw(st.lists(st.integers(0, len(times)), max_size=3)))
    at = FIELDS.index("increase")
    total = sum(row[at] for row in found.values())
    assert total == pytest.approx(shown[-1] - shown[0], rel=1e-9, abs=1e-6)


def test_measured_intervals_counted_up_come_back() -> None:
    """A steel plant's quarter hours as the counter that they would have been read from."""
    folder = Path(__file__).parents[2] / "data" / "steel"
    with gzip.open(folder / "steel_2018-12-18_2018-12-31.csv.gz", "rt") as file:
        used = [float(row["Usage_kWh"]) for row in csv.DictReader(file)][:300]
    shown = [0.0, *accumulate(used)]
    rows = folded(COUNTER, [(n * BUCKET, value) for n, value in enumerate(shown)])
    assert [row["increase"] for row in rows.values()][:-1] == pytest.approx(used, abs=1e-9)
    odd = [(n * BUCKET + 7 * MINUTE, value) for n, value in enumerate(shown)]
    apportioned = [row["increase"] for row in folded(COUNTER, odd).values()]
    expected = [used[0] * 8 / 15]
    expected += [before * 7 / 15 + after * 8 / 15 for before, after in pairwise(used)]
    assert apportioned[:-1] == pytest.approx(expected, abs=1e-9)


def test_events_are_counted_and_added_up_and_none_is_zero() -> None:
    declared = Declaration(Kind.EVENT, reporting_s=1800.0)
    rows = folded(declared, [(0, 2.0), (5 * MINUTE, 3.0), (40 * MINUTE, 1.0)])
    assert column(rows, "integral")[0] == 5.0
    assert (rows[1]["count"], rows[1]["integral"], rows[1]["covered"]) == (0, 0.0, BUCKET)
    assert (rows[2]["count"], rows[2]["integral"]) == (1, 1.0)
    assert max(rows) == 5  # 45 minutes after the last


def test_a_state_has_the_seconds_and_every_change() -> None:
    declared = Declaration(Kind.STATE, reporting_s=600.0)
    rows = folded(declared, [(0, 1.0), (5 * MINUTE, 0.0), (6 * MINUTE, 0.0), (10 * MINUTE, 1.0)])
    assert rows[0]["integral"] == pytest.approx(600.0)  # 5 minutes, and 5 more
    assert (rows[0]["stepped"], rows[0]["repeated"]) == (2, 1)


def test_a_sample_repeats_or_steps_only_while_the_one_before_holds() -> None:
    declared = Declaration(Kind.GAUGE, reporting_s=60.0)
    said = [(0, 5.0), (MINUTE, 5.0), (2 * MINUTE, 9.0), (5 * MINUTE, 9.0), (6 * MINUTE, 7.5)]
    rows = folded(declared, said, "air_temperature")
    assert (rows[0]["repeated"], rows[0]["stepped"]) == (1, 1)


def test_a_level_is_integrated_as_power() -> None:
    declared = Declaration(Kind.INTERVAL_MEAN, period_s=900.0, stamp=Stamp.BEGIN)
    rows = folded(declared, [(0, 50.0), (BUCKET, 60.0)], "noise_laeq")
    assert rows[0]["integral"] == pytest.approx(900 * 1e5, rel=1e-12)
    assert rows[1]["integral"] == pytest.approx(900 * 1e6, rel=1e-12)
    assert (rows[1]["min"], rows[1]["max"], rows[1]["sum"]) == (60.0, 60.0, 60.0)
