"""What is said, as rows in the store: as they lie on the wire of a COPY. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from aggregator.batch import STATES, Batch, end_to_end
from aggregator.pieces import Lines, Pieces, Spans, of_records, of_texts
from aggregator.saying import Saying
from cityvitals.store import fields
from cityvitals.store.derived import CHANGE_COLUMNS

_STATE_FIELDS: Final = of_texts(
    [
        fields.text_field(state) + fields.bool_field(value=closed)
        for state in STATES
        for closed in (False, True)
    ]
)


def indicator_lines(batch: Batch) -> Lines:
    """Rows of `indicator` and `indicator_latest`, their columns in order."""
    content = batch.content
    rows = Pieces(len(batch))
    rows.add(batch.groups(lambda one: one.forms.rows))
    rows.add(batch.windows(fields.time_field))
    rows.add(of_records(fields.fixed_fields(fields.INT4, batch.revision)))
    rows.add(batch.windows(fields.time_field, ends=True))
    rows.add(batch.each(lambda one: ([one.forms.revision], None)))
    rows.add(_STATE_FIELDS.at(batch.state * 2 + batch.closed))
    for name in ("value", "numerator", "denominator"):
        rows.add(_nullable(content[name]))
    counts = (fields.fixed_fields(fields.INT8, content[name]) for name in ("observed", "flagged"))
    coverage = fields.fixed_fields(fields.FLOAT8, content["coverage"])
    rows.add(of_records(fields.side_by_side(coverage, *counts)))
    rows.add(batch.reasons(fields.text_field))
    _add_stations(rows, batch)
    rows.add(batch.watched(_watched_fields))
    numbers = fields.fixed_fields(fields.INT8, batch.numbers)
    stations = fields.fixed_fields(fields.INT4, content["station_count"])
    rows.add(of_records(fields.side_by_side(numbers, stations)))
    rows.add(batch.facts_used(lambda used: used.fields, fields.NULL))
    return rows.join()


def _nullable(values: NDArray[np.float64]) -> Spans:
    records, lengths = fields.nullable_fields(values)
    found = of_records(records)
    return Spans(found.blob, found.begins, found.begins + lengths)


def _add_stations(rows: Pieces, batch: Batch) -> None:
    counts, at = np.unique(
        np.concatenate([one.stations.counts for one in batch.said]), return_inverse=True
    )
    rows.one_of([fields.int4s_head(one) for one in counts.tolist()], at.reshape(-1))
    rows.add(end_to_end([_station_spans(one) for one in batch.said]))


def _station_spans(said: Saying) -> Spans:
    ids = said.stations.ids
    blob, width = ids.view(np.uint8).reshape(-1), ids.itemsize
    return Spans(blob, said.stations.first * width, said.stations.last * width)


def _watched_fields(said: Saying) -> list[bytes]:
    """Who is silent, the watermark, and when all of it is computed, of each kind of groups."""
    now = fields.time_field(said.around.now_us)
    return [
        fields.texts_field(silent) + fields.time_field(mark) + now
        for mark, silent in said.around.watched.kinds
    ]


def change_line(city: str, number: int, now_us: int, kind: str, body: bytes) -> bytes:
    """A row of `change`."""
    moment = fields.int8_field(number) + fields.time_field(now_us)
    text = fields.text_field(kind) + fields.int4_field(len(body))[4:] + body
    return fields.row_head(len(CHANGE_COLUMNS)) + fields.text_field(city) + moment + text


def change_lines(batch: Batch, bodies: Pieces) -> Lines:
    """Rows of `change`, their columns in order.

    Args:
        batch: what is said anew.
        bodies: its JSON (`aggregator.shown`).
    """
    rows = Pieces(len(batch))
    rows.add(batch.each(lambda one: ([one.forms.change], None)))
    rows.add(of_records(fields.fixed_fields(fields.INT8, batch.numbers)))
    rows.add(batch.each(lambda one: ([fields.time_field(one.around.now_us)], None)))
    kinds = of_texts([fields.text_field(kind) for kind in ("value", "correction")])
    rows.add(kinds.at(batch.was_closed.astype(np.int64)))
    rows.add(of_records(bodies.lengths().astype(">i4")))
    rows.parts += bodies.parts
    return rows.join()
