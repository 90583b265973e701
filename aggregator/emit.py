"""What changed against what was said before: revisions, states, numbered changes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress, count, repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.facts import Facts
from aggregator.kernels.partial import NONE
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.sheet import Circumstances, Columns, content_of, same_content, took_part
from aggregator.shown import present_all
from aggregator.told import Bools, Objects, Told
from cityvitals.domain.names import State
from cityvitals.domain.times import US, from_us
from cityvitals.store.derived import ChangeRow, IndicatorRow

_STATES: Final = (State.PROVISIONAL, State.FINAL, State.CORRECTED, State.INSUFFICIENT)

Key = tuple[str, str, str, int]
"""City, rule, zone, window begin (microseconds)."""


@dataclass(slots=True)
class Outputs:
    """What one transaction writes beside rollups."""

    kept: list[IndicatorRow] = field(default_factory=list)
    latest: dict[tuple[str, str, str], IndicatorRow] = field(default_factory=dict)
    changes: list[ChangeRow] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)


class _Now(NamedTuple):
    """What is to be said of windows of a rule now, and was before: arrays [w, g].

    Attributes:
        rows: of `Told` [w].
        cells: index of all windows in the plan's groups there.
        facts: ids of the facts used; None of a rule that uses none.
        took: which contributing series took part [w, u].
    """

    rows: Ints
    cells: tuple[Ints, Ints]
    content: NDArray[Any]
    reason: Objects
    facts: Objects | None
    took: Bools


class Emitter:
    """What a shard has said of its windows.

    Bounded: windows that are not final, and the newest of each indicator; others are asked of the
    store when they are derived again.
    """

    def __init__(self, series_ids: NDArray[np.int32], provisional_every_s: float) -> None:
        self._ids = series_ids
        self._every_us = round(provisional_every_s * US)
        self._told: dict[tuple[str, str], Told] = defaultdict(Told)
        self.numbers: dict[str, int] = {}
        self.facts = Facts()

    def see_series(self, series_ids: NDArray[np.int32]) -> None:
        """Series ids by row, whenever there are more."""
        self._ids = series_ids

    def learn(self, rows: Iterable[Mapping[str, Any]], *, newest: bool = False) -> None:
        """Take over revisions from the store; `newest` where they are the indicators' latest."""
        for row in rows:
            self._told[row["city"], row["rule"]].learn(row, newest=newest)

    def unknown(self, plan: RulePlan, begins: Ints) -> list[Key]:
        """Windows of which the store may know something that is not known here."""
        return [
            (plan.city.id, plan.rule.id, plan.groups[g], int(begins[w]))
            for w, g in self._of(plan).unknown(begins)
        ]

    def closed_before(self, plan: RulePlan, begins: Ints) -> Bools:
        """Which windows were final already [w, g]."""
        return self._of(plan).closed_before(begins)

    def newest(self, plan: RulePlan) -> int:
        """Begin of the newest window of which anything was said; long ago where there is none."""
        return int(self._of(plan).newest.max(initial=NONE))

    def zones(self) -> dict[tuple[str, str], set[str]]:
        """By city and rule, the zones of which anything was ever said; '' is the city."""
        return {key: told.zones() for key, told in self._told.items()}

    def _of(self, plan: RulePlan) -> Told:
        told = self._told[plan.city.id, plan.rule.id]
        told.fit(plan, self._ids)
        return told

    def emit(self, plan: RulePlan, found: Derived, around: Circumstances, out: Outputs) -> None:
        """Add what differs from what was said before."""
        told = self._of(plan)
        rows = told.take(found.begins)
        took = took_part(plan, found)
        now = _Now(
            rows=rows,
            cells=(rows[:, None], told.at[None, :]),
            content=content_of(plan, found, took),
            reason=found.reasons,
            facts=self.facts.used(plan, found.begins, found.ends),
            took=took,
        )
        differs = _differs(plan, told, now, around) & _is_said(plan, told, now, found, around)
        w, g = np.nonzero(differs)
        passed: list[int] = np.unique(told.newest).tolist()
        if len(w):
            self._say(told, now, Columns(plan, found, around, w, g), (w, g), out)
        told.let_go([*passed, *found.begins.tolist()])

    def _say(
        self, told: Told, now: _Now, columns: Columns, at: tuple[Ints, Ints], out: Outputs
    ) -> None:
        """Make rows of some windows and groups, remember them, and put them out."""
        city, now_us = columns.plan.city.id, columns.around.now_us
        cells = now.rows[at[0]], told.at[at[1]]
        before = _Before.of(told, cells)
        closed = columns.around.closing[at]
        begins, newest = columns.found.begins[at[0]], told.newest[cells[1]]
        settled = closed | (begins < newest) | (before.saved_us <= now_us - self._every_us)
        number = self.numbers.get(city, 0)
        rows = self._rows(now, columns, at, before, number)
        self.numbers[city] = out.numbers[city] = number + len(rows)
        told.content[cells], told.reason[cells] = now.content[at], now.reason[at]
        told.facts[cells] = None if now.facts is None else now.facts[at]
        told.remember_takers(now.rows, at, now.took)
        told.revision[cells], told.closed[cells], told.known[cells] = before.next, closed, True
        told.saved_us[cells] = np.where(settled, now_us, before.saved_us)
        told.unsaved[cells] = None
        for place in np.flatnonzero(~settled).tolist():
            told.unsaved[cells[0][place], cells[1][place]] = rows[place]
        np.maximum.at(told.newest, cells[1], begins)
        out.kept += compress(rows, settled.tolist())
        out.kept += told.pass_on()
        latest = compress(rows, (begins >= newest).tolist())
        out.latest.update(((row.city, row.rule, row.zone), row) for row in latest)
        out.changes += self._changes(columns.plan, rows, before)

    def _rows(
        self,
        now: _Now,
        columns: Columns,
        at: tuple[Ints, Ints],
        before: "_Before",
        number: int,
    ) -> list[IndicatorRow]:
        plan, content = columns.plan, now.content
        closed = columns.around.closing[at]
        reasons = now.reason[at]
        return list(
            map(
                IndicatorRow,
                repeat(plan.city.id),
                repeat(plan.rule.id),
                columns.zones(),
                columns.begins(),
                before.next.tolist(),
                columns.ends(),
                columns.counts(content, "rule_revision"),
                _states(reasons, closed, before.closed),
                closed.tolist(),
                columns.numbers(content, "value"),
                columns.numbers(content, "numerator"),
                columns.numbers(content, "denominator"),
                columns.counts(content, "coverage"),
                columns.counts(content, "observed"),
                columns.counts(content, "flagged"),
                reasons.tolist(),
                columns.stations(now.took, self._ids),
                columns.silent(),
                columns.watermarks(),
                repeat(from_us(columns.around.now_us)),
                count(number + 1),
                columns.counts(content, "station_count"),
                repeat(None) if now.facts is None else now.facts[at].tolist(),
            )
        )

    def _changes(
        self, plan: RulePlan, rows: list[IndicatorRow], before: "_Before"
    ) -> Iterator[ChangeRow]:
        facts = None
        if plan.uses:
            facts = [self.facts.shown(row.facts) for row in rows]
        kinds = np.where(before.closed, "correction", "value").tolist()
        for row, kind, body in zip(rows, kinds, present_all(plan.body, rows, facts), strict=True):
            yield ChangeRow(row.city, row.change_number, row.computed_at, kind, body)


class _Before(NamedTuple):
    """What was known of some cells: arrays [c].

    Attributes:
        next: number of the revision that comes.
        saved_us: when one was last kept; long ago where none was.
    """

    next: Ints
    saved_us: Ints
    closed: Bools

    @classmethod
    def of(cls, told: Told, cells: tuple[Ints, Ints]) -> "_Before":
        known = told.known[cells]
        return cls(
            next=np.where(known, told.revision[cells], 0) + 1,
            saved_us=np.where(known, told.saved_us[cells], NONE),
            closed=known & told.closed[cells],
        )


def _is_said(plan: RulePlan, told: Told, now: _Now, found: Derived, around: Circumstances) -> Bools:
    """Which windows and groups anything is said of: somebody stands there, and has spoken."""
    known: Bools = told.known[now.cells]
    # A window may have said something by a fact or station that is not there any more.
    present = found.present | known
    # So it does where a gateway that came anew took the watermark back behind its begin.
    begun = around.watermarks[None, :] - plan.reach.lead > found.begins[:, None]
    said: Bools = present & (known | ((begun | around.closing) & found.spoken[:, None]))
    return said


def _differs(plan: RulePlan, told: Told, now: _Now, around: Circumstances) -> Bools:
    """Which windows are not known to have been said so already."""
    same = told.known[now.cells] & (told.closed[now.cells] == around.closing)
    same &= same_content(told.content[now.cells], now.content)
    same &= told.reason[now.cells] == now.reason
    if now.facts is not None:
        same &= _equal(told.facts[now.cells], now.facts)
    who = plan.contributing
    if len(who.rows):
        other = told.took[now.rows[:, None], told.took_at[None, :]] != now.took
        upto = np.zeros((len(other), len(who.rows) + 1), np.int64)
        np.cumsum(other, axis=1, out=upto[:, 1:])
        same &= upto[:, who.offsets[1:]] == upto[:, who.offsets[:-1]]
    same &= ~told.lost(now.rows)[:, told.at]
    differs: Bools = ~same
    return differs


def _states(reasons: Objects, closed: Bools, was_closed: Bools) -> list[State]:
    found = np.where(closed, np.where(was_closed, 2, 1), 0)
    found[reasons != ""] = 3
    return [_STATES[one] for one in found.tolist()]


def _equal(one: Objects, other: Objects) -> Bools:
    """Where two arrays of lists of ids, or None, hold the same."""
    pairs = zip(one.reshape(-1), other.reshape(-1), strict=True)
    return np.array([a is b or a == b for a, b in pairs], np.bool_).reshape(one.shape)
