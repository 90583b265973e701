"""Why an indicator has no value, in words. Pure."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aggregator.joining import Joined
from aggregator.plan import RulePlan
from aggregator.program import Floats
from cityvitals.domain.coverage import least
from cityvitals.domain.facts import POPULATION
from kpi_rules.facts import weights_by_population
from kpi_rules.model import FactUse, Input


def reasons_of(
    plan: RulePlan,
    found: Mapping[str, Joined],
    coverage: Floats,
    given: Mapping[str, Floats],
    values: Floats,
) -> NDArray[np.object_]:
    """Why each window of each group has no value, or '' [w, g]: the first reason that there is."""
    space = plan.rule.space
    reasons = np.full(coverage.shape, "", object)
    left = ~np.isfinite(values) | (coverage < least(space.min_coverage))
    if not (left.any() or any((one.stations == 0).any() for one in found.values())):
        return reasons
    if found:
        spoken = np.logical_or.reduce([one.spoken for one in found.values()])
        empty = ~np.logical_or.reduce([one.stations > 0 for one in found.values()])
        # Both are said only where something was said before.
        left = _give(
            reasons, left | empty, ~spoken[:, None], "nothing is left of what was observed"
        )
        left = _give(reasons, left, empty, "no station stands there any more")
    few = coverage < least(space.min_coverage)
    left = _give(reasons, left, few, lambda: _coverages(coverage, left & few, space.min_coverage))
    for one in plan.rule.inputs:
        if not one.optional:
            few = found[one.name].used < space.min_stations
            left = _give(reasons, left, few, _no_station(one, space.min_stations))
    for fact in plan.rule.facts:
        if not fact.optional:
            texts = partial(_undeclared, fact, plan.groups)
            left = _give(reasons, left, np.isnan(given[fact.name]), texts)
    if weights_by_population(plan.rule):
        weightless = f"no {POPULATION} is declared for a zone that has a value"
        is_city = np.array([not zone for zone in plan.groups], np.bool_)
        left = _give(reasons, left, is_city, weightless)
    reasons[left] = "the expression has no finite value"
    return reasons


def _give(
    reasons: NDArray[np.object_],
    left: NDArray[np.bool_],
    which: NDArray[np.bool_],
    texts: Callable[[], NDArray[np.object_]] | str,
) -> NDArray[np.bool_]:
    """Give a reason to those that still have none; returns which are left.

    Texts are made where somebody needs them: hardly anybody does.
    """
    now: NDArray[np.bool_] = left & which
    if now.any():
        found = texts if isinstance(texts, str) else texts()
        told = np.broadcast_to(np.array(found, object), reasons.shape)
        reasons[now] = told[now]
    return left & ~now


def _coverages(coverage: Floats, which: NDArray[np.bool_], needed: float) -> NDArray[np.object_]:
    """What is said of too little coverage [w, g]; many share it."""
    texts = np.full(coverage.shape, "", object)
    shares, at = np.unique(coverage[which], return_inverse=True)
    said = [f"coverage {share:.3f}, {needed:g} needed" for share in shares.tolist()]
    texts[which] = np.array(said, object)[at]
    return texts


def _undeclared(fact: FactUse, groups: Sequence[str]) -> NDArray[np.object_]:
    """What is said of each group that lacks a fact [g]."""
    what = fact.name if fact.unit == "1" else f"{fact.name} in {fact.unit}"
    zones = [""] * len(groups) if fact.of_city else groups
    where = (f"zone {zone}" if zone else "the city" for zone in zones)
    return np.array([f"no {what} is declared for {one}" for one in where], object)


def _no_station(one: Input, stations: int) -> str:
    what = "no station" if stations == 1 else f"fewer than {stations} stations"
    verb, has = ("covers", "has") if stations == 1 else ("cover", "have")
    if one.min_coverage > 0:
        said = f"{what} {verb} {one.min_coverage:g} of the window with {one.quantity}"
    elif one.min_count > 0:
        unit = one.levels[-1].length if one.levels else "quarter_hour"
        said = f"{what} {has} {one.min_count} values (each {unit}) of {one.quantity} in the window"
    else:
        said = f"{what} {has} {one.quantity} in the window"
    needs_state = " with a declared reference_state" if one.scale is None else ""
    return said + needs_state
