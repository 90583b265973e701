"""Facts of which a rule sees all that are dated within its window."""

import math
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.dated import dated_of, latest_of
from aggregator.facts import Facts
from cityvitals.store.audit import WarrantRow
from cityvitals.verify.dated import dated_values
from cityvitals.verify.figures import figures_of
from kpi_rules.built import unbuilt
from kpi_rules.model import FactUse
from tests.unit.aggregator.small_city import rule
from tests.unit.aggregator.test_facts import STATED, ZONES, checked, planned, rows, seen, used_by

USES = st.lists(
    st.builds(
        FactUse,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["km", "m"]),
        st.booleans(),
        st.just(value=False),
        st.booleans(),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda use: use.name,
)
WINDOWS = st.lists(st.tuples(st.integers(-4, 12), st.integers(1, 6)), min_size=1, max_size=3)
Stated = list[tuple[str, str, int, float, str]]


def arrays(windows: list[tuple[int, int]]) -> tuple[Any, Any]:
    begins = np.array([begin for begin, _ in windows], np.int64)
    return begins, begins + np.array([length for _, length in windows], np.int64)


@settings(deadline=None)
@given(USES, STATED, WINDOWS)
def test_aggregator_and_verify_see_the_same_series(
    uses: list[FactUse], stated: Stated, windows: list[tuple[int, int]]
) -> None:
    plan, held = planned(uses), rows(stated)
    begins, ends = arrays(windows)
    found = dated_of(plan, begins, ends, Facts(held).of(plan))
    figures = figures_of(plan.rule, seen(held), ZONES)
    assert set(found) == {use.name for use in uses if use.values}
    for g, zone in enumerate(ZONES):
        theirs = dated_values(plan.rule, zone, figures, begins, ends)
        for name, series in found.items():
            for w in range(len(windows)):
                mine = series.values[w, g, : series.lengths[w, g]].tolist()
                assert repr(mine) == repr([float(each) for each in theirs[name][w]])


@settings(deadline=None)
@given(USES, STATED, st.tuples(st.integers(-4, 12), st.integers(1, 6)))
def test_the_warrant_names_all_that_are_dated_within_and_verify_agrees(
    uses: list[FactUse], stated: Stated, window: tuple[int, int]
) -> None:
    plan, held = planned(uses), rows(stated)
    begin, end = window[0], window[0] + window[1]
    by_zone = used_by(Facts(held), plan, end, begin)
    for zone in ZONES:
        used = by_zone[zone]
        for use in (each for each in uses if each.values):
            place = "" if use.of_city else zone
            mine = [row for row in held if (row.zone, row.name) == (place, use.name)]
            assert {row.id for row in mine if begin <= row.from_us < end} <= set(used)
            assert not {row.id for row in mine if not begin <= row.from_us < end} & set(used)
        row = WarrantRow(zone, 1, used, begin, end)
        assert not checked(plan.rule, held, row).differences


@settings(deadline=None)
@given(st.lists(st.sampled_from([1.0, 2.0, math.nan]), max_size=4))
@example([1.0, math.nan])
def test_the_latest_is_the_last_that_is_known(values: list[float]) -> None:
    """A figure in watts is none in metres."""
    uses = [FactUse("a", "m", values=True)]
    stated = [
        ("", "a", at, 1.0, "W") if math.isnan(value) else ("", "a", at, value, "m")
        for at, value in enumerate(values)
    ]
    plan, (begins, ends) = planned(uses), arrays([(0, 9)])
    facts = Facts(rows(stated))
    found = latest_of(dated_of(plan, begins, ends, facts.of(plan)))["a"][0, 0]
    known = [value for value in values if not math.isnan(value)]
    assert found == known[-1] if known else math.isnan(found)


def test_figures_of_one_date_stand_at_one_place() -> None:
    uses = [FactUse("a", "m", values=True), FactUse("b", "m", values=True)]
    stated = [("", "a", 1, 5.0, "m"), ("", "b", 1, 7.0, "m"), ("", "b", 3, 2.0, "m")]
    plan, (begins, ends) = planned(uses), arrays([(0, 4), (2, 9)])
    found = dated_of(plan, begins, ends, Facts(rows(stated)).of(plan))
    assert found["a"].lengths[:, 0].tolist() == [2, 1]
    assert repr(found["a"].values[0, 0].tolist()) == "[5.0, nan]"
    assert found["b"].values[0, 0].tolist() == [7.0, 2.0]


def test_supply_is_run() -> None:
    for each in ("saidi.year", "saifi.year", "caidi.year", "major_event_day_threshold"):
        assert unbuilt(rule(f"energy.{each}")) == ""
