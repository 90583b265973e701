"""Which rules a change affects, and which of their windows. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from cityvitals.domain.window import longest_us
from kpi_rules.facts import uses_of
from kpi_rules.model import Rule


def by_quantity(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    """Rules that a quantity feeds."""
    found: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        for quantity in {one.quantity for one in rule.inputs}:
            found[quantity].append(rule)
    return found


def using(rules: Iterable[Rule], fact: str) -> list[Rule]:
    """Rules that a fact enters into."""
    return [rule for rule in rules if fact in {one.name for one in uses_of(rule)}]


def stretch(news: dict[str, Any], rule: Rule) -> tuple[int, ...]:
    """Where windows end that a fact enters into: until the next one, or as long as they hold it."""
    if "begin" not in news:
        return ()
    begin, end = news["begin"], news["end"]
    if any(use.values and use.name == news["name"] for use in rule.facts):
        end = max(end, begin + longest_us(rule.window.length))
    return begin, end
