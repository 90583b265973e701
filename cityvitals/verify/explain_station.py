"""What one station says as an input of a rule, down to its quarter hours, ready for JSON. Pure."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cityvitals.domain.coverage import least
from cityvitals.domain.times import US, iso
from cityvitals.store.audit import AuditSeries
from cityvitals.verify.layers import Cut, Layer
from cityvitals.verify.levels import Said, layered
from cityvitals.verify.stations import Station
from cityvitals.verify.sums import add_up
from kpi_rules.interpret import Value
from kpi_rules.model import Input

MOST_BUCKETS: Final = 3_000
"""A month of quarter hours; more are read from `/rollups`, page by page."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How much of a station is told.

    Attributes:
        values: of a series, its values.
        layers: the windows of its levels, and quarter hours.
        takes_all: whether a sum takes every station, however little it covers.
    """

    values: bool
    layers: bool
    takes_all: bool


def numbers(value: Value) -> float | list[float | None] | None:
    """A number or a series as JSON has it: null for what is not there."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return [each if math.isfinite(each) else None for each in value]


def station(one: Input, cut: Cut, said: Said, series: AuditSeries, shown: Shown) -> dict[str, Any]:
    """A station in the first window of an input.

    Args:
        one: the input.
        cut: its windows.
        said: what the station says.
        series: whose it is.
        shown: how much is told.
    """
    sums = add_up(said.station.folded, cut.own)
    value, is_series = said.values.at(0), one.is_series
    told = numbers(value) if shown.values or not is_series else None
    covered = int(sums.covered[0])
    found: dict[str, Any] = {
        "sensor": series.sensor,
        "quantity": series.quantity,
        "channel": series.channel,
        "value": None if is_series else told,
        "values": told if is_series else None,
        "valid": bool(said.valid[0]),
        "reason": _reason(one, cut, said, covered),
        "coverage": float(said.share[0]),
        "covered_seconds": covered / US,
        "passed_seconds": int(cut.layers[-1].passed[0]) / US,
        "integral": numbers(float(sums.integral[0])),
        "scale": numbers(said.station.scale),
        "observed": int(said.observed[0]),
        "flagged": int(said.flagged[0]),
        "begin": iso(int(cut.reached[0][0])),
        "end": iso(int(cut.reached[1][0])),
    }
    if shown.layers:
        found["levels"] = _layers(one, cut, said.station, takes_all=shown.takes_all)
        found["buckets"] = _buckets(cut, said.station)
    return found


def _reason(one: Input, cut: Cut, said: Said, covered: int) -> str:
    """Why a station does not count; "" where it does."""
    if said.valid[0]:
        return ""
    if not said.here[0]:
        return "it did not stand there in this window"
    if not covered:
        return "nothing is known of this window"
    if math.isnan(said.station.scale):
        return f"its reference state is not declared, which {one.seen_in} takes"
    share = float(said.share[0])
    if not one.levels and share < least(one.min_coverage):
        return f"{share:.6g} of its time is covered, {one.min_coverage:g} needed"
    top = cut.layers[-1]
    needed = f"{top.min_count} values and {top.min_coverage:g} of them"
    return f"too few of its {top.begun[0] if top.begun else 0} shorter windows count: {needed}"


def _layers(one: Input, cut: Cut, station: Station, *, takes_all: bool) -> list[dict[str, Any]]:
    """From the shortest windows to the input's own, each with what it makes of the one below."""
    lengths = [str(level.length) for level in one.levels]
    found = []
    values = layered(one, cut, station, takes_all=takes_all)
    for at, (layer, these) in enumerate(zip(cut.layers, values, strict=False)):
        windows = _sums(layer, station) if at == 0 else _held(layer, cut.layers[at - 1])
        for window, value in zip(windows, these.tolist(), strict=True):
            window["value"] = numbers(value)
        found.append(
            {
                "length": lengths[at] if at < len(lengths) else None,
                "statistic": str(layer.statistic),
                "min_coverage": layer.min_coverage,
                "min_count": layer.min_count,
                "windows": windows,
            }
        )
    return found


def _sums(layer: Layer, station: Station) -> list[dict[str, Any]]:
    """The shortest windows, with the sums that their values are made of."""
    sums, windows = add_up(station.folded, layer.windows), layer.windows
    columns = zip(
        windows.begins.tolist(),
        windows.ends.tolist(),
        sums.integral.tolist(),
        sums.covered.tolist(),
        sums.count.tolist(),
        strict=True,
    )
    return [
        {
            "begin": iso(begin),
            "end": iso(end),
            "integral": numbers(integral),
            "covered_seconds": covered / US,
            "count": count,
        }
        for begin, end, integral, covered, count in columns
    ]


def _held(layer: Layer, below: Layer) -> list[dict[str, Any]]:
    """Longer windows: each folds the windows below that begin from `first` to `last`."""
    found = []
    for w, held in enumerate(layer.holds or ()):
        begins = below.windows.begins[held].tolist()
        found.append(
            {
                "begin": iso(int(layer.windows.begins[w])),
                "end": iso(int(layer.windows.ends[w])),
                "first": iso(begins[0]) if begins else None,
                "last": iso(begins[-1]) if begins else None,
                "places": len(begins),
            }
        )
    return found


def _buckets(cut: Cut, station: Station) -> list[dict[str, Any]] | None:
    """The quarter hours that the input reaches; None where they are too many."""
    bucket = station.folded["bucket"]
    low, high = (int(np.searchsorted(bucket, edge[0])) for edge in cut.reached)
    if high - low > MOST_BUCKETS:
        return None
    return [
        {
            "begin": iso(int(row["bucket"])),
            "integral": numbers(float(row["integral"])),
            "covered_seconds": int(row["covered"]) / US,
            "count": int(row["count"]),
            "flagged": int(row["flagged"]),
        }
        for row in station.folded[low:high]
    ]
