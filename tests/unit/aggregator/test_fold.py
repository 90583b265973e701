"""The streaming fold, the range refold and a slow twin agree, whatever arrives in which order."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.backlog import Request
from aggregator.buckets import Buckets
from aggregator.kernels.fold import BUCKET, NONE
from aggregator.refolding import plan_loads, refold
from aggregator.series_table import SeriesTable
from cityvitals.domain.arrays import READING, ROLLUP, Records
from cityvitals.domain.names import Flag, Kind, Stamp
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.store.model import SeriesRow

START = 1_700_000_100 * 1_000_000 // BUCKET * BUCKET
FIELDS = [name for name in ROLLUP.names or () if name != "pad"]


@dataclass(frozen=True)
class Case:
    declaration: Declaration
    t: list[int]
    v: list[float]
    flags: list[int]


def series_table(*declared: Declaration) -> SeriesTable:
    table = SeriesTable()
    rows = [
        SeriesRow(
            id=row + 7,
            key=SeriesKey("c", f"s{row}", "pm2_5"),
            domain="air",
            gateway=1,
            sensor_id=row + 1,
            declarations=(one,),
            placements=(),
        )
        for row, one in enumerate(declared)
    ]
    table.update(rows)
    return table


def readings_of(case: Case) -> Records:
    found = np.zeros(len(case.t), READING)
    found["t"], found["v"], found["flags"], found["series"] = case.t, case.v, case.flags, 7
    return found


declarations = st.one_of(
    st.builds(
        Declaration,
        kind=st.just(Kind.GAUGE),
        reporting_s=st.sampled_from([10.0, 60.0, 700.0, 3600.0]),
    ),
    st.builds(
        Declaration,
        kind=st.sampled_from([Kind.INTERVAL_MEAN, Kind.INTERVAL_TOTAL]),
        period_s=st.sampled_from([60.0, 300.0, 900.0, 1800.0, 3600.0]),
        stamp=st.sampled_from(list(Stamp)),
    ),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    declaration = draw(declarations)
    step = 15_000_000
    t = draw(st.lists(st.integers(0, 600), min_size=1, max_size=40, unique=True))
    t = sorted(START + one * step + draw(st.sampled_from([0, 0, 1, 999_999])) for one in t)
    v = draw(st.lists(st.floats(-1e6, 1e6, width=32), min_size=len(t), max_size=len(t)))
    flags = draw(
        st.lists(
            st.sampled_from([0, 0, 0, int(Flag.FAULT_CODE), int(Flag.UNIT_CHANGED)]),
            min_size=len(t),
            max_size=len(t),
        )
    )
    return Case(declaration, t, v, flags)


Stored = dict[int, tuple[float, ...]]


def streamed(case: Case, cuts: list[int]) -> Stored:
    """Buckets after streaming the readings in batches, recomputing what came late."""
    table = series_table(case.declaration)
    buckets = Buckets(table)
    buckets.grow()
    stored: dict[int, tuple[float, ...]] = {}
    readings = readings_of(case)
    edges = [0, *sorted(cuts), len(readings)]
    for low, high in pairwise(edges):
        part = readings[low:high]
        fold_batch(table, buckets, part, readings[:high], stored)
    opened = buckets.open_rows(np.array([0]))
    take(opened, stored)
    return stored


def fold_batch(
    table: SeriesTable, buckets: Buckets, part: Records, known: Records, stored: Stored
) -> None:
    rows = table.rows(part["series"])
    folded = buckets.fold(rows, part["t"].copy(), part["v"].copy(), part["flags"].copy())
    take(folded.closed, stored)
    if not len(folded.late_t):
        return
    begin = int(folded.late_t.min() - table.ahead[0])
    end = int(folded.late_t.max() + max(table.back[0], 1))
    request = Request(0, begin - begin % BUCKET, -(-end // BUCKET) * BUCKET)
    for load in plan_loads([request], table, buckets):
        inside = known[(known["t"] >= load.begin) & (known["t"] < load.end)]
        take(refold(load, inside, table, buckets).rollups, stored)


def take(rollups: Records, stored: dict[int, tuple[float, ...]]) -> None:
    for row in rollups:
        values = tuple(row[name].item() for name in FIELDS)
        if row["count"] == 0 and row["flagged"] == 0 and row["covered"] == 0:
            stored.pop(int(row["bucket"]), None)
        else:
            stored[int(row["bucket"])] = values


def refolded(case: Case) -> dict[int, tuple[float, ...]]:
    """Buckets recomputed from all readings at once."""
    table = series_table(case.declaration)
    buckets = Buckets(table)
    buckets.grow()
    buckets.state[0]["last_seen"] = max(case.t)
    request = Request(0, START - 8 * BUCKET, START + 24 * BUCKET)
    stored: dict[int, tuple[float, ...]] = {}
    for load in plan_loads([request], table, buckets):
        take(refold(load, readings_of(case), table, buckets).rollups, stored)
    return stored


@given(case=cases(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_streamed_in_order_equals_refolded(case: Case, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(case.t)), max_size=4))
    assert streamed(case, cuts) == refolded(case)


@given(case=cases(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_arrival_order_does_not_matter(case: Case, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(case.t)))))
    shuffled = Case(
        case.declaration,
        [case.t[i] for i in order],
        [case.v[i] for i in order],
        [case.flags[i] for i in order],
    )
    cuts = data.draw(st.lists(st.integers(0, len(case.t)), max_size=8))
    assert streamed(shuffled, cuts) == refolded(case)


def slow(case: Case) -> dict[int, tuple[int, int, float, int]]:
    """The definition, one reading and one bucket at a time: count, flagged, integral, covered."""
    declaration = case.declaration
    good = [
        (t, v)
        for t, v, flag in zip(case.t, case.v, case.flags, strict=True)
        if flag != Flag.FAULT_CODE
    ]
    spans = []
    for i, (t, v) in enumerate(good):
        begin, end = declaration.span(t)
        if declaration.kind == Kind.GAUGE and i + 1 < len(good):
            end = min(end, good[i + 1][0])
        spans.append((begin, end, v))
    found = {}
    for bucket in range(START - 8 * BUCKET, START + 24 * BUCKET, BUCKET):
        upto = bucket + BUCKET
        overlaps = [(max(0, min(end, upto) - max(begin, bucket)), v) for begin, end, v in spans]
        if declaration.kind == Kind.INTERVAL_TOTAL:
            integral = sum(v * overlap / declaration.period_us for overlap, v in overlaps)
        else:
            integral = sum(v * overlap / 1e6 for overlap, v in overlaps)
        count = sum(bucket <= begin < upto for begin, _, _ in spans)
        flagged = sum(
            flag == Flag.FAULT_CODE and bucket <= declaration.span(t)[0] < upto
            for t, flag in zip(case.t, case.flags, strict=True)
        )
        covered = sum(overlap for overlap, _ in overlaps)
        if count or flagged or covered:
            found[bucket] = (count, flagged, integral, covered)
    return found


@given(case=cases())
@settings(max_examples=300, deadline=None)
def test_refolded_equals_the_definition(case: Case) -> None:
    at = {name: FIELDS.index(name) for name in FIELDS}
    expected = slow(case)
    found = refolded(case)
    assert found.keys() == expected.keys()
    for bucket, (count, flagged, integral, covered) in expected.items():
        row = found[bucket]
        assert (row[at["count"]], row[at["flagged"]]) == (count, flagged)
        assert row[at["covered"]] == covered
        np.testing.assert_allclose(row[at["integral"]], integral, rtol=1e-9, atol=1e-3)


def test_a_reading_on_an_edge_belongs_to_the_bucket_it_begins() -> None:
    case = Case(Declaration(Kind.GAUGE, reporting_s=10.0), [START + BUCKET], [1.0], [0])
    assert list(refolded(case)) == [START + BUCKET]


def test_an_hourly_mean_fills_four_buckets_and_counts_once() -> None:
    declared = Declaration(Kind.INTERVAL_MEAN, period_s=3600.0, stamp=Stamp.BEGIN)
    found = refolded(Case(declared, [START], [5.0], [0]))
    at = FIELDS.index("count")
    assert [row[at] for row in found.values()] == [1, 0, 0, 0]
    assert [row[FIELDS.index("integral")] for row in found.values()] == [4500.0] * 4


def test_nothing_is_open_where_nothing_came() -> None:
    table = series_table(Declaration(Kind.GAUGE, reporting_s=10.0))
    buckets = Buckets(table)
    buckets.grow()
    assert not len(buckets.open_rows(np.array([0])))
    assert buckets.state["bucket"][0] == NONE
