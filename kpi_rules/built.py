"""Which rules can be run today: the language says more than anybody evaluates over time yet.

A rule outside is refused by name and never approximated. Whoever builds a window, a statistic or a
weight takes it off these lists, in the aggregator and in `cityvitals verify` together.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Order, Statistic

OF_TIME: Final = frozenset(
    {
        Statistic.MEAN,
        Statistic.TOTAL,
        Statistic.INTEGRAL,
        Statistic.INCREASE,
        Statistic.COUNT,
        Statistic.ENERGY_MEAN,
    }
)
"""What can be made of quarter hours."""
OF_VALUES: Final = frozenset(Statistic) - {Statistic.INTEGRAL, Statistic.INCREASE}
"""What can be made of values of shorter windows."""
COMBINES: Final = frozenset(Combine) - {Combine.LENGTH_WEIGHTED, Combine.AREA_WEIGHTED}


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


def _unbuilt(rule: Rule) -> Iterator[str]:
    if rule.inputs and any(fact.values for fact in rule.facts):
        yield "fact.values: beside inputs is not built yet"
    for index, one in enumerate(rule.inputs):
        for key in _unbuilt_of(one):
            yield f"input[{index}].{key}"
        if one.combine and rule.space.order is Order.EVALUATE_FIRST:
            yield f"input[{index}].combine: with evaluate_first is not built yet"
    if rule.space.zone not in COMBINES - {Combine.POPULATION_WEIGHTED}:
        yield f'space.zone: "{rule.space.zone}" is not built yet'
    if rule.space.city not in COMBINES:
        yield f'space.city: "{rule.space.city}" is not built yet'


def _unbuilt_of(one: Input) -> Iterator[str]:
    lowest, *others = [*(level.statistic for level in one.levels), one.statistic]
    if lowest not in OF_TIME:
        yield f'statistic: "{lowest}" of quarter hours is not built yet: give it levels'
    for statistic in others:
        if statistic not in OF_VALUES:
            yield f'statistic: "{statistic}" of values is not built yet'
    if one.flags:
        yield "flags: is not built yet"
