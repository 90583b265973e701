"""From buckets to indicators: a rule over its stations, for many windows at once. Pure."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.compiler import Evaluated
from aggregator.kernels.windows import fold_windows, join_stations
from aggregator.plan import Members, RulePlan
from aggregator.series_table import Ints
from cityvitals.domain.coverage import least
from cityvitals.domain.times import BUCKET_US
from kpi_rules.model import Input
from kpi_rules.words import Combine, Statistic

Floats = NDArray[np.float64]

FactKey = tuple[str, str, str]
"""City, zone ('' is the city), name."""
Facts = Mapping[FactKey, tuple[list[int], list[float]]]
"""When each value of a fact begins to hold, ascending, and the values."""


@dataclass(frozen=True, slots=True)
class Source:
    """Buckets for windows.

    Attributes:
        cells: CELL records [series, slots].
        at: row of `cells` by row of the shard.
    """

    cells: Any
    at: Ints


@dataclass(frozen=True, slots=True)
class Derived:
    """One rule's indicators for windows [w] in groups [w, g]; nan where there is no number.

    Attributes:
        present: whether any station is placed in the group during the window.
        spoken: whether any station of the city has said anything for the window [w].
        valid: per input, which members took part [w, m].
        reasons: why there is no value, '' where there is one.
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
    reasons: list[list[str]]


@dataclass(frozen=True, slots=True)
class _Joined:
    """One input, joined over stations [w, g]."""

    numerator: Floats
    used: Floats
    coverage: Floats
    observed: Floats
    flagged: Floats
    stations: Floats
    spoken: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    value: Floats


_NUMERATOR, _USED, _COVERAGE, _OBSERVED, _FLAGGED, _STATIONS = range(6)


def elapsed(begins: Ints, ends: Ints, watermarks: Ints) -> Ints:
    """How much of each window [w] lies before each group's watermark [g]: [w, g]."""
    upto = np.minimum(ends[:, None], watermarks[None, :])
    return np.maximum(upto - begins[:, None], 0)


def derive(
    plan: RulePlan, begins: Ints, ends: Ints, judged: Ints, source: Source, facts: Facts
) -> Derived:
    """Evaluate one rule.

    Args:
        plan: the rule in its city.
        begins: windows' begins [w], microseconds on quarter-hour edges.
        ends: windows' ends [w].
        judged: microseconds of each window against which coverage counts [w, g].
        source: the ring of recent buckets, or one read from the store.
        facts: the city's dated figures.
    """
    joined = {
        one.name: _join(plan, one, members, begins, ends, judged, source)
        for one, members in zip(plan.rule.inputs, plan.members, strict=True)
    }
    coverage = _coverage(plan, joined)
    names: dict[str, Floats] = {
        one.name: joined[one.name].value * (one.scale or 1.0) for one in plan.rule.inputs
    }
    names |= {fact.name: _facts(plan, fact.name, ends, facts) for fact in plan.rule.facts}
    evaluated = plan.compiled(names)
    value = evaluated.value
    numerator, denominator = _fraction(plan, joined, evaluated)
    reasons = _reasons(plan, joined, coverage, names, value)
    lacking = np.array([[reason != "" for reason in row] for row in reasons], np.bool_)
    lacking = lacking.reshape(value.shape)
    return Derived(
        begins=begins,
        ends=ends,
        value=np.where(lacking, np.nan, value),
        numerator=np.where(lacking, np.nan, numerator),
        denominator=np.where(lacking, np.nan, denominator),
        coverage=coverage,
        observed=sum(one.observed for one in joined.values()).astype(np.int64),  # type: ignore[union-attr]
        flagged=sum(one.flagged for one in joined.values()).astype(np.int64),  # type: ignore[union-attr]
        present=np.logical_or.reduce([one.stations > 0 for one in joined.values()]),
        spoken=np.logical_or.reduce([one.spoken for one in joined.values()]),
        valid=tuple(one.valid for one in joined.values()),
        reasons=reasons,
    )


def _coverage(plan: RulePlan, joined: Mapping[str, _Joined]) -> Floats:
    """Of the input that is covered least; of those that may be absent, where all are, the most."""
    needed = [joined[one.name].coverage for one in plan.rule.inputs if not one.optional]
    if needed:
        found: Floats = np.minimum.reduce(needed)
    else:
        found = np.maximum.reduce([one.coverage for one in joined.values()])
    return found


def _join(
    plan: RulePlan,
    one: Input,
    members: Members,
    begins: Ints,
    ends: Ints,
    judged: Ints,
    source: Source,
) -> _Joined:
    first, last = begins // BUCKET_US, ends // BUCKET_US
    folded = np.empty((len(begins), len(members.rows), 4))
    rows = source.at[members.rows]
    fold_windows(source.cells, rows, members.since, members.until, first, last, folded)
    here = (members.since[None, :] < last[:, None]) & (members.until[None, :] > first[:, None])
    out = np.empty((len(begins), len(plan.groups), 6))
    valid = np.zeros(here.shape, np.bool_)
    mean = one.statistic == Statistic.MEAN
    groups, enough = members.offsets, least(one.min_coverage)
    space = plan.rule.space
    for combine, chosen in _by_combination(space.city, space.zone, len(plan.groups)):
        part = np.empty_like(out)
        took = np.zeros_like(valid)
        join_stations(
            folded, groups, judged, here, enough, mean, combine == Combine.SUM, part, took
        )
        out[:, chosen] = part[:, chosen]
        span = slice(groups[chosen.start], groups[chosen.stop])
        valid[:, span] = took[:, span]
    numerator, used = out[..., _NUMERATOR], out[..., _USED]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(_sums(plan)[None, :], numerator, numerator / used)
    said = folded[:, groups[0] : groups[1], 1:].sum(axis=2).sum(axis=1)
    return _Joined(
        numerator=numerator,
        used=used,
        coverage=out[..., _COVERAGE],
        observed=out[..., _OBSERVED],
        flagged=out[..., _FLAGGED],
        stations=out[..., _STATIONS],
        spoken=np.greater(said, 0),
        valid=valid,
        value=np.where(used > 0, value, np.nan),
    )


def _by_combination(city: Combine, zone: Combine, groups: int) -> list[tuple[Combine, slice]]:
    """Which groups fold their stations which way: group 0 is the city."""
    if city == zone:
        return [(city, slice(0, groups))]
    return [(city, slice(0, 1)), (zone, slice(1, groups))]


def _sums(plan: RulePlan) -> NDArray[np.bool_]:
    """Per group, whether its value is the sum of its stations."""
    space = plan.rule.space
    modes = [space.city] + [space.zone] * (len(plan.groups) - 1)
    return np.array([mode == Combine.SUM for mode in modes], np.bool_)


def _facts(plan: RulePlan, name: str, ends: Ints, facts: Facts) -> Floats:
    """A fact's value in force at each window's end, per group; nan where there is none."""
    found = np.full((len(ends), len(plan.groups)), np.nan)
    for g, zone in enumerate(plan.groups):
        since, values = facts.get((plan.city.id, zone, name), ([], []))
        for w, end in enumerate(ends):
            at = bisect_left(since, int(end)) - 1
            if at >= 0:
                found[w, g] = values[at]
    return found


def _fraction(
    plan: RulePlan, joined: Mapping[str, _Joined], evaluated: Evaluated
) -> tuple[Floats, Floats]:
    """Numerator and denominator, of the value before rounding.

    The operands of a division, or a mean's sum and its stations, or the value alone.
    """
    if plan.compiled.divides:
        return evaluated.numerator, evaluated.denominator
    value = evaluated.unrounded
    if len(joined) > 1:
        return value, np.full_like(value, np.nan)
    (only,) = joined.values()
    mean = ~_sums(plan)[None, :]
    return (
        np.where(mean, value * only.used, value),
        np.where(mean, only.used, np.nan),
    )


def _reasons(
    plan: RulePlan,
    joined: Mapping[str, _Joined],
    coverage: Floats,
    names: Mapping[str, Floats],
    value: Floats,
) -> list[list[str]]:
    """Why each window of each group has no value, or ''."""
    enough = least(plan.rule.space.min_coverage)
    reasons = [[""] * len(plan.groups) for _ in range(len(coverage))]
    lacking = ~np.isfinite(value) | (coverage < enough)
    for w, g in np.argwhere(lacking):
        reasons[w][g] = _reason(plan, joined, names, float(coverage[w, g]), int(w), int(g))
    return reasons


def _reason(
    plan: RulePlan,
    joined: Mapping[str, _Joined],
    names: Mapping[str, Floats],
    coverage: float,
    w: int,
    g: int,
) -> str:
    if not any(one.spoken[w] for one in joined.values()):
        return "nothing is left of what was observed"  # said only where something was said before
    if coverage < least(plan.rule.space.min_coverage):
        return f"coverage {coverage:.3f}, {plan.rule.space.min_coverage:g} needed"
    for one in plan.rule.inputs:
        if joined[one.name].used[w, g] == 0 and not one.optional:
            return f"no station covers {one.min_coverage:g} of the window with {one.quantity}"
    for fact in plan.rule.facts:
        if np.isnan(names[fact.name][w, g]):
            place = f"zone {plan.groups[g]}" if plan.groups[g] else "the city"
            return f"no {fact.name} is declared for {place}"
    return "the expression has no finite value"
