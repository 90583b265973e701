"""What a rule's windows are evaluated in, whatever is observed: shorter windows, facts, the clock.

Windows stay open for many cycles, so what they stand in is worked out once.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aggregator.layers import Layers, layers_of, shown_at
from aggregator.plan import RulePlan
from aggregator.program import Floats, SeriesOf
from aggregator.series_table import Ints
from aggregator.stations import gather
from cityvitals.domain.facts import POPULATION
from kpi_rules.facts import weights_by_population

FactKey = tuple[str, str, str]
"""City, zone ('' is the city), name."""
Facts = Mapping[FactKey, tuple[list[int], list[float]]]
"""When each value of a fact begins to hold, ascending, and the values."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rule's windows [w] in a city's groups [g].

    Attributes:
        layers: per input, the windows that it folds.
        facts: the city's dated figures.
        given: those that the rule names, in force at each window's end, by name [w, g].
        weights: each group's weight in means weighted by zones [w, g].
        shown: what the clock shows at the places of inputs that are series, by name [w, 1, n].
    """

    plan: RulePlan
    begins: Ints
    ends: Ints
    layers: Sequence[Layers]
    facts: Facts
    given: Mapping[str, Floats]
    weights: Floats
    shown: Mapping[str, SeriesOf]


def frame_of(plan: RulePlan, begins: Ints, ends: Ints, facts: Facts) -> Frame:
    """Work out the frame of windows of a rule, microseconds on quarter-hour edges."""
    layers = all_layers(plan, begins, ends) if plan.members else []
    return Frame(
        plan=plan,
        begins=begins,
        ends=ends,
        layers=layers,
        facts=facts,
        given={
            fact.name: _facts(plan, fact.name, ends, facts, of_city=fact.of_city)
            for fact in plan.rule.facts
        },
        weights=_weights(plan, ends, facts),
        shown=_clocked(plan, layers),
    )


class Frames:
    """Each rule's newest frame; bounded by the rules in the shard's cities."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Frame] = {}

    def of(self, plan: RulePlan, begins: Ints, ends: Ints, facts: Facts) -> Frame:
        """The frame of windows of a rule; the facts change with the plan alone."""
        key = plan.city.id, plan.rule.id
        found = self._newest.get(key)
        if found is not None and found.plan is plan:
            known = found.begins.tobytes(), found.ends.tobytes()
            if known == (begins.tobytes(), ends.tobytes()):
                return found
        made = self._newest[key] = frame_of(plan, begins, ends, facts)
        return made


def all_layers(plan: RulePlan, begins: Ints, ends: Ints) -> list[Layers]:
    """The windows that each input of a rule folds for windows of the rule."""
    zone = plan.city.time_zone
    return [layers_of(plan.rule, one, zone, begins, ends) for one in plan.rule.inputs]


def _clocked(plan: RulePlan, layers: Sequence[Layers]) -> dict[str, SeriesOf]:
    found = {}
    for name, calendar in plan.clocked if layers else ():
        index = next(i for i, one in enumerate(plan.rule.inputs) if one.name == name)
        one, inner = plan.rule.inputs[index], layers[index]
        top = inner.levels[-1]
        clock = str(one.clock or plan.rule.window.clock)
        shown = shown_at(calendar, top.begins, clock, plan.city.time_zone)
        found[f"{calendar}({name})"] = gather(shown.astype(np.float64)[:, None], top)
    return found


def _facts(plan: RulePlan, name: str, ends: Ints, facts: Facts, *, of_city: bool) -> Floats:
    """A fact's value in force at each window's end, per group; nan where there is none."""
    found = np.full((len(ends), len(plan.groups)), np.nan)
    for g, zone in enumerate(plan.groups):
        since, values = facts.get((plan.city.id, "" if of_city else zone, name), ([], []))
        for w, end in enumerate(ends):
            at = bisect_left(since, int(end)) - 1
            if at >= 0:
                found[w, g] = values[at]
    return found


def _weights(plan: RulePlan, ends: Ints, facts: Facts) -> Floats:
    if weights_by_population(plan.rule):
        return _facts(plan, POPULATION, ends, facts, of_city=False)
    return np.full((len(ends), len(plan.groups)), np.nan)
