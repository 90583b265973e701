"""From buckets to indicators: a rule over its stations, for many windows at once. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aggregator.dated import dated_of, latest_of
from aggregator.folds import Columns
from aggregator.frame import Frame
from aggregator.joining import Joined, Joining, Values, combined, join, joined
from aggregator.layers import Layers
from aggregator.members import Members, Stations
from aggregator.plan import RulePlan, combines
from aggregator.program import Floats, SeriesOf
from aggregator.reasons import reasons_of
from aggregator.series_table import Ints
from aggregator.stations import Said, Source, rounded
from kpi_rules.facts import weights_by_population
from kpi_rules.model import Input, Rule
from kpi_rules.words import Combine, Order


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


def derive(frame: Frame, judged: Ints, source: Source) -> Derived:
    """Evaluate one rule.

    Args:
        frame: its windows [w] in its groups [g].
        judged: microseconds of each window against which coverage counts [w, g].
        source: the ring of recent buckets, or those read from the store.
    """
    if not frame.plan.members:
        return _of_facts(frame)
    found = _derive(frame, judged, source)
    by_city = judged_by_city(frame.plan, judged)
    if by_city is not None:
        found = _with_city(frame.plan, found, _derive(frame, by_city, source))
    return found


def judged_by_city(plan: RulePlan, judged: Ints) -> Ints | None:
    """As if each zone had come as far as the city [w, g]; None where that changes nothing.

    A city that weights its zones is judged by its own watermark, as its row says: some of them
    have come further, and stations suffice there for less of the window, or no more.
    """
    if not weights_by_population(plan.rule) or (judged == judged[:, :1]).all():
        return None
    return np.repeat(judged[:, :1], judged.shape[1], axis=1)


def _with_city(plan: RulePlan, zones: Derived, city: Derived) -> Derived:
    """What was derived for zones, and otherwise for the city."""
    is_city = np.arange(len(plan.groups)) == 0
    valid = [
        np.where(members.group == 0, of_city, of_zones)
        for members, of_city, of_zones in zip(plan.members, city.valid, zones.valid, strict=True)
    ]
    return replace(
        zones,
        value=np.where(is_city, city.value, zones.value),
        numerator=np.where(is_city, city.numerator, zones.numerator),
        denominator=np.where(is_city, city.denominator, zones.denominator),
        valid=tuple(valid),
        reasons=np.where(is_city, city.reasons, zones.reasons),
    )


def _derive(frame: Frame, judged: Ints, source: Source) -> Derived:
    """Evaluate a rule that has inputs."""
    plan, begins, ends = frame.plan, frame.begins, frame.ends
    until = until_of(plan, begins, ends, judged)
    found: dict[str, Said] = {}
    for index, (one, inner) in enumerate(zip(plan.rule.inputs, frame.layers, strict=True)):
        own = judged_of(inner, begins, judged)
        found[one.name] = source.said(plan, index, inner, own, until)
    together = {
        one.name: join(plan, index, found[one.name], frame.weights)
        for index, one in enumerate(plan.rule.inputs)
    }
    if plan.rule.space.order is Order.EVALUATE_FIRST:
        result = _by_station(frame, found)
    else:
        result = _by_group(frame, together)
    coverage = _coverage(plan.rule, together)
    joints = list(together.values())
    present = _any([one.stations > 0 for one in joints])
    coverage = np.where(present, coverage, 0.0)
    reasons = reasons_of(plan, together, coverage, frame.given, result.value)
    lacking = np.not_equal(reasons, "").astype(np.bool_)
    return Derived(
        begins=begins,
        ends=ends,
        value=_but(result.value, lacking),
        numerator=_but(result.numerator, lacking),
        denominator=_but(result.denominator, lacking),
        coverage=coverage,
        observed=_sum([one.observed for one in joints]).astype(np.int64),
        flagged=_sum([one.flagged for one in joints]).astype(np.int64),
        present=present,
        spoken=_any([one.spoken for one in joints]),
        valid=_valid(plan, joints, result),
        reasons=reasons,
    )


def _any(of: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = of[0] if len(of) == 1 else np.logical_or.reduce(of)
    return found


def _sum(of: Sequence[Floats]) -> Floats:
    found: Floats = of[0] if len(of) == 1 else np.add.reduce(of)
    return found


def _but(values: Floats, lacking: NDArray[np.bool_]) -> Floats:
    """Values, nan where something is lacking."""
    return np.where(lacking, np.nan, values) if lacking.any() else values


def _of_facts(frame: Frame) -> Derived:
    """A rule of facts alone: it says something wherever one of them is in force."""
    plan, begins, ends = frame.plan, frame.begins, frame.ends
    dated = dated_of(plan, begins, ends, frame.facts)
    given = {**frame.given, **latest_of(dated)}
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
    if len(needed) == 1:
        return needed[0]
    if needed:
        least_of: Floats = np.minimum.reduce(needed)
        return least_of
    most_of: Floats = np.maximum.reduce([one.coverage for one in found.values()])
    return most_of


def _by_group(frame: Frame, found: Mapping[str, Joined]) -> _Found:
    """Stations first, then the expression."""
    plan, values = frame.plan, {name: one.value for name, one in found.items()}
    evaluated = plan.compiled({**values, **frame.given, **frame.shown})
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


def _by_station(frame: Frame, found: Mapping[str, Said]) -> _Found:
    """The expression for each station, then stations: an index of each, and their mean or worst.

    What comes out is rounded, what goes in is not.
    """
    plan, stations = frame.plan, frame.plan.stations
    at = [
        _column_at(found[one.name], each)
        for one, each in zip(plan.rule.inputs, stations.at, strict=True)
    ]
    columns = _apart(stations, at, frame.given)
    names: dict[str, Floats | SeriesOf] = dict(frame.shown)
    for one, each in zip(plan.rule.inputs, at, strict=True):
        names[one.name] = _at_stations(found[one.name], each[columns.own])
    for name, value in frame.given.items():
        names[name] = value[:, stations.group[columns.own]]
    value = plan.compiled(names).unrounded
    placed = np.ones((len(value), len(stations.group)), np.bool_)
    values = Values(value, columns.of, placed)
    how = combines(plan.rule, None)
    join_as = Joining(how, plan.rule.space.min_stations, stations.offsets)
    out = joined(values, np.zeros(placed.shape), stations.offsets)
    total = combined(join_as, out, values, frame.weights)
    used = out[..., 1]
    mean = _is_mean(plan, None)[None, :]
    numerator = np.where(mean, out[..., 0], total)
    result = rounded(total, plan.rule.rounding)
    took = np.isfinite(value)[:, columns.of]
    return _Found(result, numerator, np.where(mean, used, np.nan), took)


def _apart(stations: Stations, at: Sequence[Ints], given: Mapping[str, Floats]) -> Columns:
    """At which stations the expression is evaluated.

    Each stands in its zone and in the city, nearly always with the same numbers: what comes of them
    is the same then, too.

    Args:
        stations: the sensors.
        at: per input, the column that each has of its numbers [s]; -1 for none.
        given: facts [w, g].
    """
    twins = stations.in_city
    alike = twins >= 0
    for each in at:
        alike &= each == each[twins]
    for value in given.values():
        same = (value == value[:, :1]) | (np.isnan(value) & np.isnan(value[:, :1]))
        alike &= same.all(axis=0)[stations.group]
    own = np.flatnonzero(~alike)
    of = np.empty(len(twins), np.int64)
    of[own] = np.arange(len(own))
    of[alike] = of[twins[alike]]
    return Columns(own, of)


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


def _column_at(found: Said, at: Ints) -> Ints:
    """The column of the member that stands for each station [s]; -1 for none."""
    column, there = np.full(len(at), -1), at >= 0
    column[there] = found.of[at[there]]  # of an input that nobody feeds there is none
    return column


def _at_stations(found: Said, at: Ints) -> Floats | SeriesOf:
    """Columns' values at stations; nan where a station has no such series."""
    values = found.values.values if isinstance(found.values, SeriesOf) else found.values
    there = at >= 0
    if len(at) == values.shape[1] and (at == np.arange(len(at))).all():
        taken = values
    else:
        taken = np.full((len(values), len(at), *values.shape[2:]), np.nan)
        taken[:, there] = values[:, at[there]]
    if not isinstance(found.values, SeriesOf):
        return taken
    lengths = np.broadcast_to(found.places[:, None], taken.shape[:2])
    return SeriesOf(taken, np.ascontiguousarray(lengths))
