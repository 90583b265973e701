"""Which value of several counts, and what it is called; traps of the reference, section 5."""

from fractions import Fraction

import pytest

from cityvitals.catalogue.gases import conversion_at
from cityvitals.catalogue.load import load_catalogue
from kpi_rules.scorecard.model import exact
from kpi_rules.scorecard.results import Basis, Period
from kpi_rules.scorecard.tree import PointScore, State, score
from tests.unit.kpi_rules.scorecard.build import (
    CARD,
    NOW,
    Facts,
    aim,
    chosen,
    given,
    moment,
    of,
    told,
    value,
)

PM10 = "en.en.aq.1c.pm10"
METERS = "ec.ict.ws.1c"


def test_trap_1_caidi_and_saifi_and_their_product() -> None:
    facts = Facts().add("customer_interruptions", 3000).add("customers_served", 1000)
    facts.add("customer_interruption_time", 270_000)
    scores = score(CARD, given(facts.made))
    frequency, time = (value(of(scores, f"ec.i.es.{each}")) for each in ("1c", "2c"))
    assert (frequency, time) == (Fraction(3), Fraction(90))
    assert frequency * time == 270  # SAIDI, which is not what is asked for


def outages(*rules: tuple[str, str, str, float]) -> PointScore:
    """Outage frequency, of which some windows are calculated; the operator states 3 for 2025."""
    facts = Facts().add("customer_interruptions", 3000).add("customers_served", 1000)
    windows = [
        told(f"u4ssc.outage_frequency.{rule}", begin, end, value, "1")
        for rule, begin, end, value in rules
    ]
    return of(score(CARD, given(facts.made, [aim("ec.i.es.1c", 1, 5)], windows)), "ec.i.es.1c")


def test_outages_are_live_and_stated_sums_stand_beside() -> None:
    year, running = ("2025-01-01", "2026-01-01"), ("2025-11-01", "2026-11-01")
    found = outages(
        ("year", *year, 2.5),
        ("12_months", *running, 2.0),
        ("year", "2026-01-01", "2027-01-01", 0.4),
    )
    assert (chosen(found).basis, chosen(found).value) == (Basis.RULE, exact(2.5))
    assert [(one.basis, one.period) for one in found.results.others] == [
        (Basis.FIGURES, Period.CALENDAR_YEAR),
        (Basis.RULE, Period.RUNNING_12_MONTHS),
        (Basis.RULE, Period.YEAR_TO_DATE),  # a sum over outages so far: shown, and never counts
    ]
    assert "the year to date only grows, and stands for no year" in found.results.missing
    alone = outages(
        ("12_months", *running, 2.0)
    )  # no year has ended yet: the operator's sums count
    assert (chosen(alone).basis, chosen(alone).period) == (Basis.FIGURES, Period.CALENDAR_YEAR)


def test_a_stated_final_value_overrides_calculated_outages() -> None:
    facts = Facts().add("u4ssc.ec.i.es.2c", 95)
    windows = [told("u4ssc.outage_time.year", "2025-01-01", "2026-01-01", 90.0, "min")]
    found = of(score(CARD, given(facts.made, [aim("ec.i.es.2c", 60, 120)], windows)), "ec.i.es.2c")
    assert (chosen(found).basis, chosen(found).value) == (Basis.FINAL, Fraction(95))
    assert [(one.basis, one.value) for one in found.results.others] == [(Basis.RULE, Fraction(90))]


STREETS = "ec.ict.t.2c"
WATCHED = told("u4ssc.traffic_monitoring.year", "2025-01-01", "2026-01-01", 40.0, "%")


def test_what_stands_on_an_assumption_is_an_estimate_even_of_a_whole_year() -> None:
    scores = score(CARD, given((), [aim(STREETS, 80)], [WATCHED]))
    found = of(scores, STREETS)
    assert (chosen(found).period, chosen(found).is_estimate) == (Period.CALENDAR_YEAR, True)
    assert (found.percent, scores.tally.estimates) == (Fraction(50), 1)


def test_stated_kilometres_count_before_the_estimate_by_detectors() -> None:
    for since, period in (("2025-01-01", "calendar_year"), ("2026-03-01", "year_to_date")):
        facts = Facts().add("monitored_streets", 30, since=since).add("major_streets", 100)
        found = of(score(CARD, given(facts.made, (), [WATCHED])), STREETS)
        assert (chosen(found).basis, chosen(found).period) == (Basis.FIGURES, period)
        assert [(one.basis, one.value) for one in found.results.others] == [
            (Basis.RULE, Fraction(40))
        ]


def test_trap_3_factors_of_the_manual_are_those_of_25_degrees() -> None:
    for gas, factor in (("no2", 1.9), ("so2", 2.62), ("o3", 1.96)):
        found = conversion_at(load_catalogue(), gas, "[ppb]", "298.15 K, 101325 Pa")
        assert found is not None
        assert found[0] == pytest.approx(factor, rel=0.012)


def test_trap_10_the_final_value_overrides_the_calculation_and_both_stay() -> None:
    facts = Facts().add("water_meters_smart", 10).add("water_meters", 20)
    facts.add("u4ssc.ec.ict.ws.1c", 60, quality="estimated")
    found = of(score(CARD, given(facts.made, [aim(METERS, 100)])), METERS)
    assert (chosen(found).basis, chosen(found).value, found.percent) == (
        Basis.FINAL,
        Fraction(60),
        Fraction(60),
    )
    assert chosen(found).quality == "estimated"
    assert [(one.basis, one.value) for one in found.results.others] == [
        (Basis.FIGURES, Fraction(50))
    ]


@pytest.mark.parametrize(
    ("since", "expected"), [("2024-01-01", 20), ("2025-01-01", 44), ("2026-01-01", 44), ("", 44)]
)
def test_a_final_value_yields_only_to_a_calculation_of_a_later_year(
    since: str, expected: int
) -> None:
    facts = Facts().add("u4ssc.en.en.aq.1c.pm10", 44, since=since)
    windows = [told("u4ssc.pm10.year", "2025-01-01", "2026-01-01", 20.0)]
    found = of(score(CARD, given(facts.made, (), windows)), PM10)
    assert value(found) == expected
    assert sorted(one.value for one in [chosen(found), *found.results.others]) == [20, 44]


def test_trap_11_live_figures_are_labelled_as_estimates_beside_the_calendar_year() -> None:
    windows = [
        told("u4ssc.pm10.year", "2025-01-01", "2026-01-01", 20.0),
        told("u4ssc.pm10.12_months", "2025-11-01", "2026-11-01", 24.0),
        told("u4ssc.pm10.year", "2026-01-01", "2027-01-01", 26.0),
    ]
    found = of(score(CARD, given((), (), windows)), PM10).results
    assert found.chosen is not None
    every = [found.chosen, *found.others]
    assert [(one.period, one.value, one.is_estimate) for one in every] == [
        (Period.CALENDAR_YEAR, Fraction(20), False),
        (Period.RUNNING_12_MONTHS, Fraction(24), True),
        (Period.YEAR_TO_DATE, Fraction(26), True),
    ]
    assert all(one.basis is Basis.RULE for one in every)


def test_an_estimate_counts_where_there_is_no_whole_year_and_is_counted() -> None:
    windows = [
        told("u4ssc.pm10.year", "2025-01-01", "2026-01-01", None, reason="coverage 0.3"),
        told("u4ssc.pm10.12_months", "2025-11-01", "2026-11-01", 24.0),
    ]
    scores = score(CARD, given((), [aim(PM10, 20, 60)], windows))
    found = of(scores, PM10)
    assert (chosen(found).period, found.percent) == (Period.RUNNING_12_MONTHS, Fraction(90))
    assert found.results.missing == [
        "rule u4ssc.pm10.year, calendar year to 2026-01-01: coverage 0.3"
    ]
    assert scores.tally.estimates == 1


def test_a_total_of_a_year_that_runs_is_shown_and_not_scored() -> None:
    unit = "kW.h/{inhabitant}"
    windows = [told("u4ssc.electricity_consumption.year", "2026-01-01", "2027-01-01", 900.0, unit)]
    found = of(score(CARD, given((), (), windows)), "en.e.e.2c")
    assert found.state is State.NO_DATA
    assert [one.period for one in found.results.others] == [Period.YEAR_TO_DATE]
    assert "the year to date only grows, and stands for no year" in found.results.missing


def test_twelve_months_that_are_the_calendar_year_are_no_estimate_beside_it() -> None:
    windows = [
        told("u4ssc.pm10.year", "2025-01-01", "2026-01-01", 20.0),
        told("u4ssc.pm10.12_months", "2025-01-01", "2026-01-01", 20.0),
    ]
    found = of(score(CARD, given((), (), windows, at=moment("2026-01-15"))), PM10).results
    assert found.chosen is not None
    assert not found.others


def test_what_a_registry_keeps_is_of_the_last_whole_year_and_to_date() -> None:
    facts = Facts().add("water_meters", 20, since="").add("water_meters_smart", 10)
    facts.add("water_meters_smart", 16, since="2026-05-01")
    found = of(score(CARD, given(facts.made)), METERS).results
    assert found.chosen is not None
    assert (found.chosen.period, found.chosen.value) == (Period.CALENDAR_YEAR, Fraction(50))
    assert [(one.period, one.value) for one in found.others] == [
        (Period.YEAR_TO_DATE, Fraction(80))
    ]


def test_years_are_those_of_the_citys_calendar() -> None:
    """Half past eleven of New Year's Eve in UTC is the new year in Tokyo."""
    at = moment("2025-12-31").replace(hour=23, minute=30)
    facts = (
        Facts().add("water_meters", 20, since="").add("water_meters_smart", 10, since="2025-12-01")
    )
    utc = given(facts.made, at=at)
    tokyo = type(utc)(at, "Asia/Tokyo", utc.stated, (), ())
    periods = [chosen(of(score(CARD, each), METERS)).period for each in (utc, tokyo)]
    assert periods == [Period.YEAR_TO_DATE, Period.CALENDAR_YEAR]


def test_scores_follow_from_what_is_given_alone() -> None:
    facts = Facts().add("water_meters_smart", 10).add("water_meters", 20)
    one, other = (score(CARD, given(facts.made, [aim(METERS, 80)])) for _ in range(2))
    assert one.dimensions == other.dimensions
    backwards = score(CARD, given(facts.made[::-1], [aim(METERS, 80)], at=NOW))
    assert [each.percent for each in backwards.scores] == [each.percent for each in one.scores]
