"""One shard's engine: entries of the log in, changed buckets out. Pure; no clock, no I/O.

entries ── absorb ──► open buckets ──► closed rollups ─┐
             │ late, revised, redeclared               ├─► touched windows ──► derive ──► emit
             └─► backlog ── readings ── refold ────────┘
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.affected import by_quantity, stretch, using
from aggregator.backlog import Backlog, Request
from aggregator.buckets import Buckets
from aggregator.emit import Emitter
from aggregator.facts import Facts
from aggregator.frame import Frames
from aggregator.kernels.partial import BUCKET, NONE
from aggregator.pending import Pending
from aggregator.plan import Plan, make_plan
from aggregator.progress import Gateways
from aggregator.rederive import Rederive
from aggregator.refolding import Load, Refolded, begin_of, is_open, plan_loads, refold
from aggregator.series_table import Ints, SeriesTable
from aggregator.slow import Slow
from aggregator.waiting import Waiting
from cityvitals.domain.arrays import LOG_READING, LOG_REVISION, Records, empty
from cityvitals.domain.logbody import decode_json, decode_readings, decode_revisions
from cityvitals.domain.names import LogKind
from cityvitals.store.model import ShardModel
from cityvitals.store.tail import Cursors, Entry
from kpi_rules.model import Rule

MODEL_KINDS = frozenset(
    {LogKind.DECLARATIONS, LogKind.PLACEMENTS, LogKind.FACTS, LogKind.RULES, LogKind.LIMITS}
)
"""Entries after which the model is read again. Limits are none of it, but readings of a series that
nobody has heard of may be flagged anew before they come in their own lane."""
READINGS: Final = 500_000
"""About so many are fetched at once to be folded again."""

Ranges = Mapping[int, tuple[int, int]]
"""By series: the first and the last of something, microseconds."""


@dataclass(slots=True)
class Changed:
    """Buckets that changed in a cycle: (row, bucket), and the rollups to store (ids as series).

    Attributes:
        closed: rollups that streams left behind, which the store does not have yet.
        redone: recomputed ones, which it may have.
    """

    rows: list[Ints] = field(default_factory=list)
    buckets: list[Ints] = field(default_factory=list)
    closed: list[Records] = field(default_factory=list)
    redone: list[Records] = field(default_factory=list)
    touched: list[Ints] = field(default_factory=list)

    def add(self, rollups: Records) -> None:
        """Take ROLLUP records whose `series` is the row."""
        self.rows.append(rollups["series"].astype(np.int64))
        self.buckets.append(rollups["bucket"].copy())

    def extend(self, later: "Changed") -> None:
        """Take what changed after this."""
        self.rows += later.rows
        self.buckets += later.buckets
        self.closed += later.closed
        self.redone += later.redone
        self.touched += later.touched

    def __bool__(self) -> bool:
        """Whether there is anything that windows have not seen."""
        return any(len(one) for one in (*self.touched, *self.rows))

    def forget_stored(self) -> None:
        """The store has all rollups now; windows have not seen them yet."""
        self.closed.clear()
        self.redone.clear()

    def keys(self) -> tuple[Ints, Ints]:
        """All changed (row, bucket)."""
        if not self.rows:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.concatenate(self.rows), np.concatenate(self.buckets)


class Shard:
    """Everything the aggregator holds in memory of one shard.

    Bounded by its series (state and ring), by windows that are not final, and by the backlog's
    intervals.

    Attributes:
        rules: those in force, sorted by id.
        rules_changed: whether the checkpoint was made by others, so that a new one must say so
            before anything is derived.
    """

    def __init__(self, number: int, rules: Sequence[Rule], provisional_every_s: float) -> None:
        self.number = number
        self.cursors: Cursors = {}
        self.table = SeriesTable()
        self.buckets = Buckets(self.table)
        self.backlog = Backlog()
        self.gateways = Gateways()
        self.pending = Pending()
        self.slow = Slow()
        self.waiting = Waiting()
        self.emitter = Emitter(self.table.ids, provisional_every_s)
        self.model = ShardModel((), (), (), (), ())
        self.plan: Plan = make_plan(self.model, self.table, ())
        self.facts = Facts()
        self.frames = Frames()
        self.rederive = Rederive()
        self._redeclared: set[int] = set()
        self._reach: Ints = np.empty(0, np.int64)
        self._rates: NDArray[np.float64] = np.empty(0)
        self._rows_by_city: dict[str, Ints] = {}
        self.rules = tuple(rules)
        self.rules_changed = False
        self._fed_by = by_quantity(self.rules)

    def apply_model(self, model: ShardModel) -> None:
        """Take over what is known of the cities."""
        self.table.update(model.series)
        self.buckets.grow()
        self.gateways.update(model.gateways)
        self.emitter.see_series(self.table.ids)
        for city in model.cities:
            self.emitter.numbers.setdefault(city.id, city.change_number)
        self.facts = self.emitter.facts = Facts(model.facts)
        self.model = model
        cities = np.array([one.key.city for one in self.table.series], object)
        self._rows_by_city = {city.id: np.flatnonzero(cities == city.id) for city in model.cities}
        for city in model.cities:
            self.buckets.floor[self._rows_by_city[city.id]] = city.dropped_us
        self.plan = make_plan(model, self.table, self.rules, self.emitter.zones())
        self._rates = self.table.rates()
        reach = np.maximum(self.table.back, self.table.ahead)
        reach[: len(self._reach)] = np.maximum(reach[: len(self._reach)], self._reach)
        self._reach = reach

    def lacks(self, entries: Iterable[Entry], seen: Cursors) -> bool:
        """Whether the model must be read (again) before these entries are absorbed.

        Args:
            entries: the next ones.
            seen: up to where the log stood when the model was read: it has all that these say.
        """
        for entry in entries:
            if entry.kind in MODEL_KINDS and entry.seq > seen.get(entry.lane, 0):
                return True
            if entry.kind == LogKind.READINGS:
                decoded = decode_readings(entry.body)
                if (self.table.rows(decoded.readings["series"]) < 0).any():
                    return True
                if not self.gateways.knows(decoded.seen["gateway"]):
                    return True
            if entry.kind == LogKind.REVISIONS:
                revised = decode_revisions(entry.body)["series"]
                if (self.table.rows(revised) < 0).any():
                    return True
        return False

    def absorb(self, entries: Sequence[Entry]) -> Changed:
        """Take entries, in each lane's order; all lanes together are folded as one batch."""
        reflagged: list[dict[str, Any]] = []
        batches: list[Records] = [empty(LOG_READING)]
        revised: list[Records] = [empty(LOG_REVISION)]
        for entry in entries:
            match entry.kind:
                case LogKind.READINGS:
                    decoded = decode_readings(entry.body)
                    self.gateways.see(decoded.seen)
                    batches.append(decoded.readings)
                case LogKind.REVISIONS:
                    revised.append(decode_revisions(entry.body))
                case LogKind.LIMITS:
                    reflagged.append(decode_json(entry.body))
                case LogKind.SILENCE:
                    self.gateways.hear(decode_json(entry.body))
                case LogKind.RULES:
                    self._do_again(decode_json(entry.body))
                case LogKind.DECLARATIONS | LogKind.PLACEMENTS | LogKind.FACTS:
                    self._take_news(decode_json(entry.body))
                case _:
                    pass
            self.cursors[entry.lane] = max(self.cursors.get(entry.lane, 0), entry.seq)
        changed = self._fold(np.concatenate(batches))
        revisions = np.concatenate(revised)
        rows = self._expect(revisions["series"], revisions["t"])
        self._mark_late(rows[rows >= 0], revisions["t"][rows >= 0])
        self._reflag(reflagged)
        return changed

    def _reflag(self, news: Sequence[dict[str, Any]]) -> None:
        """Have recomputed what stored readings reach whose flags a changed limit turned."""
        if not news:
            return
        series = np.array([one["series"] for one in news], np.int32)
        first = np.array([one["first"] for one in news], np.int64)
        last = np.array([one["last"] for one in news], np.int64)
        self._expect(series, first)
        rows = self._expect(series, last)
        known = rows >= 0
        self._mark_late(rows[known], first[known], last[known])

    def _expect(self, series: NDArray[np.int32], t: Ints) -> Ints:
        """Take note of readings that changed in the store; their rows, -1 of unknown series.

        One of them may not have come yet, where another lane's log is longer: it is waited for no
        more, since the store has it, and is late when it comes.
        """
        found = self.table.rows(series)
        rows, t = found[found >= 0], t[found >= 0]
        state = self.buckets.state
        for row, at in zip(rows.tolist(), t.tolist(), strict=True):
            one = state[row]
            if at > one["last_seen"]:
                one["last_seen"], one["broken"] = at, 1
            if one["oldest"] == NONE or at < one["oldest"]:
                one["oldest"] = at
        return found

    def _take_news(self, news: dict[str, Any]) -> None:
        """Have done again what a declaration, placement, fact or clock enters into."""
        if "series" in news:
            self._redeclared.update(self.table.rows(np.array([news["series"]], np.int32)).tolist())
        elif "sensor" in news:
            for one in self.model.series:
                if one.sensor_id == news["sensor"]:
                    self._requeue(one.key.city, self._fed_by.get(one.key.quantity, ()))
        elif "name" in news:
            for rule in using(self.rules, news["name"]):
                # What was logged by an older version says no stretch, and means all of it.
                self.rederive.add(news["city"], rule.id, *stretch(news, rule))
        else:
            # Windows begin elsewhere where the time zone changed; all are looked at again.
            self.pending.forget(news["city"])
            self.waiting.forget(news["city"])
            self._requeue(news["city"], self.rules)

    def _do_again(self, news: dict[str, Any]) -> None:
        """Have done again what `cityvitals recompute` asks for: buckets of a series, or windows."""
        if "series" in news:
            row = int(self.table.rows(np.array([news["series"]], np.int32))[0])
            if row >= 0 and self.buckets.state[row]["last_seen"] != NONE:
                self.mark(row, news["begin"], news["end"])
        else:
            self.rederive.add(news["city"], news["rule"], news["begin"], news["end"])

    def _requeue(self, city: str, rules: Iterable[Rule]) -> None:
        for rule in rules:
            self.rederive.add(city, rule.id)

    def mark(self, row: int, begin: int, end: int) -> None:
        """Have a series' buckets in [begin, end) recomputed, as far as its readings are there.

        A series that cannot go on without is restored from where they begin.
        """
        floor = int(self.buckets.floor[row])
        if end <= floor and self.buckets.state[row]["broken"]:
            end = floor + BUCKET
        if end > floor:
            self.backlog.mark(row, max(begin, floor), end)

    def mark_all(self, row: int, stored: Ranges) -> None:
        """Have all buckets of a series recomputed, as far as they reached before and now.

        Args:
            row: the series, which has readings.
            stored: where its first and its last rollup begin, by its id, if it has any: those, like
                the open bucket, may lie where only what it declared before reaches.
        """
        state, reach = self.buckets.state[row], int(self._reach[row])
        first, last = stored.get(int(self.table.ids[row]), (int(state["oldest"]),) * 2)
        opened = first if state["bucket"] == NONE else int(state["bucket"])
        begin = min(int(state["oldest"]) - reach, first, opened)
        end = max(int(state["last_seen"]) + reach, max(last, opened) + BUCKET)
        self.mark(row, begin - begin % BUCKET, -(-end // BUCKET) * BUCKET)

    def _fold(self, readings: Records) -> Changed:
        changed = Changed()
        rows = self.table.rows(readings["series"])
        known = rows >= 0  # a series whose city moved to another shard cannot be: shards are fixed
        folded = self.buckets.fold(
            rows[known], readings["t"][known], readings["v"][known], readings["flags"][known]
        )
        changed.add(folded.closed)
        changed.closed.append(self._with_ids(folded.closed))
        changed.touched.append(folded.touched)
        self._mark_late(folded.late_rows, folded.late_t)
        return changed

    def _mark_late(self, rows: Ints, t: Ints, until: Ints | None = None) -> None:
        """Mark the buckets that readings out of order, or changed ones in [t, until], reach."""
        if not len(rows):
            return
        begin = t - self.table.ahead[rows]
        # Who comes just when the one before ends is compared with it still.
        end = (t if until is None else until) + self.table.back[rows] + 1
        begin -= begin % BUCKET
        end = -(-end // BUCKET) * BUCKET
        for row, low, high in _merged(rows, begin, end):
            self.mark(row, low, high)

    def restoring(self) -> list[Load]:
        """Which readings to fetch for series that cannot go on without."""
        broken = np.flatnonzero(self.buckets.state["broken"]).tolist()
        span = self.backlog.span(self._rates, READINGS, set(broken))
        return self._loads(self.backlog.take_rows(broken, span))

    def due(self, most: int) -> list[Load]:
        """Which readings to fetch next, for at most `most` series and about `READINGS`."""
        broken = set(np.flatnonzero(self.buckets.state["broken"]).tolist())
        span = self.backlog.span(self._rates, READINGS, self.backlog.rows() - broken)
        return self._loads(self.backlog.take(most, broken, span))

    def _loads(self, requests: list[Request]) -> list[Load]:
        return plan_loads([self._widened(one) for one in requests], self.table, self.buckets)

    def redeclared(self) -> list[int]:
        """Ids of series that declare something else now, and are to be done again for it."""
        return [int(self.table.ids[row]) for row in self._redeclared if row >= 0]

    def redo_declared(self, stored: Ranges) -> None:
        """Have these done again.

        Not when the declaration is read: after a restart, readings that were folded by the old one
        may stand behind it in the log.

        Args:
            stored: where their first and last rollups begin.
        """
        for row in sorted(one for one in self._redeclared if one >= 0):
            self.buckets.empty_after(np.array([row]))
            if self.buckets.state[row]["last_seen"] != NONE:
                self.mark_all(row, stored)
            # It may feed other rules than before, and counts there even if it never spoke.
            key = self.table.series[row].key
            self._requeue(key.city, self._fed_by.get(key.quantity, ()))
        self._redeclared.clear()

    def _widened(self, request: Request) -> Request:
        """A request that reaches the open bucket takes in all that is dirty from there on.

        Recomputing goes on to the newest reading then, and no bucket may come out of it twice.
        """
        if not is_open(request, self.buckets):
            return request
        begin = begin_of(request, self.buckets)
        self.backlog.clear_from(request.row, begin)
        return Request(request.row, begin, request.end)

    def refold(self, load: Load, readings: Records, changed: Changed) -> None:
        """Recompute a load's buckets from its readings."""
        found: Refolded = refold(load, readings, self.table, self.buckets)
        self.buckets.put(found.rollups)
        changed.add(found.rollups)
        changed.redone.append(self._with_ids(found.rollups))
        changed.touched.append(found.restored)

    def show_open(self, changed: Changed) -> None:
        """Let windows see the open buckets that a cycle touched."""
        if changed.touched:
            changed.add(self.buckets.open_rows(np.unique(np.concatenate(changed.touched))))

    def _with_ids(self, rollups: Records) -> Records:
        named = rollups.copy()
        named["series"] = self.table.ids[rollups["series"]]
        return named

    def queued(self) -> int:
        """How much waits to be recomputed, or derived (again)."""
        return len(self.backlog) + len(self.rederive) + len(self.waiting)

    def rows_of(self, city: str) -> Ints:
        """Rows of a city's series."""
        return self._rows_by_city.get(city, np.empty(0, np.int64))


def _merged(rows: Ints, begin: Ints, end: Ints) -> list[tuple[int, int, int]]:
    """Intervals of the same row that touch, as one."""
    order = np.lexsort((begin, rows))
    rows, begin, end = rows[order], begin[order], end[order]
    first = begin.min()
    # Rows lie further apart than all intervals together, in buckets, so that nothing overflows.
    base = rows * ((end.max() - first) // BUCKET + 2)
    reach = np.maximum.accumulate(base + (end - first) // BUCKET)
    opens = np.concatenate([[True], (base + (begin - first) // BUCKET)[1:] > reach[:-1]])
    starts = np.flatnonzero(opens)
    ends = np.maximum.reduceat(end, starts)
    return list(zip(rows[starts].tolist(), begin[starts].tolist(), ends.tolist(), strict=True))
