"""Percent of target to points, points to aggregates, and which value of several counts."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from kpi_rules.scorecard.model import exact
from kpi_rules.scorecard.percent import band_of, percent_of_target, target_problem
from kpi_rules.scorecard.tree import PointScore, State, score, tally_of
from tests.unit.kpi_rules.scorecard.build import (
    CARD,
    Facts,
    aim,
    chosen,
    given,
    kpi,
    moment,
    of,
    point,
    told,
    value,
)

PM10 = "en.en.aq.1c.pm10"
METERS = "ec.ict.ws.1c"
POLICE = "sc.sh.sa.6c"


def of_points(points: Sequence[int]) -> list[PointScore]:
    """Data points that have so many points each."""
    by_points = {band.points: band for band in CARD.bands}
    scores = score(CARD, given())
    some = list(scores.scores)[: len(points)]
    return [
        PointScore(one.kpi, one.point, one.results, None, "", Fraction(1), by_points[each])
        for one, each in zip(some, points, strict=True)
    ]


@pytest.mark.parametrize(
    ("points", "total", "possible", "percent", "band"),
    [
        ([1, 3, 4, 1], 9, 16, 56.25, "33-66%"),  # both printed in VR-Kristiansund, p12
        ([3, 4, 2], 9, 12, 75.0, "66-95%"),
        ([1], 1, 4, 25.0, "less than 33%"),  # the lowest there is
        ([4, 4, 4], 12, 12, 100.0, "95%+"),
    ],
)
def test_worked_examples_of_the_verification_report(
    points: list[int], total: int, possible: int, percent: float, band: str
) -> None:
    found = tally_of(CARD.bands, of_points(points))
    assert (found.points, found.possible) == (total, possible)
    assert found.percent == percent
    assert found.band is not None
    assert found.band.name == band


@pytest.mark.parametrize(
    ("percent", "points"),
    [(0, 1), (32.999, 1), (33, 2), (65.999, 2), (66, 3), (94.999, 3), (95, 4), (100, 4), (250, 4)],
)
def test_a_band_begins_at_its_lower_edge(percent: float, points: int) -> None:
    assert band_of(CARD.bands, exact(percent)).points == points


@pytest.mark.parametrize(
    ("gini", "percent", "points"), [(0.67, 33, 2), (0.34, 66, 3), (0.05, 95, 4), (0.6701, 32.99, 1)]
)
def test_a_boundary_is_met_by_decimals_that_binary_numbers_miss(
    gini: float, percent: float, points: int
) -> None:
    """1 - 0.67 is 0.32999999999999996 to binary numbers, and 33 % here."""
    found = percent_of_target(point("sc.sh.si.2c"), exact(gini), exact(0.0), exact(1.0))
    assert found == exact(percent)
    assert band_of(CARD.bands, found).points == points


@pytest.mark.parametrize(
    ("name", "value", "target", "start", "percent"),
    [
        (METERS, 45, 90, None, 50),
        (METERS, 45, 90, 40, 10),
        (METERS, 30, 90, 40, 0),  # behind the start
        (METERS, 99, 90, None, 110),
        (POLICE, 200, 250, None, 80),
        ("sc.sh.si.3c", 40, 20, None, 75),  # lower is better: 100 % of the people are 0 %
        ("sc.sh.si.3c", 10, 20, None, 112.5),
        (PM10, 40, 20, 60, 50),
        (PM10, 80, 20, 60, 0),
        ("ec.i.t.5a", 1.5, 1.25, 2.25, 75),
        ("sc.sh.si.1c", 0.8, 1, None, 80),  # nearer is better, from either side
        ("sc.sh.si.1c", 1.25, 1, None, 80),
        ("sc.sh.si.1c", 1, 1, None, 100),
        ("en.en.wa.1c.incinerated", 30, 60, 0, 50),  # the target says which way
        ("en.en.wa.1c.incinerated", 30, 0, 60, 50),
        ("sc.sh.sa.3a", 1, 1, None, 100),
        ("sc.sh.sa.3a", 0, 1, None, 0),
    ],
)
def test_percent_of_target(
    name: str, value: float, target: float, start: float | None, percent: float
) -> None:
    of_it = point(name)
    begin = None if start is None else exact(start)
    assert not target_problem(of_it, exact(target), begin)
    assert percent_of_target(of_it, exact(value), exact(target), begin) == percent


@pytest.mark.parametrize(
    ("name", "target", "start", "said"),
    [
        (PM10, 20, None, "the value that counts as 0 %: lower is better"),
        ("en.en.wa.1c.other", 20, None, "no way is said to be better"),
        (METERS, 0, None, "other than its start, 0"),
        (METERS, 50, 60, "higher is better, but the target is below its start, 60"),
        (PM10, 60, 20, "lower is better, but the target is above its start, 20"),
        ("sc.sh.si.1c", 0, None, "above 0"),
    ],
)
def test_a_target_that_cannot_be_scored_against_says_why(
    name: str, target: float, start: float | None, said: str
) -> None:
    begin = None if start is None else exact(start)
    assert said in target_problem(point(name), exact(target), begin)


@drawn(
    st.decimals(0, 200, places=2), st.decimals(0, 200, places=2), st.decimals(-50, 200, places=2)
)
def test_better_is_never_scored_lower(value: float, more: float, target: float) -> None:
    low, high = sorted((exact(float(value)), exact(float(more))))
    goal = exact(float(target))
    for name, start in ((METERS, None), (PM10, Fraction(500))):
        if target_problem(point(name), goal, start):
            continue
        first, second = (percent_of_target(point(name), one, goal, start) for one in (low, high))
        better, worse = (second, first) if name == METERS else (first, second)
        assert better >= worse >= 0


def test_aggregates_are_sums_over_data_points_not_means_of_means() -> None:
    """Air quality: five of five points, and one of one: 21/24, not (20/20 + 1/4) / 2."""
    facts = Facts().add("greenhouse_gas_emissions", 900_000).add("population", 100_000)
    windows = [
        told(f"u4ssc.{gas}.year", "2025-01-01", "2026-01-01", 5.0)
        for gas in ("pm10", "pm2_5", "no2", "so2", "o3")
    ]
    aims = [aim(each.id.removeprefix("u4ssc."), 10, 50) for each in kpi("EN: EN: AQ: 1C").points]
    scores = score(CARD, given(facts.made, [*aims, aim("en.en.aq.2c", 1, 10)], windows))
    environment = scores.dimensions[1]
    (air, *_) = environment.children[0].children
    assert air.name == "Air Quality"
    assert (air.tally.points, air.tally.possible, air.tally.percent) == (21, 24, Fraction(175, 2))
    assert [node.tally.points for node in air.children] == [20, 1]
    assert (environment.tally.points, scores.tally.points) == (21, 21)


def test_no_data_and_no_target_are_kept_apart() -> None:
    facts = Facts().add("water_meters_smart", 10).add("water_meters", 20).add("patents_granted", 5)
    scores = score(CARD, given(facts.made, [aim("ec.ict.es.1c", 80), aim("ec.p.in.2c", 10)]))
    no_target, no_data, neither = (
        of(scores, name) for name in (METERS, "ec.ict.es.1c", "ec.ict.d.1a")
    )
    assert (no_target.state, no_target.target) == (State.NO_TARGET, None)
    assert no_target.results.chosen is not None
    assert no_data.state is neither.state is State.NO_DATA
    assert (no_data.target is None, neither.target is None) == (False, True)
    assert of(scores, "ec.p.in.2c").results.missing == [
        "no population is stated (inhabitants of the city)"
    ]
    assert (scores.tally.no_data, scores.tally.no_target, scores.tally.scored) == (111, 1, 0)
    assert (scores.tally.percent, scores.tally.band) == (None, None)


def test_a_target_without_a_needed_start_is_no_target_and_says_why() -> None:
    windows = [told("u4ssc.pm10.year", "2025-01-01", "2026-01-01", 20.0)]
    found = of(score(CARD, given((), [aim(PM10, 15)], windows)), PM10)
    assert found.state is State.NO_TARGET
    assert found.problem.startswith("expected a start")


def test_figures_are_converted_exactly() -> None:
    facts = (
        Facts()
        .add("mains_monitored_length", 100_000, "m")
        .add("mains_length", 400)
        .add("police_officers", 1)
        .add("population", 100_000)
        .add("water_consumption", 12_000)
    )
    scores = score(CARD, given(facts.made))
    assert value(of(scores, "ec.ict.ws.2a")) == 25
    assert value(of(scores, POLICE)) == 1  # "1/100 000 population" of a city of 100 000 is 1
    assert value(of(scores, "en.en.ws.2c")) == 120


def test_quality_is_that_of_the_worst_figure() -> None:
    facts = Facts().add("patents_granted", 4).add("population", 50_000, quality="surveyed")
    found = chosen(of(score(CARD, given(facts.made)), "ec.p.in.2c"))
    assert (found.value, found.quality) == (Fraction(8), "surveyed")
    assert [one.by for one in found.used] == ["ada", "ada"]


def test_a_denominator_of_its_own_takes_the_place_of_the_common_one() -> None:
    facts = Facts().add("patents_granted", 4).add("population", 50_000)
    facts.add("u4ssc.ec.p.in.2c.denominator", 40_000)
    assert value(of(score(CARD, given(facts.made)), "ec.p.in.2c")) == 10


def test_a_denominator_of_nothing_is_named() -> None:
    facts = Facts().add("patents_granted", 4).add("population", 0)
    assert of(score(CARD, given(facts.made)), "ec.p.in.2c").results.missing == ["population is 0"]


def test_figures_hold_from_their_date_on() -> None:
    facts = (
        Facts().add("patents_granted", 4, since="2023-01-01").add("population", 50_000, since="")
    )
    facts.add("patents_granted", 6, since="2025-01-01")
    found = [
        chosen(of(score(CARD, given(facts.made, at=moment(at))), "ec.p.in.2c")).value
        for at in ("2023-01-01", "2024-12-31", "2025-01-01")
    ]
    assert found == [8, 8, 12]
    early = of(score(CARD, given(facts.made, at=moment("2022-12-31"))), "ec.p.in.2c")
    assert early.state is State.NO_DATA


def test_targets_are_dated_too() -> None:
    aims = [aim(METERS, 50, since="2020-01-01"), aim(METERS, 100, since="2026-01-01")]
    facts = Facts().add("water_meters_smart", 10).add("water_meters", 20)
    percents = [
        of(score(CARD, given(facts.made, aims, at=moment(at))), METERS).percent
        for at in ("2025-12-31", "2026-06-01")
    ]
    assert percents == [100, 50]
