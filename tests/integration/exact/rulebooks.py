"""Which rules are in force: shipped ones, made up ones, and the same ones revised."""

from dataclasses import replace
from typing import Final

from kpi_rules.load import load_rules
from kpi_rules.model import Input, Rule
from tests.integration.aggregator_town import RULES
from tests.integration.deep_rules import deep_rules

_FEW: Final = {"air.pm2_5.hour", "energy.electricity_per_capita.day"}
_DEEP: Final = {"air.deep.worst_eight", "air.deep.people", "air.deep.now"}


def _books() -> dict[str, tuple[Rule, ...]]:
    shipped = tuple(rule for rule in load_rules() if rule.id in RULES)
    few = tuple(rule for rule in shipped if rule.id in _FEW)
    deep = tuple(rule for rule in deep_rules(long=False) if rule.id in _DEEP)
    fewer = tuple(rule for rule in shipped if rule.id != "air.pm2_5.day")
    revised = tuple(
        replace(rule, revision=rule.revision + 1, inputs=tuple(_stricter(rule)))
        if rule.id == "air.pm2_5.hour"
        else rule
        for rule in shipped
    )
    return {"shipped": shipped, "fewer": fewer, "revised": revised, "deep": few + deep}


def _stricter(rule: Rule) -> list[Input]:
    """Its inputs, content with less or wanting more of their windows."""
    return [replace(one, min_coverage=0.25) for one in rule.inputs]


BOOKS: Final = _books()
