"""What is said anew of one rule's windows: columns, and the rows that they make in the store. Pure.

A cycle says a hundred thousand things of the same kind, so no object is made for one of them: their
rows are put together from columns (`aggregator.pieces`), as they lie on the wire of a COPY.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.pieces import Lines, Pieces, Spans, of_records, of_texts
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.sheet import Circumstances
from aggregator.told import Bools, Objects
from cityvitals.domain.names import State
from cityvitals.store import fields
from cityvitals.store.derived import CHANGE_COLUMNS, INDICATOR_COLUMNS

STATES: Final = (State.PROVISIONAL, State.FINAL, State.CORRECTED, State.INSUFFICIENT)


@dataclass(frozen=True, slots=True, eq=False)
class Saying:
    """Some windows and groups of a rule, of which something is said anew [c].

    Attributes:
        found: what was derived.
        around: what holds beside it.
        w, g: which window and which group each is; windows ascend.
        content: CONTENT. reason: why there is no value, or ''.
        closed, was_closed: whether it is final from now on, and was before.
        revision: the number of what is said.
        number: of the first change; the others follow.
        facts: ids of those used, in lists; None of a rule that uses none.
        stations: the series that took part.
        heads: what each group's rows begin with.
    """

    plan: RulePlan
    found: Derived
    around: Circumstances
    w: Ints
    g: Ints
    content: NDArray[Any]
    reason: Objects
    closed: Bools
    was_closed: Bools
    revision: Ints
    number: int
    facts: Objects | None
    stations: "Stations"
    heads: "Heads"

    def __len__(self) -> int:
        return len(self.w)

    @property
    def state(self) -> Ints:
        """Which of `STATES` each has."""
        found = np.where(self.closed, np.where(self.was_closed, 2, 1), 0)
        found[self.reason != ""] = 3
        return found

    @property
    def numbers(self) -> Ints:
        """The changes' numbers."""
        return self.number + np.arange(len(self), dtype=np.int64)


class Heads(NamedTuple):
    """What rows of `indicator`, and the JSON of changes, begin with: for each group of a rule."""

    rows: Spans
    bodies: Spans


def heads_of(plan: RulePlan) -> Heads:
    """City, rule and zone of each group; the same as long as the plan is."""
    row = fields.row_head(len(INDICATOR_COLUMNS))
    row += fields.text_field(plan.city.id) + fields.text_field(plan.rule.id)
    body = b'{"rule":' + msgspec.json.encode(plan.rule.id) + b',"zone":'
    return Heads(
        of_texts([row + fields.text_field(zone) for zone in plan.groups]),
        of_texts([body + msgspec.json.encode(zone or None) for zone in plan.groups]),
    )


@dataclass(frozen=True, slots=True)
class Stations:
    """Ids of series, as INT4 fields [i], and which of them belong to each row [c]."""

    ids: NDArray[Any]
    first: Ints
    last: Ints

    @property
    def counts(self) -> Ints:
        """How many each row has."""
        return self.last - self.first


def stations_of(plan: RulePlan, took: Bools, ids: NDArray[np.int32], w: Ints, g: Ints) -> Stations:
    """The series that took part in some windows and groups, each once, in natural-key order.

    Args:
        plan: the rule in its city.
        took: which of the contributing series did [w, u].
        ids: series ids by row of the shard.
        w: windows [c].
        g: groups [c].
    """
    who = plan.contributing
    upto = np.zeros((len(took), len(who.rows) + 1), np.int64)
    np.cumsum(took, axis=1, out=upto[:, 1:])
    before = np.cumsum(upto[:, -1]) - upto[:, -1]
    _, at = np.nonzero(took)
    mine = fields.fixed_fields(fields.INT4, ids[who.rows[at]])
    first = before[w] + upto[w, who.offsets[g]]
    return Stations(mine, first, before[w] + upto[w, who.offsets[g + 1]])


def distinct(values: Iterable[Hashable]) -> tuple[list[Any], Ints]:
    """What there is of some values, and which of them each is."""
    known: dict[Hashable, int] = {}
    at = np.array([known.setdefault(one, len(known)) for one in values], np.int64)
    return list(known), at


def reasons(said: Saying) -> tuple[list[str], Ints]:
    """What there is of reasons, and which of them each has."""
    lacking = said.reason != ""
    if not lacking.any():
        return [""], np.zeros(len(said), np.int64)
    found, at = distinct(said.reason.tolist())
    return found, at


def facts_used(said: Saying) -> tuple[list[tuple[int, ...]], Ints]:
    """What there is of lists of facts, and which of them each has."""
    if said.facts is None:
        return [()], np.zeros(len(said), np.int64)
    return distinct(map(tuple, said.facts.tolist()))


def indicator_lines(said: Saying) -> Lines:
    """Rows of `indicator` and `indicator_latest`, their columns in order."""
    plan, content = said.plan, said.content
    rows = Pieces(len(said))
    rows.add(said.heads.rows.at(said.g))
    rows.one_of([fields.time_field(one) for one in said.found.begins.tolist()], said.w)
    rows.add(of_records(fields.fixed_fields(fields.INT4, said.revision)))
    revision = fields.int4_field(plan.rule.revision)
    rows.one_of([fields.time_field(one) + revision for one in said.found.ends.tolist()], said.w)
    rows.one_of(_STATE_FIELDS, said.state * 2 + said.closed)
    for name in ("value", "numerator", "denominator"):
        rows.add(_nullable(content[name]))
    counts = (fields.fixed_fields(fields.INT8, content[name]) for name in ("observed", "flagged"))
    coverage = fields.fixed_fields(fields.FLOAT8, content["coverage"])
    rows.add(of_records(fields.side_by_side(coverage, *counts)))
    texts, at = reasons(said)
    rows.one_of([fields.text_field(one) for one in texts], at)
    _add_stations(rows, said.stations)
    rows.one_of(_watched_fields(said.around), said.around.watched.kind[said.g])
    rows.add(of_records(fields.fixed_fields(fields.INT8, said.numbers)))
    rows.add(of_records(fields.fixed_fields(fields.INT4, content["station_count"])))
    used, at = facts_used(said)
    rows.one_of([fields.int8s_field(None if said.facts is None else one) for one in used], at)
    return rows.join()


_STATE_FIELDS: Final = [
    fields.text_field(state) + fields.bool_field(value=closed)
    for state in STATES
    for closed in (False, True)
]


def _nullable(values: NDArray[np.float64]) -> Spans:
    records, lengths = fields.nullable_fields(values)
    found = of_records(records)
    return Spans(found.blob, found.begins, found.begins + lengths)


def _add_stations(rows: Pieces, stations: Stations) -> None:
    counts, at = np.unique(stations.counts, return_inverse=True)
    rows.one_of([fields.int4s_head(one) for one in counts.tolist()], at)
    width, blob = stations.ids.itemsize, stations.ids.view(np.uint8).reshape(-1)
    rows.add(Spans(blob, stations.first * width, stations.last * width))


def _watched_fields(around: Circumstances) -> list[bytes]:
    """Who is silent, the watermark, and when all of it is computed, of each kind of groups."""
    now = fields.time_field(around.now_us)
    return [
        fields.texts_field(silent) + fields.time_field(mark) + now
        for mark, silent in around.watched.kinds
    ]


def change_line(city: str, number: int, now_us: int, kind: str, body: bytes) -> bytes:
    """A row of `change`."""
    moment = fields.int8_field(number) + fields.time_field(now_us)
    text = fields.text_field(kind) + fields.int4_field(len(body))[4:] + body
    return fields.row_head(len(CHANGE_COLUMNS)) + fields.text_field(city) + moment + text


def change_lines(said: Saying, bodies: Pieces) -> Lines:
    """Rows of `change`, their columns in order.

    Args:
        said: what is said anew.
        bodies: its JSON (`aggregator.shown`).
    """
    rows = Pieces(len(said))
    rows.all(fields.row_head(len(CHANGE_COLUMNS)) + fields.text_field(said.plan.city.id))
    rows.add(of_records(fields.fixed_fields(fields.INT8, said.numbers)))
    now = fields.time_field(said.around.now_us)
    kinds = of_texts([now + fields.text_field(kind) for kind in ("value", "correction")])
    rows.add(kinds.at(said.was_closed.astype(np.int64)))
    rows.add(of_records(bodies.lengths().astype(">i4")))
    rows.parts += bodies.parts
    return rows.join()
