"""What changed against what was said before: revisions, states, numbered changes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.derive import Derived
from aggregator.facts import Facts, Used
from aggregator.forms import Forms, forms_of
from aggregator.kernels.comparing import same_takers
from aggregator.kernels.partial import NONE
from aggregator.outputs import Outputs
from aggregator.plan import RulePlan
from aggregator.saying import Saying, stations_of
from aggregator.series_table import Ints
from aggregator.sheet import Circumstances, content_of, same_content, took_part
from aggregator.told import Bools, Objects, Told, Unsaved
from cityvitals.domain.times import US

Key = tuple[str, str, str, int]
"""City, rule, zone, window begin (microseconds)."""


class _Now(NamedTuple):
    """What is to be said of windows of a rule now, and was before: arrays [w, g].

    Attributes:
        rows: of `Told` [w].
        cells: index of all windows in the plan's groups there; whole rows are copied faster.
        used: the facts that are used; None of a rule that uses none.
        took: which contributing series took part [w, u].
    """

    plan: RulePlan
    around: Circumstances
    rows: Ints
    cells: Ints | tuple[Ints, Ints]
    content: NDArray[Any]
    reason: Objects
    used: Used | None
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
        self._forms: dict[tuple[str, str], tuple[RulePlan, Forms]] = {}
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
            plan=plan,
            around=around,
            rows=rows,
            cells=rows if told.is_plain else (rows[:, None], told.at[None, :]),
            content=content_of(plan, found, took),
            reason=found.reasons,
            used=self.facts.used(plan, found.begins, found.ends),
            took=took,
        )
        differs = _differs(plan, told, now, around) & _is_said(plan, told, now, found, around)
        w, g = np.nonzero(differs)
        passed = told.newest
        if len(w):
            self._say(told, now, found, (w, g), out)
        moved = [] if told.newest is passed else passed.tolist()
        told.let_go([*moved, *found.begins.tolist()])

    def _say(
        self, told: Told, now: _Now, found: Derived, at: tuple[Ints, Ints], out: Outputs
    ) -> None:
        """Make rows of some windows and groups, remember them, and put them out."""
        city, now_us = now.plan.city.id, now.around.now_us
        cells = _Cells.of(told, now.rows, at)
        before = _Before.of(told, cells)
        closed = cells.among(now.around.closing)
        begins, newest = found.begins[at[0]], told.newest[cells.column]
        settled = closed | (begins < newest) | (before.saved_us <= now_us - self._every_us)
        said = self._saying(now, found, cells, before)
        self.numbers[city] = out.numbers[city] = said.number - 1 + len(said)
        cells.put(told.content, said.content)
        cells.put(told.reason, said.reason)
        cells.put(told.facts, None if now.used is None else cells.among(now.used.ids))
        told.remember_takers(now.rows, at, now.took)
        cells.put(told.revision, before.next)
        cells.put(told.closed, closed)
        cells.put(told.known, np.ones(len(closed), np.bool_))
        cells.put(told.saved_us, np.where(settled, now_us, before.saved_us))
        cells.put(told.unsaved, None)
        unsaved = [(place, Unsaved()) for place in np.flatnonzero(~settled).tolist()]
        for place, keeper in unsaved:
            told.unsaved[cells.row[place], cells.column[place]] = keeper
        if (begins > newest).any():
            told.move_on(cells.column, begins)
            out.pass_on(told.pass_on())
        kept, shown = np.flatnonzero(settled), np.flatnonzero(begins >= newest)
        out.say(said, kept, shown, unsaved)

    def _saying(self, now: _Now, found: Derived, cells: "_Cells", before: "_Before") -> Saying:
        at = cells.at
        return Saying(
            plan=now.plan,
            found=found,
            around=now.around,
            w=at[0],
            g=at[1],
            content=cells.among(now.content),
            reason=cells.among(now.reason),
            closed=cells.among(now.around.closing),
            was_closed=before.closed,
            revision=before.next,
            number=self.numbers.get(now.plan.city.id, 0) + 1,
            used=now.used,
            stations=stations_of(now.plan, now.took, self._ids, *at),
            forms=self._forms_of(now.plan),
        )

    def _forms_of(self, plan: RulePlan) -> Forms:
        key = (plan.city.id, plan.rule.id)
        if key not in self._forms or self._forms[key][0] is not plan:
            self._forms[key] = plan, forms_of(plan)
        return self._forms[key][1]


@dataclass(frozen=True, slots=True)
class _Cells:
    """Some windows and groups [c] of a rule, or all of them: then whole rows are copied.

    Attributes:
        at: windows and groups.
        row, column: of `Told`.
        rows: of `Told`, where these are all cells of them [w].
    """

    at: tuple[Ints, Ints]
    row: Ints
    column: Ints
    rows: Ints | None

    @classmethod
    def of(cls, told: Told, rows: Ints, at: tuple[Ints, Ints]) -> "_Cells":
        are_all = told.is_plain and len(at[0]) == len(rows) * len(told.at)
        return cls(at, rows[at[0]], told.at[at[1]], rows if are_all else None)

    def among(self, found: NDArray[Any]) -> NDArray[Any]:
        """Of an array over windows and groups [w, g] these: [c]."""
        return found[self.at] if self.rows is None else found.reshape(-1)

    def get(self, known: NDArray[Any]) -> NDArray[Any]:
        """Of an array of `Told` these: [c]."""
        if self.rows is None:
            return known[self.row, self.column]
        return known[self.rows].reshape(-1)

    def put(self, known: NDArray[Any], values: NDArray[Any] | None) -> None:
        """Set these in an array of `Told`."""
        if self.rows is None:
            known[self.row, self.column] = values
        elif isinstance(values, np.ndarray):
            known[self.rows] = values.reshape(len(self.rows), -1)
        else:
            known[self.rows] = values


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
    def of(cls, told: Told, cells: _Cells) -> "_Before":
        known = cells.get(told.known)
        return cls(
            next=np.where(known, cells.get(told.revision), 0) + 1,
            saved_us=np.where(known, cells.get(told.saved_us), NONE),
            closed=known & cells.get(told.closed),
        )


def _is_said(plan: RulePlan, told: Told, now: _Now, found: Derived, around: Circumstances) -> Bools:
    """Which windows and groups anything is said of: somebody stands there, and has spoken."""
    known: Bools = told.known[now.cells]
    # A window may have said something by a fact or station that is not there any more.
    present = found.present | known
    # So it does where a gateway that came anew took the watermark back behind its begin.
    begun = around.watched.marks[None, :] - plan.reach.lead > found.begins[:, None]
    said: Bools = present & (known | ((begun | around.closing) & found.spoken[:, None]))
    return said


def _differs(plan: RulePlan, told: Told, now: _Now, around: Circumstances) -> Bools:
    """Which windows are not known to have been said so already."""
    same = told.known[now.cells] & (told.closed[now.cells] == around.closing)
    same &= same_content(told.content[now.cells], now.content)
    same &= told.reason[now.cells] == now.reason
    if now.used is not None:
        same &= _equal(told.facts[now.cells], now.used.ids)
    if len(plan.contributing.rows):
        before = told.took[now.rows[:, None], told.took_at[None, :]]
        same_takers(before, now.took, plan.contributing.offsets, same)
    if told.lacks_any:
        same &= ~told.lost(now.rows)[:, told.at]
    differs: Bools = ~same
    return differs


def _equal(one: Objects, other: Objects) -> Bools:
    """Where two arrays of lists of ids, or None, hold the same."""
    pairs = zip(one.reshape(-1), other.reshape(-1), strict=True)
    return np.array([a is b or a == b for a, b in pairs], np.bool_).reshape(one.shape)
