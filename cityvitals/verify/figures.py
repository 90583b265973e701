"""A city's facts as a rule sees them, and whether indicators name those they were made with."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from cityvitals.domain.facts import POPULATION
from cityvitals.domain.times import iso
from cityvitals.store.audit import Audit, AuditCity, FigureRow, WarrantRow
from cityvitals.verify.report import Difference, Findings
from kpi_rules.facts import in_unit, uses_of, weights_by_population
from kpi_rules.model import Rule

WARRANT: Final = "warrant"

_Held = dict[tuple[str, str], list[tuple[int, int]]]
"""By name and zone: since when which fact holds, ascending."""


def figures_of(
    rule: Rule, facts: Iterable[FigureRow], zones: Iterable[str]
) -> tuple[FigureRow, ...]:
    """Facts in the rule's units; where it says `of_city`, the city's stands in every zone."""
    every = {"", *zones}
    return tuple(
        replace(row, zone=zone, value=in_unit(row.value, row.unit, use.unit), unit=use.unit)
        for use in uses_of(rule)
        for row in facts
        if row.name == use.name and not (use.of_city and row.zone)
        for zone in (every if use.of_city else {row.zone})
    )


async def verify_warrants(
    audit: Audit,
    city: AuditCity,
    rule: Rule,
    facts: Iterable[FigureRow],
    out: Findings,
) -> None:
    """Check that each window names the facts in force in its last instant, and no others.

    Of facts whose values a rule sees, those that are dated within the window.

    Raises:
        StoreUnavailable: the server went away.
    """
    if not uses_of(rule):
        return
    tally, held = out.tally(WARRANT), _held(facts)
    for row in await audit.warrants(city.id, rule.id):
        if row.begin_us < city.sealed_us:
            tally.sealed += 1
        elif row.facts is None:
            tally.open += 1  # made before indicators named their facts
        else:
            tally.checked += 1
            expected = _expected(rule, held, row)
            if set(row.facts) != expected or len(row.facts) != len(expected):
                tally.different += 1
                key = f"{city.id} {rule.id} {row.zone or '(city)'} {iso(row.begin_us)}"
                shown = (sorted(row.facts), sorted(expected))
                out.differ(Difference(WARRANT, key, "facts", *shown))


def _held(facts: Iterable[FigureRow]) -> _Held:
    found: _Held = {}
    for row in sorted(facts, key=lambda each: each.from_us):
        found.setdefault((row.name, row.zone), []).append((row.from_us, row.id))
    return found


def _expected(rule: Rule, held: _Held, row: WarrantRow) -> set[int]:
    wanted = {(use.name, "" if use.of_city else row.zone) for use in rule.facts if not use.values}
    if weights_by_population(rule) and not row.zone:
        wanted |= {key for key in held if key[0] == POPULATION and key[1]}
    found = set()
    for key in wanted:
        before = [id_ for from_us, id_ in held.get(key, ()) if from_us < row.end_us]
        found.update(before[-1:])
    return found | _dated(rule, held, row)


def _dated(rule: Rule, held: _Held, row: WarrantRow) -> set[int]:
    """Of facts whose values the rule sees: all that are dated within the window."""
    return {
        id_
        for use in rule.facts
        if use.values
        for from_us, id_ in held.get((use.name, "" if use.of_city else row.zone), ())
        if row.begin_us <= from_us < row.end_us
    }
