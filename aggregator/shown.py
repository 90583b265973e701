"""Indicators as JSON, many at once: the same bytes that `kpi_rules.present` comes to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from cityvitals.store.derived import IndicatorRow
from kpi_rules.present import find_band, shown_time


class Shown(msgspec.Struct, gc=False):
    """What `kpi_rules.present` puts into an object, in its order."""

    rule: str
    zone: str | None
    window_begin: str | None
    window_end: str | None
    value: float | None
    unit: str
    band: str | None
    state: str
    coverage: float
    revision: int
    rule_revision: int
    numerator: float | None
    denominator: float | None
    observed: int
    flagged: int
    stations: int
    facts: Sequence[Mapping[str, Any]]
    silent: Sequence[str]
    watermark: str | None
    computed_at: str | None
    reason: str
    title: str
    digits: int
    domain: str


_encoder = msgspec.json.Encoder()


def present_all(
    body: Mapping[str, Any],
    rows: Sequence[IndicatorRow],
    facts: Sequence[Sequence[Mapping[str, Any]]] | None = None,
) -> list[str]:
    """The JSON text of each row of one rule.

    Args:
        body: `Rule.body()` of the rule revision that made the values.
        rows: one or more.
        facts: those that each row names, as `kpi_rules.present.present_fact` has them; None: none.
    """
    times = _Times()
    bands, unit, title = body["bands"], body["unit"], body["title"]
    digits, domain = body["digits"], body["domain"]
    made = [
        Shown(
            row.rule, row.zone or None, times[row.window_begin], times[row.window_end], row.value,
            unit, band, row.state, row.coverage, row.revision, row.rule_revision, row.numerator,
            row.denominator, row.observed, row.flagged, row.station_count, held, row.silent,
            times[row.watermark], times[row.computed_at], row.reason, title, digits, domain,
        )
        for row, band, held in zip(
            rows, _bands_of(bands, rows), facts or [()] * len(rows), strict=True
        )
    ]  # fmt: skip
    return _encoder.encode_lines(made).decode().split("\n")[: len(rows)]


def _bands_of(bands: Sequence[Mapping[str, Any]], rows: Sequence[IndicatorRow]) -> list[str | None]:
    """Each row's band."""
    edges = [np.inf if band["to"] is None else band["to"] for band in bands]
    if not bands or edges != sorted(edges):
        return [find_band(bands, row.value) for row in rows]
    values = np.array([np.nan if row.value is None else row.value for row in rows], np.float64)
    at = np.searchsorted(np.array(edges, np.float64), values)
    at[np.isnan(values)] = len(bands)
    names = [*(str(band["name"]) for band in bands), None]
    return [names[one] for one in at.tolist()]


class _Times(dict[datetime | None, str | None]):
    """Moments as text; most of a cycle's indicators share theirs."""

    def __missing__(self, moment: datetime | None) -> str | None:
        found = self[moment] = shown_time(moment)
        return found
