"""Which rules can be recomputed: what the language says beyond that is named, not guessed at."""

from collections.abc import Iterator
from typing import Final

from cityvitals.verify.edges import RUNNING_DATES, RUNNING_HOURS
from cityvitals.verify.levels import FOLDED
from cityvitals.verify.stations import FITTING
from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Order

_STATIONS: Final = {Combine.MEAN, Combine.SUM, Combine.MIN, Combine.MAX, Combine.MEDIAN}
_HOUR_STEPS: Final = {"", "quarter_hour", "hour", "day"}


def unable(rule: Rule) -> str:
    """What of a rule verify cannot recompute, as `key: "word"`; "" for nothing."""
    return next(_unable(rule), "")


def _unable(rule: Rule) -> Iterator[str]:
    if rule.space.zone not in _STATIONS:
        yield f'space.zone: "{rule.space.zone}"'
    if rule.space.city not in {*_STATIONS, Combine.POPULATION_WEIGHTED}:
        yield f'space.city: "{rule.space.city}"'
    yield from _unable_step("window", rule.window.length, rule.window.step or "")
    for index, one in enumerate(rule.inputs):
        if one.combine and rule.space.order is Order.EVALUATE_FIRST:
            yield f"input[{index}].combine: with evaluate_first"
        for key in _unable_input(one):
            yield f"input[{index}].{key}"


def _unable_input(one: Input) -> Iterator[str]:
    lowest, *higher = [*(level.statistic for level in one.levels), one.statistic]
    if lowest not in FITTING:
        yield f'statistic: "{lowest}" of readings'
    for statistic in higher:
        if statistic not in FOLDED:
            yield f'statistic: "{statistic}"'
    if one.combine and one.combine not in _STATIONS:
        yield f'combine: "{one.combine}"'
    if one.flags:
        yield "flags"
    if one.min_count and not one.levels:
        yield "min_count: of quarter hours"
    for index, level in enumerate(one.levels):
        yield from _unable_step(f"levels[{index}]", level.length, level.step or "")


def _unable_step(key: str, length: str, step: str) -> Iterator[str]:
    if length in RUNNING_HOURS:
        fits = step in _HOUR_STEPS
    else:
        fits = step in {"", RUNNING_DATES.get(length, (length,))[0]}
    if not fits:
        yield f'{key}.step: "{step}"'
