"""Indicators as JSON, many at once: the same bytes that `kpi_rules.present` comes to. Pure."""

from typing import Final

import msgspec
import numpy as np

from aggregator.batch import STATES, Batch
from aggregator.pieces import Pieces, of_numbers, of_texts
from aggregator.saying import Saying
from cityvitals.domain.times import from_us
from kpi_rules.present import shown_time

_encode: Final = msgspec.json.Encoder().encode
_STATES: Final = of_texts([_encode(str(state)) + b',"coverage":' for state in STATES])


def bodies_of(batch: Batch) -> Pieces:
    """The JSON text of what is said anew, for each of it."""
    content = batch.content
    rows = Pieces(len(batch))
    rows.add(batch.groups(lambda one: one.forms.bodies))
    rows.add(batch.windows(lambda at: b',"window_begin":' + _time(at)))
    rows.add(batch.windows(lambda at: b',"window_end":' + _time(at) + b',"value":', ends=True))
    rows.add(of_numbers(content["value"]))
    rows.add(batch.each(_bands))
    rows.add(_STATES.at(batch.state))
    rows.add(of_numbers(content["coverage"]))
    rows.all(b',"revision":')
    rows.add(of_numbers(batch.revision))
    rows.add(batch.each(lambda one: ([one.forms.rule_revision], None)))
    rows.add(of_numbers(content["numerator"]))
    for name in ("denominator", "observed", "flagged"):
        rows.all(b',"%b":' % name.encode())
        rows.add(of_numbers(content[name]))
    rows.all(b',"stations":')
    rows.add(of_numbers(content["station_count"]))
    rows.all(b',"facts":')
    rows.add(batch.facts_used(lambda used: used.texts, b"[]"))
    rows.add(batch.watched(_watched))
    rows.add(batch.reasons(_encode))
    rows.add(batch.each(lambda one: ([one.forms.rest], None)))
    return rows


def _bands(said: Saying) -> tuple[tuple[bytes, ...], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return said.forms.bands, said.forms.bands_at(said.content["value"])


def _time(moment_us: int | None) -> bytes:
    return _encode(None if moment_us is None else shown_time(from_us(moment_us)))


def _watched(said: Saying) -> list[bytes]:
    """Who is silent and what follows, up to the reason, of each kind of groups."""
    now = b',"computed_at":' + _time(said.around.now_us) + b',"reason":'
    return [
        b',"silent":' + _encode(silent) + b',"watermark":' + _time(mark) + now
        for mark, silent in said.around.watched.kinds
    ]
