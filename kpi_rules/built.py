"""Which rules can be run today: the language says more than anybody evaluates over time yet.

A rule outside is refused by name and never approximated. Whoever builds a window, a statistic or a
weight takes it off these lists, in the aggregator and in `cityvitals verify` together.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Fold, Length, Order, Statistic

LENGTHS: Final = frozenset({Length.HOUR, Length.DAY})
STATISTICS: Final = frozenset({Statistic.MEAN, Statistic.TOTAL, Statistic.INTEGRAL})
COMBINES: Final = frozenset({Combine.MEAN, Combine.SUM})


class Refused(NamedTuple):
    """A rule that is in order but cannot be run yet, and the key that it cannot be run for."""

    rule: Rule
    reason: str


def sift(rules: Iterable[Rule]) -> tuple[tuple[Rule, ...], tuple[Refused, ...]]:
    """The rules that can be run, and those that cannot yet."""
    able: list[Rule] = []
    refused: list[Refused] = []
    for rule in rules:
        reason = unbuilt(rule)
        if reason:
            refused.append(Refused(rule, reason))
        else:
            able.append(rule)
    return tuple(able), tuple(refused)


def unbuilt(rule: Rule) -> str:
    """What of a rule nobody evaluates yet, as `key: "word" is not built yet`; "" for nothing."""
    return next(_unbuilt(rule), "")


def _unbuilt(rule: Rule) -> Iterator[str]:  # noqa: C901, PLR0912 (a list)
    if any(fact.values for fact in rule.facts):
        yield "fact.values: is not built yet"
    if not rule.inputs:
        yield "input: a rule of facts alone is not built yet"
    if rule.window.length not in LENGTHS:
        yield f'window.length: "{rule.window.length}" is not built yet'
    if rule.window.fold is not Fold.BUCKETS:
        yield f'window.fold: "{rule.window.fold}" is not built yet'
    if rule.window.step is not None:
        yield "window.step: is not built yet"
    for index, one in enumerate(rule.inputs):
        for key in _unbuilt_of(one):
            yield f"input[{index}].{key}"
    for place, word in (("zone", rule.space.zone), ("city", rule.space.city)):
        if word not in COMBINES:
            yield f'space.{place}: "{word}" is not built yet'
    if rule.space.order is not Order.COMBINE_FIRST:
        yield f'space.order: "{rule.space.order}" is not built yet'
    if rule.space.min_stations > 1:
        yield "space.min_stations: is not built yet"
    if any(fact.of_city or fact.optional for fact in rule.facts):
        yield "fact: of_city and optional are not built yet"
    if rule.valid_from or rule.valid_to:
        yield "valid_from and valid_to: are not built yet"


def _unbuilt_of(one: Input) -> Iterator[str]:
    if one.statistic not in STATISTICS:
        yield f'statistic: "{one.statistic}" is not built yet'
    if one.levels:
        yield "levels: are not built yet"
    if one.length is not None:
        yield "window: of an input is not built yet"
    if one.scale is None:
        yield "unit: a reference state is not built yet"
    for key in ("clock", "combine", "flags", "min_count"):
        if getattr(one, key):
            yield f"{key}: is not built yet"
