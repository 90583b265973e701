"""The shipped KPIs are those of the reference: all of them, in its structure, honestly graded."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from cityvitals.domain.names import is_identifier
from cityvitals.errors import BadRule
from kpi_rules.built import unbuilt
from kpi_rules.load import load_rules
from kpi_rules.scorecard.load import read_checks, read_kpis, unfit_units
from kpi_rules.scorecard.model import Better, Evidence, Feed, Level
from tests.unit.kpi_rules.scorecard.build import CARD, kpi, point

FOLDER = Path(__file__).parents[4] / "kpi_rules" / "u4ssc"


def test_all_91_kpis_with_112_data_points_are_there() -> None:
    assert len(CARD.kpis) == len({each.code for each in CARD.kpis}) == 91
    assert len(list(CARD.points)) == 112
    assert Counter(each.level for each in CARD.kpis) == {Level.CORE: 55, Level.ADVANCED: 36}
    assert all(each.code.endswith("C") == (each.level is Level.CORE) for each in CARD.kpis)


def test_the_structure_is_that_of_the_manual() -> None:
    assert Counter((each.dimension, each.sub_dimension) for each in CARD.kpis) == {
        ("Economy", "ICT"): 17,
        ("Economy", "Productivity"): 7,
        ("Economy", "Infrastructure"): 21,
        ("Environment", "Environment"): 13,
        ("Environment", "Energy"): 4,
        ("Society and Culture", "Education, Health and Culture"): 12,
        ("Society and Culture", "Safety, Housing and Social Inclusion"): 17,
    }
    assert len({each.category for each in CARD.kpis}) == 22
    several = {each.code: len(each.points) for each in CARD.kpis if len(each.points) > 1}
    assert several == {
        "EN: EN: AQ: 1C": 5,
        "EN: EN: WS: 4C": 3,
        "EN: EN: WA: 1C": 6,
        "EC: I: T: 4A": 5,
        "EC: ICT: ICT: 4C": 2,
        "EC: ICT: PS: 1A": 2,
        "EC: I: UP: 2A": 5,
    }


def test_what_was_not_read_in_itu_text_is_provisional() -> None:
    assert Counter(each.evidence for each in CARD.kpis) == {
        Evidence.FORMULA: 12,
        Evidence.DEFINITION: 15,
        Evidence.TITLE: 64,
    }
    assert sum(each.is_provisional for each in CARD.kpis) == 79
    for each in CARD.kpis:
        if not each.is_provisional:  # a page of ITU alone can be what was read
            assert each.source.startswith(("VM p", "CM p"))


def test_sources_are_cited_by_known_documents() -> None:
    known = {each.short for each in CARD.documents}
    for each in CARD.kpis:
        assert {
            part.strip().partition(" ")[0].partition("-")[0] for part in each.source.split(";")
        } <= known


def test_units_are_those_of_the_quotients() -> None:
    assert not list(unfit_units(CARD))
    assert point("ec.ict.ws.1c").factor == 100
    assert point("sc.sh.sa.6c").factor == 100_000
    assert point("ec.i.t.1c").factor == 100_000
    assert point("sc.eh.h.2c").factor == 100_000
    assert point("en.en.ws.2c").factor == 1000
    assert point("en.e.e.4a").factor == Fraction(1)


def test_names_of_facts_can_be_stated() -> None:
    assert all(is_identifier(name) for name in CARD.wanted)
    assert all(len(units) == 1 for units in CARD.wanted.values())


def test_what_the_reference_calls_derivable_is_live() -> None:
    """The 29 of its section 3, some of them partly; the other 62 are reported."""
    assert Counter(each.feed for each in CARD.kpis) == {
        Feed.SENSORS: 9,
        Feed.REGISTRY: 20,
        Feed.REPORTED: 62,
    }


def test_sensors_feed_what_rules_calculate() -> None:
    rules = {each.id: each for each in load_rules()}
    for each in CARD.kpis:
        lives = [one.live for one in each.points]
        assert all(lives) == any(lives) == (each.feed is Feed.SENSORS), each.code
        for live, one in zip(lives, each.points, strict=True):
            if live is None:
                continue
            assert rules[live.year].window.length == "year"
            assert rules[live.running].window.length == "running_12_months"
            assert rules[live.year].unit == rules[live.running].unit == one.unit
            assert rules[live.year].standard == rules[live.running].standard
            standard = rules[live.year].standard
            assert standard is not None
            assert standard.clause == f"{each.code} {each.title}"


def test_rules_of_sensors_are_run() -> None:
    assert not [each.id for each in load_rules() if each.id.startswith("u4ssc.") and unbuilt(each)]


# Traps of the reference, section 5, that are in the definitions; others are in test_scores.


def test_trap_1_outage_time_is_caidi_in_minutes() -> None:
    time = point("ec.i.es.2c")
    assert time.unit == "min"
    assert time.numerator is not None
    assert time.numerator.name == "customer_interruption_time"
    assert time.denominator is not None
    assert time.denominator.name == "customer_interruptions"
    frequency = point("ec.i.es.1c")
    assert frequency.denominator is not None
    assert frequency.denominator.name == "customers_served"


def test_trap_1_the_rules_give_caidi_too_and_saidi_stands_beside() -> None:
    rules = {each.id: each for each in load_rules()}
    frequency, time, saidi = (
        rules[name].expression
        for name in ("u4ssc.outage_frequency.year", "u4ssc.outage_time.year", "energy.saidi.year")
    )
    assert frequency == rules["energy.saifi.year"].expression
    assert time == rules["energy.caidi.year"].expression
    assert time.endswith("/ sum(interrupted_customers)") and saidi.endswith("/ customers_served")
    assert rules["u4ssc.outage_time.year"].unit == "min"


def test_estimates_by_rules_are_named() -> None:
    named = {each.id for each in CARD.points if each.live is not None and each.live.estimate}
    assert named == {"u4ssc.ec.ict.t.2c", "u4ssc.en.en.eq.2a"}
    rules = {each.id: each for each in load_rules()}
    for each in CARD.points:
        if each.id in named and each.live is not None:
            assert rules[each.live.year].source.startswith("An estimate:")


def test_trap_2_air_pollution_is_five_annual_means() -> None:
    air = kpi("EN: EN: AQ: 1C")
    assert [each.id.rpartition(".")[2] for each in air.points] == [
        "pm10",
        "pm2_5",
        "no2",
        "so2",
        "o3",
    ]
    rules = {each.id: each for each in load_rules()}
    for each in air.points:
        assert each.live is not None
        rule = rules[each.live.year]
        assert rule.inputs[0].statistic == "mean"
        assert (rule.expression, rule.unit) == (rule.inputs[0].quantity, "ug/m3")
        assert not rule.tables


def test_trap_4_drinking_water_quality_is_coverage_by_a_plan() -> None:
    quality = point("en.en.ws.1c")
    assert quality.live is None
    assert quality.numerator is not None
    assert quality.numerator.name == "households_with_water_safety_plan"


def test_trap_5_freshwater_is_a_share_of_consumption_not_stress() -> None:
    fresh = point("en.en.ws.3c")
    assert fresh.denominator is not None
    assert (fresh.unit, fresh.denominator.name) == ("%", "water_consumed")


def test_trap_8_major_streets_and_signalled_intersections_alone() -> None:
    streets, crossings = point("ec.ict.t.2c").denominator, point("ec.ict.t.3a").denominator
    assert streets is not None
    assert crossings is not None
    assert (streets.name, crossings.name) == ("major_streets", "intersections_signalled")
    assert "residential" not in streets.says


def test_trap_9_households_and_inhabitants_are_different_denominators() -> None:
    below = {
        each.id.removeprefix("u4ssc."): each.denominator.name
        for each in CARD.points
        if each.denominator is not None
    }
    for households in ("ec.i.ws.2c", "ec.i.ws.5c", "ec.i.es.3c", "en.en.ws.1c", "ec.ict.ict.1c"):
        assert below[households] == "households"
    for people in ("ec.i.t.2a", "en.en.psn.2a", "sc.sh.si.3c"):
        assert below[people] == "population"


def test_directions_that_are_not_the_usual_ones() -> None:
    assert point("sc.sh.si.1c").better is Better.NEAREST
    waste = {each.id.rpartition(".")[2]: each.better for each in kpi("EN: EN: WA: 1C").points}
    assert waste["recycled"] is Better.HIGHER
    assert waste["landfill"] is waste["open_dump"] is waste["burnt"] is Better.LOWER
    assert waste["incinerated"] is waste["other"] is Better.NEITHER


GOOD = (FOLDER / "environment_energy.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('level = "core"', 'level = "corr"', 'level: expected one of "core", "advanced"'),
        ('unit = "%"', 'unit = "percentage"', "unit"),
        ('code = "EN: E: E: 1C"', 'code = "EN-E-E-1C"', "code: expected"),
        ('feed = "registry"', "", "feed: missing"),
        ('formula = "', 'formulas = "', "formula: missing"),
        ('name = "energy_consumed"', 'name = "Energy"', "denominator.name: expected"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(BadRule, match=said) as caught:
        read_kpis(GOOD.replace(old, new, 1), "energy.toml")
    assert str(caught.value).startswith("energy.toml:")


def test_what_is_wrong_in_the_checks_is_named() -> None:
    text = (FOLDER / "checks.toml").read_text("utf-8").replace('kind = "sum"', 'kind = "summ"')
    with pytest.raises(BadRule, match=r"checks.toml:\d+: check\[0\].kind: expected one of"):
        list(read_checks(text, "checks.toml"))
