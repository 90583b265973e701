"""What a verifier would ask, found where it is so, and only there."""

from collections.abc import Iterable

import pytest

from kpi_rules.scorecard.checks import findings_of
from kpi_rules.scorecard.given import Told
from kpi_rules.scorecard.tree import score
from tests.unit.kpi_rules.scorecard.build import CARD, Facts, given, told


def found(facts: Facts, check: str, windows: Iterable[Told] = ()) -> list[str]:
    findings = findings_of(score(CARD, given(facts.made, (), windows)))
    return [each.found for each in findings if each.check.id == check]


def modes(*shares: float) -> Facts:
    facts = Facts().add("commuters", 100)
    for name, share in zip(
        ("by_public", "by_private", "by_bicycle", "on_foot", "by_paratransit"), shares, strict=False
    ):
        facts.add(f"commuters_{name}", share)
    return facts


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (10, []),
        (12, []),  # 2 points off is still well
        (8, []),
        (12.5, ["they add to 102.5, 100 ± 2 expected"]),
        (7, ["they add to 97, 100 ± 2 expected"]),
    ],
)
def test_trap_7_modes_add_to_about_100(last: float, said: list[str]) -> None:
    assert found(modes(40, 30, 10, 10, last), "mode_share") == said


def test_shares_are_not_judged_where_one_is_missing() -> None:
    assert found(modes(40, 30, 10, 10), "mode_share") == []


def test_trap_7_waste_treatment_adds_to_about_100() -> None:
    facts = Facts().add("solid_waste", 1000)
    for name in ("landfilled", "burnt", "incinerated", "dumped", "recycled", "other"):
        facts.add(f"waste_{name}", 150)
    assert found(facts, "waste_treatment") == ["they add to 90, 100 ± 2 expected"]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((90, 80, 70), []),
        ((80, 80, 80), []),
        ((80, 90, 70), ["u4ssc.en.en.ws.4c.primary is 80, u4ssc.en.en.ws.4c.secondary is 90"]),
        ((90, 70, 80), ["u4ssc.en.en.ws.4c.secondary is 70, u4ssc.en.en.ws.4c.tertiary is 80"]),
    ],
)
def test_trap_6_levels_of_treatment_are_cumulative(
    levels: tuple[float, float, float], said: list[str]
) -> None:
    facts = Facts().add("wastewater_collected", 100)
    for name, share in zip(("primary", "secondary", "tertiary"), levels, strict=True):
        facts.add(f"wastewater_{name}", share)
    assert found(facts, "wastewater_levels") == said


def test_basic_water_supply_is_at_least_potable() -> None:
    facts = Facts().add("households", 1000).add("households_with_basic_water", 900)
    facts.add("households_with_safe_water", 950)
    assert found(facts, "water_supply") == ["u4ssc.ec.i.ws.1c is 90, u4ssc.ec.i.ws.2c is 95"]


def test_smart_electricity_meters_exceed_smart_water_meters() -> None:
    facts = Facts().add("water_meters", 10).add("water_meters_smart", 8)
    facts.add("electricity_meters", 10).add("electricity_meters_smart", 3)
    assert found(facts, "smart_meters") == ["u4ssc.ec.ict.es.1c is 30, u4ssc.ec.ict.ws.1c is 80"]


def test_sanitation_below_90_percent_is_asked_about() -> None:
    facts = Facts().add("households", 1000).add("households_with_sanitation", 899)
    assert found(facts, "sanitation_normal") == ["it is 89.9, below 90"]
    facts.add("households_with_sanitation", 900)
    assert (
        found(
            Facts().add("households", 10).add("households_with_sanitation", 9), "sanitation_normal"
        )
        == []
    )


def test_trap_10_populations_differ_by_more_than_five_percent() -> None:
    facts = Facts().add("population", 100_000).add("patents_granted", 4)
    facts.add("u4ssc.ec.p.in.2c.denominator", 105_000)
    assert found(facts, "population") == []
    facts.add("physicians", 4).add("u4ssc.sc.eh.h.3c.denominator", 105_001)
    assert found(facts, "population") == [
        "population is 100000 of the city, 105001 of u4ssc.sc.eh.h.3c"
    ]


def test_zones_together_agree_with_the_city() -> None:
    facts = Facts().add("households", 1000)
    facts.add("households", 600, zone="north").add("households", 460, zone="south")
    assert found(facts, "households") == [
        "households is 1000 of the city, 1060 of its zones together"
    ]


def test_trap_10_more_than_a_fifth_not_reported() -> None:
    (said,) = found(Facts(), "reported")
    assert said == "91 of 91 KPIs (100 %) are not, or not wholly"
    facts = Facts()
    for name in {figure.name for point in CARD.points for figure in point.figures}:
        facts.add(name, 1)
    for gas in ("pm10", "pm2_5", "no2", "so2", "o3"):
        facts.add(f"u4ssc.en.en.aq.1c.{gas}", 1)
    assert found(facts, "reported") == []
    some = Facts()
    some.made = [each for each in facts.made if each.name not in {"population", "households"}]
    assert len(found(some, "reported")) == 1


def test_a_share_above_the_whole_is_named() -> None:
    facts = Facts().add("enterprises_small", 11).add("enterprises", 10)
    assert found(facts, "percentages") == ["it is 110, above 100"]


def test_yes_and_no_are_1_and_0() -> None:
    assert found(Facts().add("resilience_plans", 0.5), "truths") == ["it is 0.5"]
    assert found(Facts().add("resilience_plans", 1), "truths") == []


def test_a_final_value_far_from_the_calculation_is_named() -> None:
    facts = (
        Facts().add("water_meters", 10).add("water_meters_smart", 5).add("u4ssc.ec.ict.ws.1c", 53)
    )
    said = ["the final value is 53, calculated 50"]
    assert found(facts, "overridden") == said
    near = (
        Facts().add("water_meters", 10).add("water_meters_smart", 5).add("u4ssc.ec.ict.ws.1c", 52)
    )
    assert found(near, "overridden") == []


def test_a_final_value_older_than_the_calculation_is_named() -> None:
    facts = Facts().add("u4ssc.en.en.aq.1c.pm10", 44, since="2023-01-01")
    windows = [told("u4ssc.pm10.year", "2025-01-01", "2026-01-01", 20.0)]
    assert found(facts, "superseded", windows) == [
        "the final value 44 is of 2023, what is calculated of 2025"
    ]


def test_values_older_than_two_years_are_named() -> None:
    assert found(Facts().add("gini_coefficient", 0.3, since="2023-06-01"), "stale") == [
        "it is of 2023"
    ]
    assert found(Facts().add("gini_coefficient", 0.3, since="2024-01-01"), "stale") == []
    assert found(Facts().add("gini_coefficient", 0.3, since=""), "stale") == []


def test_a_finding_names_its_points_and_where_it_comes_from() -> None:
    facts = modes(40, 30, 10, 10, 30)
    findings = findings_of(score(CARD, given(facts.made)))
    (one,) = [each for each in findings if each.check.id == "mode_share"]
    assert one.points == tuple(
        f"u4ssc.ec.i.t.4a.{name}" for name in ("public", "private", "cycling", "walking", "para")
    )
    assert one.check.source == "VM p32"
