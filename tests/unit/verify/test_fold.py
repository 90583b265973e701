"""The vectorised fold against the definition, bucket by bucket and reading by reading, exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import INTERVALS, Flag, Kind, Stamp
from cityvitals.store.audit import DeclaredRow
from cityvitals.verify.fold import QUARTER, fold, open_from, span

SECOND = 1_000_000
NOON = 1_700_049_600 * SECOND
HELD = {Kind.GAUGE, Kind.EVENT, Kind.STATE}


@dataclass
class Bucket:
    """One bucket by the definition, in exact arithmetic."""

    count: int = 0
    flagged: int = 0
    sum: Fraction = Fraction(0)
    sumsq: Fraction = Fraction(0)
    min: float = math.inf
    max: float = -math.inf
    first: tuple[int, float] = (0, 0.0)
    last: tuple[int, float] = (0, 0.0)
    integral: Fraction = Fraction(0)
    increase: Fraction = Fraction(0)
    covered: int = 0
    estimated: int = 0
    repeated: int = 0
    stepped: int = 0


def declaration(
    kind: Kind,
    period_s: float = 0,
    stamp: Stamp = Stamp.END,
    reporting_s: float = 60,
    since_us: int = -(2**62),
    source: str = "meta",
    modulus: float = 0.0,
) -> DeclaredRow:
    return DeclaredRow(1, source, kind, period_s, stamp, reporting_s, since_us, "", modulus)


def readings(rows: Sequence[tuple[int, float, int]]) -> Records:
    found = np.zeros(len(rows), READING)
    for at, (t, v, flags) in enumerate(rows):
        found[at]["t"], found[at]["v"], found[at]["flags"] = t, v, flags
    return found


def stretches(
    rows: Sequence[tuple[int, float, int]], declared: Sequence[DeclaredRow]
) -> list[tuple[int, float, DeclaredRow, int, int]]:
    """(t, v, declaration, begin, end) of every reading that counts."""
    good = [(t, v) for t, v, flags in rows if not flags]
    found = []
    for at, (t, v) in enumerate(good):
        one = applies(t, declared)
        if one.kind in HELD:
            begin, end = t, t + round(one.reporting_s * 1.5 * SECOND)
            if at + 1 < len(good):
                end = min(end, good[at + 1][0])
        elif one.kind == Kind.COUNTER:
            begin = end = t
        else:
            length = round(one.period_s * SECOND)
            begin = t if one.stamp == Stamp.BEGIN else t - length
            end = begin + length
        found.append((t, v, one, begin, end))
    return found


def applies(t: int, declared: Sequence[DeclaredRow]) -> DeclaredRow:
    ordered = sorted(declared, key=lambda one: one.since_us)
    return ([one for one in ordered if one.since_us <= t] or ordered[:1])[-1]


def rises(
    rows: Sequence[tuple[int, float, int]], declared: Sequence[DeclaredRow]
) -> list[tuple[int, int, Fraction, bool]]:
    """(begin, end, rise, covered) between each two readings of a counter."""
    good = [(t, v) for t, v, flags in rows if not flags]
    found = []
    for (before, was), (t, v) in pairwise(good):
        one = applies(t, declared)
        if one.kind != Kind.COUNTER or applies(before, declared).kind != Kind.COUNTER:
            continue
        hold = round(one.reporting_s * 1.5 * SECOND)
        if t - before > max(hold, 24 * 3600 * SECOND):
            continue
        rise = Fraction(v) - Fraction(was)
        if rise < 0:
            rolls = 0.0 < one.modulus > was
            rise = rise + Fraction(one.modulus) if rolls else max(Fraction(v), Fraction(0))
        found.append((before, t, rise, t - before <= hold))
    return found


def comparisons(
    rows: Sequence[tuple[int, float, int]], declared: Sequence[DeclaredRow], step: float
) -> list[tuple[int, bool, bool]]:
    """(time, repeats, steps) of samples before which the one before still held."""
    good = [(t, v) for t, v, flags in rows if not flags]
    found = []
    for (before, was), (t, v) in pairwise(good):
        one, other = applies(before, declared), applies(t, declared)
        if not {one.kind, other.kind} <= {Kind.GAUGE, Kind.STATE}:
            continue
        if t - before <= round(one.reporting_s * 1.5 * SECOND):
            far = 0.0 if other.kind == Kind.STATE else step
            found.append((t, v == was, abs(v - was) > far))
    return found


def by_definition(
    rows: Sequence[tuple[int, float, int]],
    declared: Sequence[DeclaredRow],
    *,
    is_level: bool = False,
    step: float = math.inf,
) -> dict[int, Bucket]:
    spans = stretches(rows, declared)
    risen, compared = rises(rows, declared), comparisons(rows, declared, step)
    flagged = []
    for t, _, flags in rows:
        if flags:
            one = applies(t, declared)
            early = one.kind in INTERVALS and one.stamp == Stamp.END
            flagged.append(t - round(one.period_s * SECOND) if early else t)
    edges = [begin for *_, begin, _ in spans] + [end for *_, end in spans] + flagged
    edges += [begin for begin, *_ in risen]
    found = {}
    for bucket in range(min(edges) // QUARTER * QUARTER, max(edges) + QUARTER, QUARTER):
        folded = fold_one(bucket, spans, flagged, is_level=is_level)
        add_rises(bucket, risen, folded)
        inside = [one for one in compared if bucket <= one[0] < bucket + QUARTER]
        folded.repeated = sum(repeats for _, repeats, _ in inside)
        folded.stepped = sum(steps for *_, steps in inside)
        if folded.count or folded.flagged or folded.covered or folded.estimated:
            found[bucket] = folded
    return found


def add_rises(bucket: int, risen: Sequence[tuple[int, int, Fraction, bool]], out: Bucket) -> None:
    for begin, end, rise, covered in risen:
        overlap = min(end, bucket + QUARTER) - max(begin, bucket)
        if overlap > 0:
            out.integral += rise * overlap / (end - begin)
            out.increase += rise * overlap / (end - begin)
            out.covered += overlap if covered else 0
            out.estimated += 0 if covered else overlap


def fold_one(
    bucket: int,
    spans: Sequence[tuple[int, float, DeclaredRow, int, int]],
    flagged: Sequence[int],
    *,
    is_level: bool,
) -> Bucket:
    out = Bucket(flagged=sum(bucket <= begin < bucket + QUARTER for begin in flagged))
    for t, v, declared, begin, end in spans:
        if bucket <= begin < bucket + QUARTER:
            out.first = out.first if out.count else (t, v)
            out.last = (t, v)
            out.count += 1
            out.sum += Fraction(v)
            out.sumsq += Fraction(v) ** 2
            if declared.kind not in INTERVALS:
                out.min, out.max = min(out.min, v), max(out.max, v)
            if declared.kind == Kind.EVENT:
                out.integral += Fraction(v)
        overlap = min(end, bucket + QUARTER) - max(begin, bucket)
        if overlap <= 0:
            continue
        out.covered += overlap
        if declared.kind == Kind.INTERVAL_TOTAL:
            out.integral += Fraction(v) * overlap / (end - begin)
        elif declared.kind != Kind.EVENT:
            power = 10 ** (v / 10) if is_level else v
            out.integral += Fraction(power) * overlap / SECOND
        if declared.kind in INTERVALS:
            total = declared.kind == Kind.INTERVAL_TOTAL
            share = v * (overlap / (end - begin)) if total else v
            out.min, out.max = min(out.min, share), max(out.max, share)
    return out


declarations = st.one_of(
    st.builds(
        declaration,
        st.sampled_from([Kind.GAUGE, Kind.STATE, Kind.EVENT]),
        reporting_s=st.sampled_from([0.5, 10, 60, 700, 3600]),
    ),
    st.builds(
        declaration,
        st.just(Kind.COUNTER),
        reporting_s=st.sampled_from([60, 700, 3600]),
        modulus=st.sampled_from([0.0, 500.0, 1500.0]),
    ),
    st.builds(
        declaration,
        st.sampled_from([Kind.INTERVAL_MEAN, Kind.INTERVAL_TOTAL]),
        st.sampled_from([1, 60, 300, 900, 1800, 3600, 7.5, 5000]),
        st.sampled_from(list(Stamp)),
    ),
)
times = st.one_of(
    st.integers(0, 4 * 3600 * SECOND),
    st.integers(0, 4 * 12).map(lambda n: n * 300 * SECOND),
    st.integers(0, 60).map(lambda n: n * 3600 * SECOND),
)
values = st.one_of(st.integers(1, 10_000).map(lambda n: n / 7), st.integers(0, 3).map(float))
series = st.lists(
    st.tuples(times, values, st.sampled_from([0, 0, 0, int(Flag.OUT_OF_RANGE)])),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[0],
).map(lambda rows: [(NOON + t, v, flags) for t, v, flags in sorted(rows)])


@settings(max_examples=150, deadline=None)
@given(series, st.lists(declarations, min_size=1, max_size=2), times, st.booleans())
def test_the_fold_is_the_definition(
    rows: list[tuple[int, float, int]],
    declared: list[DeclaredRow],
    change: int,
    is_level: bool,  # noqa: FBT001 (drawn)
) -> None:
    if len(declared) == 2:
        declared[1] = replace(declared[1], since_us=NOON + change)
    is_level = is_level and {one.kind for one in declared} <= {Kind.GAUGE, Kind.INTERVAL_MEAN}
    quantity = "noise_laeq" if is_level else "air_temperature"
    step = load_catalogue().quantities[quantity].step or math.inf
    expected = by_definition(rows, declared, is_level=is_level, step=step)
    found = fold(span(readings(rows), declared, quantity), 1)
    assert found["bucket"].tolist() == list(expected)
    for row, want in zip(found, expected.values(), strict=True):
        for name in ("count", "flagged", "covered", "estimated", "repeated", "stepped"):
            assert row[name] == getattr(want, name), name
        assert (row["min"], row["max"]) == (want.min, want.max)
        assert (row["first_t"], row["first_v"]) == want.first
        assert (row["last_t"], row["last_v"]) == want.last
        for name in ("sum", "sumsq"):
            assert row[name] == pytest.approx(float(getattr(want, name)), rel=1e-12, abs=0)
        for name in ("integral", "increase"):  # a difference of readings loses their last digits
            assert row[name] == pytest.approx(float(getattr(want, name)), rel=1e-12, abs=1e-11)


class TestPrecedence:
    def test_the_registry_silences_meta_and_default(self) -> None:
        declared = [
            declaration(Kind.GAUGE, source="default"),
            declaration(Kind.INTERVAL_MEAN, 900, Stamp.BEGIN, source="registry"),
            declaration(Kind.INTERVAL_MEAN, 3600, Stamp.BEGIN, source="meta"),
        ]
        (row,) = fold(span(readings([(NOON, 5.0, 0)]), declared, "no2"), 1)
        assert row["covered"] == QUARTER
        assert row["integral"] == 4500.0

    def test_readings_before_all_declarations_go_by_the_first(self) -> None:
        declared = [
            declaration(Kind.INTERVAL_MEAN, 1800, Stamp.BEGIN, since_us=NOON + QUARTER),
            declaration(Kind.INTERVAL_MEAN, 900, Stamp.BEGIN, since_us=NOON + 4 * QUARTER),
        ]
        assert len(fold(span(readings([(NOON, 5.0, 0)]), declared, "no2"), 1)) == 2


def test_a_flagged_sample_does_not_end_the_hold_of_the_one_before() -> None:
    rows = [(NOON, 1.0, 0), (NOON + 30 * SECOND, 9.0, int(Flag.FAULT_CODE))]
    (row,) = fold(span(readings(rows), [declaration(Kind.GAUGE)], "no2"), 1)
    assert (row["covered"], row["count"], row["flagged"]) == (90 * SECOND, 1, 1)


def test_a_flag_that_excludes_nothing_changes_nothing() -> None:
    rows = [(NOON, 1.0, int(Flag.UNIT_CHANGED))]
    (row,) = fold(span(readings(rows), [declaration(Kind.GAUGE)], "no2"), 1)
    assert (row["count"], row["flagged"]) == (1, 0)


def test_the_open_bucket_is_where_the_newest_reading_begins() -> None:
    declared = [declaration(Kind.INTERVAL_TOTAL, 3600)]
    spans = span(readings([(NOON, 1.0, 0), (NOON + 8 * QUARTER, 2.0, 0)]), declared, "no2")
    assert open_from(spans) == NOON + 4 * QUARTER
