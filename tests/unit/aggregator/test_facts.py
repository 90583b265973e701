"""The figure in force in a window's last instant, against the definition written out."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.facts import Facts
from aggregator.plan import RulePlan
from cityvitals.domain.times import EARLIEST_US
from cityvitals.store.audit import AuditCity, FigureRow, WarrantRow
from cityvitals.store.model import CityRow, FactRow
from cityvitals.verify.figures import figures_of, verify_warrants
from cityvitals.verify.report import Findings
from kpi_rules.facts import uses_of
from kpi_rules.model import FactUse, Rule
from kpi_rules.words import Combine
from tests.unit.aggregator.small_city import rule

ZONES = ("", "north", "south")
SHELL = rule("energy.electricity_per_capita.day")
UNITS = ("km", "m", "mm", "W")
FACTORS = {"km": 1000.0, "m": 1.0, "mm": 0.001}

USES = st.lists(
    st.builds(
        FactUse,
        st.sampled_from(["a", "b"]),
        st.sampled_from(UNITS[:3]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda use: use.name,
)
STATED = st.lists(
    st.tuples(
        st.sampled_from(ZONES),
        st.sampled_from(["a", "b", "other"]),
        st.integers(-3, 12) | st.just(EARLIEST_US),
        st.sampled_from([1.0, 2.0, 5.0, 0.0]),
        st.sampled_from(UNITS),
    ),
    max_size=20,
    unique_by=lambda one: one[:3],
)


def planned(uses: list[FactUse], combine: Combine = Combine.SUM) -> RulePlan:
    """A plan of which only what facts need is there."""
    made = replace(SHELL, facts=tuple(uses), space=replace(SHELL.space, city=combine))
    city = CityRow("c", "UTC", "replay", 0, EARLIEST_US)
    found: Any = SimpleNamespace(rule=made, city=city, groups=ZONES, uses=uses_of(made))
    plan: RulePlan = found
    return plan


def rows(stated: list[tuple[str, str, int, float, str]]) -> list[FactRow]:
    numbered = [
        FactRow("c", zone, name, value, unit, since, "x", "measured", number)
        for number, (zone, name, since, value, unit) in enumerate(stated, 1)
    ]
    return sorted(numbered, key=lambda row: (row.zone, row.name, row.from_us))


def in_force(facts: list[FactRow], use: FactUse, zone: str, end: int) -> FactRow | None:
    """Of the place, of the name, stated for before the end, the last one."""
    place = "" if use.of_city else zone
    mine = [row for row in facts if (row.zone, row.name) == (place, use.name) and row.from_us < end]
    return max(mine, key=lambda row: row.from_us, default=None)


def number(row: FactRow | None, use: FactUse) -> float:
    if row is None or row.unit == "W":
        return math.nan
    return row.value * FACTORS[row.unit] / FACTORS[use.unit]


@settings(deadline=None)
@given(USES, STATED, st.integers(-4, 13))
@example([FactUse("a", "km")], [("", "a", 5, 1.0, "m"), ("", "a", 4, 2.0, "m")], 5)
def test_the_figure_in_force_counts_in_the_rules_unit(
    uses: list[FactUse], stated: list[tuple[str, str, int, float, str]], end: int
) -> None:
    plan, held = planned(uses), rows(stated)
    figures = Facts(held).of(plan)
    for zone in ZONES:
        for use in uses:
            since, values = figures.get(("c", zone, use.name), ([], []))
            before = [value for at, value in zip(since, values, strict=True) if at < end]
            found = before[-1] if before else math.nan
            expected = number(in_force(held, use, zone, end), use)
            assert (
                found == expected
                or (math.isnan(found) and math.isnan(expected))
                or (math.isclose(found, expected, rel_tol=1e-12))
            )


@settings(deadline=None)
@given(USES, STATED, st.integers(-4, 13), st.sampled_from([Combine.SUM, Combine.MEAN]))
def test_the_warrant_names_just_those_and_verify_agrees(
    uses: list[FactUse],
    stated: list[tuple[str, str, int, float, str]],
    end: int,
    combine: Combine,
) -> None:
    plan, held = planned(uses, combine), rows(stated)
    facts = Facts(held)
    by_zone = used_by(facts, plan, end)
    for zone in ZONES:
        used = by_zone[zone]
        found = [in_force(held, use, zone, end) for use in uses]
        assert used == [row.id for row in found if row is not None]
        assert not checked(plan.rule, held, WarrantRow(zone, 1, used, end - 1, end)).differences
        wrong = WarrantRow(zone, 1, [*(used or ()), 99], end - 1, end)
        assert checked(plan.rule, held, wrong).differences


def used_by(
    facts: Facts, plan: RulePlan, end: int, begin: int | None = None
) -> dict[str, list[int]]:
    """Ids of the facts that a window uses, by zone; it is one long where no begin is said."""
    since = end - 1 if begin is None else begin
    found = facts.used(plan, np.array([since], np.int64), np.array([end], np.int64))
    used = None if found is None else found.ids
    assert used is not None
    return dict(zip(ZONES, used[0].tolist(), strict=True))


def checked(one: Rule, held: list[FactRow], *stored: WarrantRow) -> Findings:
    """What verify says of stored warrants."""

    class Stored:
        async def warrants(self, _city: str, _rule: str) -> list[WarrantRow]:
            return list(stored)

    audit: Any = Stored()
    out = Findings()
    work = verify_warrants(
        audit, AuditCity("c", "UTC", "replay", 0, 0, EARLIEST_US, EARLIEST_US), one, seen(held), out
    )
    try:
        work.send(None)
    except StopIteration:
        return out
    raise AssertionError("it waits for something")


def seen(held: list[FactRow]) -> list[FigureRow]:
    return [FigureRow(row.zone, row.name, row.value, row.unit, row.from_us, row.id) for row in held]


@settings(deadline=None)
@given(USES, STATED)
def test_verify_and_aggregator_see_the_same_figures(
    uses: list[FactUse], stated: list[tuple[str, str, int, float, str]]
) -> None:
    plan, held = planned(uses), rows(stated)
    mine = {
        (zone, name, since, repr(value))
        for (_, zone, name), (begins, values) in Facts(held).of(plan).items()
        for since, value in zip(begins, values, strict=True)
    }
    theirs = {
        (row.zone, row.name, row.from_us, repr(row.value))
        for row in figures_of(plan.rule, seen(held), ZONES)
    }
    assert mine == theirs


def test_a_mean_weighted_by_population_names_every_zones() -> None:
    plan = planned([], Combine.POPULATION_WEIGHTED)
    stated = [(zone, "population", 0, 5.0, "{inhabitant}") for zone in ZONES]
    facts = Facts(rows(stated))
    assert used_by(facts, plan, 1) == {"": [2, 3], "north": [], "south": []}
    assert facts.of(plan)["c", "north", "population"] == ([0], [5.0])


def test_a_rule_without_facts_names_none() -> None:
    assert Facts().used(planned([]), np.array([0]), np.array([1])) is None


def test_a_shown_fact_is_as_stated() -> None:
    held = rows([("north", "a", EARLIEST_US, 5.0, "m")])
    (shown,) = msgspec.json.decode(Facts(held).as_json((1,)))
    assert (shown["zone"], shown["value"], shown["unit"]) == ("north", 5.0, "m")
    assert shown["valid_from"] is None
    assert Facts(held).as_json(()) == b"[]"
