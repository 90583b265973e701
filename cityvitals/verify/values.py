"""A rule's value for a zone: inputs, facts and expression, by the plain interpreter. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.domain.coverage import least
from cityvitals.store.audit import FigureRow
from cityvitals.verify.edges import Windows
from cityvitals.verify.fold import Floats, Ints
from cityvitals.verify.stations import Joined, Station, join
from kpi_rules.evaluate import evaluate_rule, is_division
from kpi_rules.model import Rule
from kpi_rules.words import Combine

EXPECTED: Final = np.dtype(
    [
        ("begin", "<i8"),
        ("end", "<i8"),
        ("value", "<f8"),
        ("numerator", "<f8"),
        ("denominator", "<f8"),
        ("coverage", "<f8"),
        ("observed", "<i8"),
        ("flagged", "<i8"),
        ("stations", "<i4"),
        ("station_sum", "<i8"),
        ("placed", "?"),
        ("spoken", "?"),
    ]
)
"""What an indicator should be; nan for no value. `placed`: a station stood there, so that there may
be an indicator. `spoken`: one of them has a partial there, so that there must be."""

Stations = Mapping[str, Mapping[str, Sequence[Station]]]
"""By input of the rule, then by zone."""


def expect(
    rule: Rule,
    zone: str,
    stations: Stations,
    facts: Iterable[FigureRow],
    windows: Windows,
    judged: Ints,
) -> Records:
    """What a rule gives for a zone (EXPECTED), window by window.

    Args:
        rule: the definition.
        zone: '' is the city, which folds all its stations.
        stations: of every input, by zone.
        facts: the city's dated figures.
        windows: the windows [w].
        judged: microseconds of each that coverage is judged against [w].
    """
    combine = rule.space.zone if zone else rule.space.city
    joined = {
        one.name: join(one, combine, stations[one.name].get(zone, ()), windows, judged)
        for one in rule.inputs
    }
    figures = [row for row in facts if row.zone == zone]
    names = {one.name: joined[one.name].value * (one.scale or 1.0) for one in rule.inputs}
    names |= {use.name: _figure(figures, use.name, windows) for use in rule.facts}
    out = np.zeros(len(windows.begins), EXPECTED)
    out["begin"], out["end"] = windows
    _evaluate(rule, combine, joined, names, out)
    out["coverage"] = _coverage(rule, joined)
    out["observed"] = sum(one.observed for one in joined.values())
    out["flagged"] = sum(one.flagged for one in joined.values())
    out["placed"] = np.any([one.placed > 0 for one in joined.values()], axis=0)
    out["spoken"] = np.any([one.spoken for one in joined.values()], axis=0)
    _count_stations(joined, out)
    lacking = ~np.isfinite(out["value"]) | (out["coverage"] < least(rule.space.min_coverage))
    for field in ("value", "numerator", "denominator"):
        out[field][lacking] = np.nan
    return out


def _coverage(rule: Rule, joined: Mapping[str, Joined]) -> Floats:
    """Of the input that is covered least; of those that may be absent, where all are, the most."""
    needed = [joined[one.name].coverage for one in rule.inputs if not one.optional]
    every = [one.coverage for one in joined.values()]
    found: Floats = np.min(needed, axis=0) if needed else np.max(every, axis=0)
    return found


def _figure(figures: Iterable[FigureRow], name: str, windows: Windows) -> Floats:
    """The figure in force in the last instant of each window; nan where there is none."""
    rows = sorted((row for row in figures if row.name == name), key=lambda row: row.from_us)
    since = np.array([row.from_us for row in rows], np.int64)
    values = np.array([np.nan, *(row.value for row in rows)])
    found: Floats = values[np.searchsorted(since, windows.ends, side="left")]
    return found


def _evaluate(
    rule: Rule,
    combine: Combine,
    joined: Mapping[str, Joined],
    names: Mapping[str, Floats],
    out: Records,
) -> None:
    """Value, numerator and denominator, window by window."""
    for w in range(len(out)):
        found = evaluate_rule(rule, {name: float(values[w]) for name, values in names.items()})
        above, below = found.unrounded, math.nan
        if is_division(rule.tree):
            above, below = found.numerator, found.denominator
        elif combine == Combine.MEAN and len(joined) == 1:
            (only,) = joined.values()
            above, below = found.unrounded * float(only.used[w]), float(only.used[w])
        out["value"][w], out["numerator"][w], out["denominator"][w] = found.value, above, below


def _count_stations(joined: Mapping[str, Joined], out: Records) -> None:
    """How many series took part, and the sum of their ids: no series feeds two inputs (`run`)."""
    out["stations"] = sum(one.used for one in joined.values())
    out["station_sum"] = sum(one.series_sum for one in joined.values())
