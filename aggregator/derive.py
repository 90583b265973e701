"""From buckets to indicators: a rule over its stations, for many windows at once. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.dated import dated_of, latest_of
from aggregator.joining import Joined, Joining, combined, join, joined
from aggregator.layers import Layers, layers_of, shown_at
from aggregator.members import Members
from aggregator.plan import RulePlan, combines
from aggregator.program import Floats, Names, SeriesOf
from aggregator.reasons import reasons_of
from aggregator.series_table import Ints
from aggregator.stations import Said, Source, gather, rounded
from cityvitals.domain.facts import POPULATION
from kpi_rules.facts import weights_by_population
from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Order

FactKey = tuple[str, str, str]
"""City, zone ('' is the city), name."""
Facts = Mapping[FactKey, tuple[list[int], list[float]]]
"""When each value of a fact begins to hold, ascending, and the values."""


@dataclass(frozen=True, slots=True)
class Derived:
    """One rule's indicators for windows [w] in groups [w, g]; nan where there is no number.

    Attributes:
        present: whether any station is placed in the group during the window.
        spoken: whether any station of the city has said anything for the window [w].
        valid: per input, which members took part [w, m].
        reasons: why there is no value, '' where there is one [w, g].
    """

    begins: Ints
    ends: Ints
    value: Floats
    numerator: Floats
    denominator: Floats
    coverage: Floats
    observed: Ints
    flagged: Ints
    present: NDArray[np.bool_]
    spoken: NDArray[np.bool_]
    valid: tuple[NDArray[np.bool_], ...]
    reasons: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a rule's expression comes to in each group [w, g].

    Attributes:
        took: which stations came to a value [w, s]; None where the expression came last.
    """

    value: Floats
    numerator: Floats
    denominator: Floats
    took: NDArray[np.bool_] | None = None


def elapsed(begins: Ints, ends: Ints, watermarks: Ints) -> Ints:
    """How much of each window [w] lies before each group's watermark [g]: [w, g].

    Negative where the watermark lies before its begin: some of an input's own windows are longer.
    """
    return np.minimum(ends[:, None], watermarks[None, :]) - begins[:, None]


def all_layers(plan: RulePlan, begins: Ints, ends: Ints) -> list[Layers]:
    """The windows that each input of a rule folds for windows of the rule."""
    zone = plan.city.time_zone
    return [layers_of(plan.rule, one, zone, begins, ends) for one in plan.rule.inputs]


def derive(
    plan: RulePlan, begins: Ints, ends: Ints, judged: Ints, source: Source, facts: Facts
) -> Derived:
    """Evaluate one rule.

    Args:
        plan: the rule in its city.
        begins: windows' begins [w], microseconds on quarter-hour edges.
        ends: windows' ends [w].
        judged: microseconds of each window against which coverage counts [w, g].
        source: the ring of recent buckets, or those read from the store.
        facts: the city's dated figures.
    """
    if not plan.members:
        return _of_facts(plan, begins, ends, facts)
    layers = all_layers(plan, begins, ends)
    until = until_of(plan, begins, ends, judged)
    found: dict[str, Said] = {}
    for index, (one, inner) in enumerate(zip(plan.rule.inputs, layers, strict=True)):
        own = judged_of(inner, begins, judged)
        found[one.name] = source.said(plan, index, inner, own, until)
    weights = _weights(plan, ends, facts)
    together = {
        one.name: join(plan, index, found[one.name], weights)
        for index, one in enumerate(plan.rule.inputs)
    }
    given = _given(plan, ends, facts)
    shown = _clocked(plan, layers)
    if plan.rule.space.order is Order.EVALUATE_FIRST:
        result = _by_station(plan, found, given, shown, weights)
    else:
        result = _by_group(plan, together, given, shown)
    coverage = _coverage(plan.rule, together)
    joints = list(together.values())
    present: NDArray[np.bool_] = np.logical_or.reduce([one.stations > 0 for one in joints])
    coverage = np.where(present, coverage, 0.0)
    reasons = reasons_of(plan, together, coverage, given, result.value)
    lacking = (reasons != "").astype(np.bool_)
    return Derived(
        begins=begins,
        ends=ends,
        value=np.where(lacking, np.nan, result.value),
        numerator=np.where(lacking, np.nan, result.numerator),
        denominator=np.where(lacking, np.nan, result.denominator),
        coverage=coverage,
        observed=np.add.reduce([one.observed for one in joints]).astype(np.int64),
        flagged=np.add.reduce([one.flagged for one in joints]).astype(np.int64),
        present=present,
        spoken=np.logical_or.reduce([one.spoken for one in joints]),
        valid=_valid(plan, joints, result),
        reasons=reasons,
    )


def _of_facts(plan: RulePlan, begins: Ints, ends: Ints, facts: Facts) -> Derived:
    """A rule of facts alone: it says something wherever one of them is in force."""
    dated = dated_of(plan, begins, ends, facts)
    given = _given(plan, ends, facts) | latest_of(dated)
    own = [~np.isnan(given[fact.name]) for fact in plan.rule.facts if not fact.of_city]
    known = own or [~np.isnan(one) for one in given.values()]
    present: NDArray[np.bool_] = np.logical_or.reduce(known)
    evaluated = plan.compiled({**given, **dated})
    divides = plan.compiled.divides
    value = evaluated.value
    result = _Found(
        value,
        evaluated.numerator if divides else evaluated.unrounded,
        evaluated.denominator if divides else np.full_like(value, np.nan),
    )
    reasons = reasons_of(plan, {}, np.ones_like(value), given, result.value)
    nothing = np.zeros(value.shape, np.int64)
    return Derived(
        begins=begins,
        ends=ends,
        value=np.where(np.isfinite(value), value, np.nan),
        numerator=np.where(np.isfinite(value), result.numerator, np.nan),
        denominator=np.where(np.isfinite(value), result.denominator, np.nan),
        coverage=np.ones_like(value),
        observed=nothing,
        flagged=nothing,
        present=present,
        spoken=present.max(axis=1, initial=False),
        valid=(),
        reasons=reasons,
    )


def judged_of(layers: Layers, begins: Ints, judged: Ints) -> Ints:
    """What counts of an input's own windows, of which so much counts of the rule's [w, g]."""
    return np.maximum(judged + (begins - layers.begins)[:, None], 0)


def until_of(plan: RulePlan, begins: Ints, ends: Ints, judged: Ints) -> Ints:
    """Up to when shorter windows count as begun, per group: a window that is judged whole is."""
    whole = judged >= (ends - begins)[:, None]
    upto = begins[:, None] + judged + np.where(whole, plan.reach.ahead, 0)
    found: Ints = upto.max(axis=0)
    return found


def _coverage(rule: Rule, found: Mapping[str, Joined]) -> Floats:
    """Of the input that is covered least; of those that may be absent, where all are, the most."""
    needed = [found[one.name].coverage for one in rule.inputs if not one.optional]
    if needed:
        least_of: Floats = np.minimum.reduce(needed)
        return least_of
    most_of: Floats = np.maximum.reduce([one.coverage for one in found.values()])
    return most_of


def _clocked(plan: RulePlan, layers: Sequence[Layers]) -> dict[str, SeriesOf]:
    """What the clock shows at the places of inputs that are series: [w, 1, n]."""
    found = {}
    for name, calendar in plan.clocked:
        index = next(i for i, one in enumerate(plan.rule.inputs) if one.name == name)
        one, inner = plan.rule.inputs[index], layers[index]
        top = inner.levels[-1]
        clock = str(one.clock or plan.rule.window.clock)
        shown = shown_at(calendar, top.begins, clock, plan.city.time_zone)
        found[f"{calendar}({name})"] = gather(shown.astype(np.float64)[:, None], top)
    return found


def _by_group(
    plan: RulePlan,
    found: Mapping[str, Joined],
    given: Mapping[str, Floats],
    shown: Mapping[str, SeriesOf],
) -> _Found:
    """Stations first, then the expression."""
    names: Names = {name: one.value for name, one in found.items()} | dict(given) | dict(shown)
    evaluated = plan.compiled(names)
    if plan.compiled.divides:
        return _Found(evaluated.value, evaluated.numerator, evaluated.denominator)
    value = evaluated.unrounded
    nothing = np.full_like(value, np.nan)
    (only, *others) = found.values()
    if others or isinstance(only.value, SeriesOf):
        return _Found(evaluated.value, value, nothing)
    mean = _is_mean(plan, plan.rule.inputs[0])[None, :]
    return _Found(
        evaluated.value,
        np.where(mean, value * only.used, value),
        np.where(mean, only.used, np.nan),
    )


def _is_mean(plan: RulePlan, one: Input | None) -> NDArray[np.bool_]:
    """Per group, whether its value is the plain mean of its stations."""
    return combines(plan.rule, one).are(Combine.MEAN, len(plan.groups))


def _by_station(
    plan: RulePlan,
    found: Mapping[str, Said],
    given: Mapping[str, Floats],
    shown: Mapping[str, SeriesOf],
    weights: Floats,
) -> _Found:
    """The expression for each station, then stations: an index of each, and their mean or worst.

    What comes out is rounded, what goes in is not.
    """
    names: dict[str, Floats | SeriesOf] = dict(shown)
    for one, at in zip(plan.rule.inputs, plan.stations.at, strict=True):
        names[one.name] = _at_stations(found[one.name], at)
    for name, value in given.items():
        names[name] = value[:, plan.stations.group]
    value = _evaluated(plan, names)
    placed = np.ones(value.shape, np.bool_)
    out = joined(value, np.zeros_like(value), placed, plan.stations.offsets)
    how = combines(plan.rule, None)
    join_as = Joining(how, plan.rule.space.min_stations, plan.stations.offsets)
    total = combined(join_as, value, placed, weights)
    used = out[..., 1]
    mean = _is_mean(plan, None)[None, :]
    numerator = np.where(mean, out[..., 0], total)
    result = rounded(total, plan.rule.rounding)
    return _Found(result, numerator, np.where(mean, used, np.nan), np.isfinite(value))


def _evaluated(plan: RulePlan, names: Names) -> Floats:
    """The expression at each station [w, s].

    Each stands in its zone and in the city, nearly always with the same numbers: what comes of them
    is the same then, too.
    """
    twins = plan.stations.in_city
    alike = twins >= 0
    for one in names.values():
        numbers, at = one.values if isinstance(one, SeriesOf) else one, twins[alike]
        if numbers.shape[1] == len(twins):  # what the clock shows is the same at all
            mine, other = numbers[:, alike], numbers[:, at]
            same = (mine == other) | (np.isnan(mine) & np.isnan(other))
            alike[alike] = same.all(axis=tuple(axis for axis in range(same.ndim) if axis != 1))
    own = np.flatnonzero(~alike)
    value = np.empty((_windows(names), len(twins)))
    value[:, own] = plan.compiled({name: _some(one, own) for name, one in names.items()}).unrounded
    value[:, alike] = value[:, twins[alike]]
    return value


def _some(one: Floats | SeriesOf, at: Ints) -> Floats | SeriesOf:
    """The numbers or series of some stations [w, s, …]."""
    if isinstance(one, SeriesOf):
        if one.lengths.shape[1] == 1:
            return one
        return SeriesOf(one.values[:, at], one.lengths[:, at])
    return one[:, at]


def _windows(names: Names) -> int:
    return max(
        len(one.lengths) if isinstance(one, SeriesOf) else len(one) for one in names.values()
    )


def _valid(
    plan: RulePlan, found: Sequence[Joined], result: _Found
) -> tuple[NDArray[np.bool_], ...]:
    """Per input, which members took part: those of stations that came to nothing did not."""
    valid = []
    for index, (one, at) in enumerate(zip(found, plan.stations.at, strict=True)):
        mine = one.valid
        if result.took is not None:
            took = np.zeros_like(mine)
            there = np.flatnonzero(at >= 0)
            took[:, at[there]] = result.took[:, there]
            mine = mine & took
        of = plan.rule.inputs[index] if result.took is None else None
        if combines(plan.rule, of).city is Combine.POPULATION_WEIGHTED:
            mine = _through_zones(plan.members[index], mine)
        valid.append(mine)
    return tuple(valid)


def _through_zones(members: Members, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A city that weights its zones has of its stations those that stand in one."""
    found = valid.copy()
    found[:, members.group == 0] = False
    w, zoned = np.nonzero(valid & (members.in_city >= 0))
    found[w, members.in_city[zoned]] = True
    return found


def _at_stations(found: Said, at: Ints) -> Floats | SeriesOf:
    """Members' values at stations; nan where a station has no such series."""
    there = at >= 0
    if isinstance(found.values, SeriesOf):
        values = found.values.values
        taken = np.full((len(values), len(at), values.shape[2]), np.nan)
        taken[:, there] = values[:, at[there]]
        lengths = np.broadcast_to(found.places[:, None], taken.shape[:2])
        return SeriesOf(taken, np.ascontiguousarray(lengths))
    numbers = np.full((len(found.values), len(at)), np.nan)
    numbers[:, there] = found.values[:, at[there]]
    return numbers


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


def _given(plan: RulePlan, ends: Ints, facts: Facts) -> dict[str, Floats]:
    """The facts that the rule names, by name [w, g]."""
    return {
        fact.name: _facts(plan, fact.name, ends, facts, of_city=fact.of_city)
        for fact in plan.rule.facts
    }


def _weights(plan: RulePlan, ends: Ints, facts: Facts) -> Floats:
    """Each group's weight in means weighted by zones."""
    if weights_by_population(plan.rule):
        return _facts(plan, POPULATION, ends, facts, of_city=False)
    return np.full((len(ends), len(plan.groups)), np.nan)
