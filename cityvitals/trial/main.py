"""`cityvitals rules try`: a rule over a file of one station's readings."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cityvitals.catalogue.load import Quantity, load_catalogue
from cityvitals.domain.arrays import READING, ROLLUP, Records
from cityvitals.domain.names import INTERVALS
from cityvitals.errors import BadTrial
from cityvitals.store.audit import DeclaredRow
from cityvitals.trial.folding import Clockwork, Folded, Folding
from cityvitals.trial.table import Readings, read_csv
from cityvitals.verify.fold import fold, span
from kpi_rules.evaluate import Outcome, evaluate_rule
from kpi_rules.expression import Clocked, walk
from kpi_rules.interpret import Value
from kpi_rules.model import Rule


@dataclass(frozen=True, slots=True)
class Options:
    """How a rule is tried.

    Attributes:
        time_zone: of the city.
        facts: by name, in the unit that the rule wants.
    """

    time_zone: str
    facts: Mapping[str, float]


class Tried(NamedTuple):
    """A rule over one window.

    Attributes:
        begin, end: microseconds since 1970 UTC.
        reason: why there is no value, "" where there is one.
    """

    begin: int
    end: int
    outcome: Outcome
    reason: str


def try_rule(rule: Rule, path: Path, options: Options) -> Iterator[Tried]:
    """A rule over every window that a file has readings of.

    Raises:
        BadTrial: the file, or a fact, is not what the rule needs.
    """
    _check_facts(rule, options.facts)
    dated = [fact.name for fact in rule.facts if fact.values]
    if dated:
        raise BadTrial(f"rule {rule.id} needs dated figures ({', '.join(dated)}): not built yet")
    if not rule.inputs:
        raise BadTrial(f"rule {rule.id} has no inputs: there is nothing to read from a file")
    readings = read_csv(path, rule, options.time_zone)
    times = np.concatenate([times for times, _ in readings.values()])
    if not len(times):
        raise BadTrial(f"{path}: no readings")
    partials = {
        one.name: _partials(readings[one.name], load_catalogue().quantities[one.quantity])
        for one in rule.inputs
    }
    clockwork = Clockwork(rule, options.time_zone)
    foldings = {one.name: Folding(clockwork, one, partials[one.name]) for one in rule.inputs}
    window = rule.window
    for begin, end in clockwork.windows(
        window.length, window.step, window.clock, int(times.min()), int(times.max())
    ):
        yield _tried(clockwork, foldings, (begin, end), options.facts)


def _check_facts(rule: Rule, facts: Mapping[str, float]) -> None:
    known = {fact.name: fact for fact in rule.facts}
    for name in facts:
        if name not in known:
            used = ", ".join(known) or "none"
            raise BadTrial(f"rule {rule.id} uses no fact {name!r}; it uses {used}")
    lacking = [one.name for one in rule.facts if one.name not in facts and not one.optional]
    if lacking:
        wanted = ", ".join(f"--fact {name}=… ({known[name].unit})" for name in lacking)
        raise BadTrial(f"rule {rule.id} needs {wanted}")


def _partials(readings: Readings, quantity: Quantity) -> Records:
    """Quarter hours of readings that come as often as most of these do."""
    times, values = readings
    if len(times) == 0:
        return np.zeros(0, ROLLUP)
    found = np.zeros(len(times), READING)
    found["t"], found["v"] = times, values
    step = _usual_step(times) or quantity.period_s or quantity.reporting_s
    period = step if quantity.kind in INTERVALS else 0.0
    declared = DeclaredRow(
        series=0,
        source="registry",
        since_us=-(2**62),
        kind=quantity.kind,
        period_s=period,
        stamp=quantity.stamp,
        reporting_s=step,
    )
    return fold(span(found, [declared], quantity.name), 0)


def _usual_step(times: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """The most frequent distance between readings, seconds; 0 where there is none."""
    if len(times) < 2:  # noqa: PLR2004 (a distance takes two)
        return 0.0
    distances, counts = np.unique(np.diff(times), return_counts=True)
    return float(distances[counts.argmax()]) * 1e-6


def _tried(
    clockwork: Clockwork,
    foldings: Mapping[str, Folding],
    window: tuple[int, int],
    facts: Mapping[str, float],
) -> Tried:
    rule = clockwork.rule
    folded = {name: folding.over(window) for name, folding in foldings.items()}
    values: dict[str, Value] = {fact.name: facts.get(fact.name, math.nan) for fact in rule.facts}
    for one in rule.inputs:
        scale = 1.0 if one.scale is None else one.scale
        places = [place.value * scale for place in folded[one.name].places]
        if not folded[one.name].is_enough:
            places = [math.nan] * len(places)
        values[one.name] = places if one.is_series else places[0]
    outcome = evaluate_rule(rule, values | _clocks(clockwork, folded))
    return Tried(*window, outcome, _reason(rule, folded, outcome))


def _clocks(clockwork: Clockwork, folded: Mapping[str, Folded]) -> dict[str, Value]:
    """What the clock shows at the places of series, where an expression asks."""
    rule = clockwork.rule
    clocks = {one.name: one.clock or rule.window.clock for one in rule.inputs}
    trees = [rule.tree, *(part.tree for part in rule.parts)]
    asked = {node for tree in trees for node in walk(tree) if isinstance(node, Clocked)}
    return {
        node.key: [
            clockwork.shows(node.calendar, place.begin, clocks[node.name])
            for place in folded[node.name].places
        ]
        for node in asked
    }


def _reason(rule: Rule, folded: Mapping[str, Folded], outcome: Outcome) -> str:
    if math.isfinite(outcome.value):
        return ""
    for one in rule.inputs:
        found = folded[one.name]
        if not found.is_enough and not one.optional:
            share = found.known / found.possible if found.possible else 0.0
            return f"{one.name}: {share:.0%} of the window is there"
    return "the expression has no finite value"
