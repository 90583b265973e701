"""Indicators as JSON, many at once: the same bytes that `kpi_rules.present` comes to. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.facts import Facts
from aggregator.pieces import Pieces, of_numbers
from aggregator.saying import STATES, Saying, facts_used, reasons
from aggregator.series_table import Ints
from cityvitals.domain.times import from_us
from kpi_rules.present import find_band, shown_time

_encode: Final = msgspec.json.Encoder().encode
_STATES: Final = [_encode(str(state)) + b',"coverage":' for state in STATES]


def bodies_of(said: Saying, facts: Facts) -> Pieces:
    """The JSON text of what is said anew, for each of it.

    Args:
        said: what is said.
        facts: has those that are named.
    """
    plan, body, content = said.plan, said.plan.body, said.content
    rows = Pieces(len(said))
    rows.add(said.heads.bodies.at(said.g))
    rows.one_of(_windows(said), said.w)
    rows.add(of_numbers(content["value"]))
    unit = b',"unit":' + _encode(body["unit"]) + b',"band":'
    names = [*(str(band["name"]) for band in body["bands"]), None]
    texts = [unit + _encode(name) + b',"state":' for name in names]
    rows.one_of(texts, bands_at(body["bands"], content["value"]))
    rows.one_of(_STATES, said.state)
    rows.add(of_numbers(content["coverage"]))
    rows.all(b',"revision":')
    rows.add(of_numbers(said.revision))
    rows.all(b',"rule_revision":' + _encode(plan.rule.revision) + b',"numerator":')
    rows.add(of_numbers(content["numerator"]))
    for name in ("denominator", "observed", "flagged"):
        rows.all(b',"%b":' % name.encode())
        rows.add(of_numbers(content[name]))
    rows.all(b',"stations":')
    rows.add(of_numbers(content["station_count"]))
    used, at = facts_used(said)
    rows.one_of([b',"facts":' + facts.as_json(one) for one in used], at)
    rows.one_of(_watched(said), said.around.watched.kind[said.g])
    rest = b"," + _encode({key: body[key] for key in ("title", "digits", "domain")})[1:]
    found, at = reasons(said)
    rows.one_of([_encode(one) + rest for one in found], at)
    return rows


def _windows(said: Saying) -> list[bytes]:
    """Begin and end of each window, up to the value."""
    begins, ends = said.found.begins.tolist(), said.found.ends.tolist()
    return [
        b',"window_begin":' + _time(begin) + b',"window_end":' + _time(end) + b',"value":'
        for begin, end in zip(begins, ends, strict=True)
    ]


def _time(moment_us: int | None) -> bytes:
    return _encode(None if moment_us is None else shown_time(from_us(moment_us)))


def _watched(said: Saying) -> list[bytes]:
    """Who is silent and what follows, up to the reason, of each kind of groups."""
    now = b',"computed_at":' + _time(said.around.now_us) + b',"reason":'
    return [
        b',"silent":' + _encode(silent) + b',"watermark":' + _time(mark) + now
        for mark, silent in said.around.watched.kinds
    ]


def bands_at(bands: Sequence[Mapping[str, Any]], values: NDArray[np.float64]) -> Ints:
    """Which band holds each value; the number of bands where none does."""
    edges = [np.inf if band["to"] is None else band["to"] for band in bands]
    if edges != sorted(edges):
        names = [*(str(band["name"]) for band in bands), None]
        shown = [None if np.isnan(one) else one for one in values.tolist()]
        return np.array([names.index(find_band(bands, one)) for one in shown], np.int64)
    at = np.searchsorted(np.array(edges, np.float64), values).astype(np.int64)
    at[np.isnan(values)] = len(bands)
    return at
