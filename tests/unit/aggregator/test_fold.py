"""The streaming fold, the range refold and a slow twin agree, whatever arrives in which order."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.backlog import Request
from aggregator.buckets import Buckets
from aggregator.kernels.partial import BUCKET, NONE
from aggregator.refolding import plan_loads, refold
from aggregator.series_table import SeriesTable
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.arrays import READING, ROLLUP, Records
from cityvitals.domain.names import Flag, Kind, Stamp
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.store.audit import DeclaredRow
from cityvitals.store.model import SeriesRow
from tests.unit.verify.test_fold import Bucket, by_definition

STEP = 15_000_000
START = 1_700_000_100 * 1_000_000 // BUCKET * BUCKET
FIELDS = ROLLUP.names or ()


@dataclass(frozen=True)
class Case:
    declared: tuple[Declaration, ...]
    t: list[int]
    v: list[float]
    flags: list[int]
    quantity: str = "air_temperature"


def series_table(*declared: Declaration, quantity: str = "air_temperature") -> SeriesTable:
    """One series, and what it declares."""
    table = SeriesTable()
    row = SeriesRow(
        id=7,
        key=SeriesKey("c", "s", quantity),
        domain="air",
        gateway=1,
        sensor_id=1,
        declarations=declared,
        placements=(),
    )
    table.update([row])
    return table


def table_of(case: Case) -> SeriesTable:
    return series_table(*case.declared, quantity=case.quantity)


def readings_of(case: Case) -> Records:
    found = np.zeros(len(case.t), READING)
    found["t"], found["v"], found["flags"], found["series"] = case.t, case.v, case.flags, 7
    return found


declarations = st.one_of(
    st.builds(
        Declaration,
        kind=st.sampled_from([Kind.GAUGE, Kind.EVENT, Kind.STATE]),
        reporting_s=st.sampled_from([10.0, 60.0, 700.0, 3600.0]),
    ),
    st.builds(
        Declaration,
        kind=st.just(Kind.COUNTER),
        reporting_s=st.sampled_from([60.0, 700.0, 3600.0, 86_400.0]),
        modulus=st.sampled_from([0.0, 100.0, 1e7]),
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
    declared = draw(st.lists(declarations, min_size=1, max_size=2))
    if len(declared) == 2:
        since = START + draw(st.integers(0, 600)) * STEP
        declared[1] = replace(declared[1], since_us=since)
    gauges = {one.kind for one in declared} <= {Kind.GAUGE, Kind.INTERVAL_MEAN}
    quantity = draw(st.sampled_from(["air_temperature", "noise_laeq"] if gauges else ["pm2_5"]))
    ticks = st.one_of(st.integers(0, 600), st.sampled_from([60, 120, 540, 6360, 6400, 9000]))
    t = draw(st.lists(ticks, min_size=1, max_size=40, unique=True))
    t = sorted(START + one * STEP + draw(st.sampled_from([0, 0, 1, 999_999])) for one in t)
    numbers = st.floats(-1e6, 1e6, width=32)
    if quantity == "noise_laeq":
        numbers = st.floats(-20.0, 140.0, width=32)
    v = draw(
        st.lists(
            st.one_of(numbers, st.sampled_from([0.0, 1.0, 2.0, 9.0])),
            min_size=len(t),
            max_size=len(t),
        )
    )
    flags = draw(
        st.lists(
            st.sampled_from([0, 0, 0, int(Flag.FAULT_CODE), int(Flag.UNIT_CHANGED)]),
            min_size=len(t),
            max_size=len(t),
        )
    )
    return Case(tuple(declared), t, v, flags, quantity)


Stored = dict[int, tuple[float, ...]]


def streamed(case: Case, cuts: list[int]) -> Stored:
    """Buckets after streaming the readings in batches, recomputing what came late."""
    table = table_of(case)
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
    known = known[np.unique(known["t"], return_index=True)[1]]  # a key is stored once
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
        if not any(row[name] for name in ("count", "flagged", "covered", "estimated")):
            stored.pop(int(row["bucket"]), None)
        else:
            stored[int(row["bucket"])] = values


def refolded(case: Case) -> dict[int, tuple[float, ...]]:
    """Buckets recomputed from all readings at once."""
    table = table_of(case)
    buckets = Buckets(table)
    buckets.grow()
    buckets.state[0]["last_seen"] = max(case.t)
    request = Request(0, START - 8 * BUCKET, max(case.t) // BUCKET * BUCKET + 8 * BUCKET)
    stored: dict[int, tuple[float, ...]] = {}
    for load in plan_loads([request], table, buckets):
        take(refold(load, readings_of(case), table, buckets).rollups, stored)
    return stored


@given(case=cases(), data=st.data())
@settings(max_examples=120, deadline=None)
def test_streamed_in_order_equals_refolded(case: Case, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(case.t)), max_size=4))
    assert streamed(case, cuts) == refolded(case)


@given(case=cases(), data=st.data())
@settings(max_examples=120, deadline=None)
def test_arrival_order_does_not_matter(case: Case, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(case.t)))))
    shuffled = Case(
        case.declared,
        [case.t[i] for i in order],
        [case.v[i] for i in order],
        [case.flags[i] for i in order],
        case.quantity,
    )
    cuts = data.draw(st.lists(st.integers(0, len(case.t)), max_size=8))
    assert streamed(shuffled, cuts) == refolded(case)


@given(case=cases(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_comes_twice_changes_nothing(case: Case, data: st.DataObject) -> None:
    """As after a restart, when the log is folded again from a checkpoint that lies before."""
    again = data.draw(st.integers(0, len(case.t)))
    rows = [*range(len(case.t)), *range(again)]
    twice = Case(
        case.declared,
        [case.t[i] for i in rows],
        [case.v[i] for i in rows],
        [case.flags[i] for i in rows],
        case.quantity,
    )
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=4))
    assert streamed(twice, cuts) == refolded(case)


def slow(case: Case) -> dict[int, Bucket]:
    """The definition, one reading and one bucket at a time, in exact numbers."""
    declared = [
        DeclaredRow(
            7, "meta", one.kind, one.period_s, one.stamp, one.reporting_s, one.since_us, "",
            one.modulus,
        )
        for one in case.declared
    ]  # fmt: skip
    bad = Flag.FAULT_CODE
    rows = [(t, v, int(flag == bad)) for t, v, flag in zip(case.t, case.v, case.flags, strict=True)]
    known = load_catalogue().quantities[case.quantity]
    step = math.inf if known.step is None else known.step
    return by_definition(rows, declared, is_level=known.is_level, step=step)


@given(case=cases())
@settings(max_examples=120, deadline=None)
def test_refolded_equals_the_definition(case: Case) -> None:
    expected = slow(case)
    found = refolded(case)
    assert found.keys() == expected.keys()
    for bucket, want in expected.items():
        row = dict(zip(FIELDS, found[bucket], strict=True))
        for name in ("count", "flagged", "covered", "estimated", "repeated", "stepped"):
            assert row[name] == getattr(want, name), name
        assert (row["min"], row["max"]) == (want.min, want.max)
        assert ((row["first_t"], row["first_v"]), (row["last_t"], row["last_v"])) == (
            want.first,
            want.last,
        )
        for name in ("sum", "sumsq", "integral", "increase"):
            wanted = float(getattr(want, name))
            np.testing.assert_allclose(row[name], wanted, rtol=1e-9, atol=1e-3)


def test_a_reading_on_an_edge_belongs_to_the_bucket_it_begins() -> None:
    case = Case((Declaration(Kind.GAUGE, reporting_s=10.0),), [START + BUCKET], [1.0], [0])
    assert list(refolded(case)) == [START + BUCKET]


def test_an_hourly_mean_fills_four_buckets_and_counts_once() -> None:
    declared = Declaration(Kind.INTERVAL_MEAN, period_s=3600.0, stamp=Stamp.BEGIN)
    found = refolded(Case((declared,), [START], [5.0], [0]))
    at = FIELDS.index("count")
    assert [row[at] for row in found.values()] == [1, 0, 0, 0]
    assert [row[FIELDS.index("integral")] for row in found.values()] == [4500.0] * 4


def test_nothing_is_open_where_nothing_came() -> None:
    table = series_table(Declaration(Kind.GAUGE, reporting_s=10.0))
    buckets = Buckets(table)
    buckets.grow()
    assert not len(buckets.open_rows(np.array([0])))
    assert buckets.state["bucket"][0] == NONE
