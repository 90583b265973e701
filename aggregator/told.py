"""What was said before of one rule's windows in one city: arrays, since all of it is compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.partial import NONE
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from cityvitals.domain.times import to_us

Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

_FIRST_ROWS: Final = 4

NUMBERS: Final = ("value", "numerator", "denominator", "coverage")
"""Of a window's content, those that may be missing: nan."""
CONTENT: Final = np.dtype(
    [
        *((name, "<f8") for name in NUMBERS),
        ("observed", "<i8"),
        ("flagged", "<i8"),
        ("station_count", "<i8"),
        ("rule_revision", "<i8"),
    ]
)
"""What makes one revision differ from another, beside reason, stations and facts; not when or after
how much it was computed."""


@dataclass(slots=True, eq=False)
class Unsaved:
    """A row that stands in `indicator_latest` alone, on the wire; empty until it is put together.

    That is before the transaction in which it is written, for many rows at once.
    """

    text: bytes = b""


class Told:
    """The newest revision of windows [row] in groups [column].

    Bounded: windows that are not final somewhere, and the newest of each group; `let_go` drops
    others. Columns only grow: a zone or series that a rule has lost may come back.

    Attributes:
        newest: begin of the newest window of each column.
        content: CONTENT [row, column]; reason: '' where there is a value.
        facts: ids of the facts used, None of a rule that uses none.
        took: which series took part, by their own columns.
        saved_us: when a revision was last kept.
        unsaved: the newest revision's row (`Unsaved`), while `indicator_latest` alone has it.
        known: whether anything was said at all.
        at, took_at: columns of the plan's groups and of its contributing series.
        is_plain: whether the columns are the plan's groups, in their order.
    """

    def __init__(self) -> None:
        self._plan: RulePlan | None = None
        self._groups: dict[str, int] = {}
        self._series: dict[tuple[int, int], int] = {}
        self._rows: dict[int, int] = {}
        self._free: list[int] = []
        self._lost: Ints = np.empty(0, np.int64)
        self.at: Ints = np.empty(0, np.int64)
        self.took_at: Ints = np.empty(0, np.int64)
        self.is_plain = False
        self.newest: Ints = np.empty(0, np.int64)
        self.content: NDArray[Any] = np.zeros((0, 0), CONTENT)
        self.reason: Objects = np.empty((0, 0), object)
        self.facts: Objects = np.empty((0, 0), object)
        self.unsaved: Objects = np.empty((0, 0), object)
        self.took: Bools = np.zeros((0, 0), np.bool_)
        self.closed: Bools = np.zeros((0, 0), np.bool_)
        self.known: Bools = np.zeros((0, 0), np.bool_)
        self.revision: Ints = np.zeros((0, 0), np.int64)
        self.saved_us: Ints = np.zeros((0, 0), np.int64)

    def fit(self, plan: RulePlan, ids: NDArray[np.int32]) -> None:
        """Have columns for a plan's groups and series; `ids` by row of the shard."""
        if plan is self._plan:
            return
        self._plan = plan
        self.at = np.array([self._group(zone) for zone in plan.groups], np.int64)
        who = plan.contributing
        found = zip(self.at[who.group].tolist(), ids[who.rows].tolist(), strict=True)
        self.took_at = np.array([self._taker(*one) for one in found], np.int64)
        self._lost = np.setdiff1d(np.arange(len(self._series)), self.took_at)
        self._grow(len(self.known))
        self.is_plain = np.array_equal(self.at, np.arange(len(self._groups)))

    def learn(self, row: Mapping[str, Any], *, newest: bool) -> None:
        """Take over a revision from the store; `newest` where it is the group's latest."""
        begin, column = to_us(row["window_begin"]), self._group(row["zone"])
        takers = [self._taker(column, one) for one in row["stations"]]
        self._grow(len(self.known))
        self._plan = None
        at = int(self.take(np.array([begin], np.int64))[0]), column
        for name in NUMBERS:
            self.content[name][at] = np.nan if row[name] is None else row[name]
        for name in ("observed", "flagged", "station_count", "rule_revision"):
            self.content[name][at] = row[name]
        self.reason[at], self.facts[at], self.unsaved[at] = row["reason"], row["facts"], None
        self.took[at[0], [key for (of, _), key in self._series.items() if of == column]] = False
        self.took[at[0], takers] = True
        self.known[at], self.closed[at] = True, row["closed"]
        self.revision[at], self.saved_us[at] = row["revision"], to_us(row["computed_at"])
        if newest:
            self.newest[column] = begin

    def zones(self) -> set[str]:
        """Zones of which anything was ever said."""
        said = self.newest != NONE
        return {zone for zone, at in self._groups.items() if at < len(said) and said[at]}

    def _group(self, zone: str) -> int:
        return self._groups.setdefault(zone, len(self._groups))

    def _taker(self, column: int, series: int) -> int:
        return self._series.setdefault((column, series), len(self._series))

    def take(self, begins: Ints) -> Ints:
        """Rows of windows, given to those that have none."""
        for begin in begins.tolist():
            if begin not in self._rows:
                if not self._free:
                    self._grow(max(_FIRST_ROWS, 2 * len(self.known)))
                row = self._rows[begin] = self._free.pop()
                self.known[row] = self.closed[row] = self.took[row] = False
                self.unsaved[row] = None
        return np.array([self._rows[begin] for begin in begins.tolist()], np.int64)

    def _grow(self, rows: int) -> None:
        self._free += range(len(self.known), rows)
        shape = rows, len(self._groups)
        self.newest = _grown(self.newest, (len(self._groups),), NONE)
        self.content = _grown(self.content, shape, 0)
        self.reason = _grown(self.reason, shape, "")
        self.facts = _grown(self.facts, shape, None)
        self.unsaved = _grown(self.unsaved, shape, None)
        self.took = _grown(self.took, (rows, len(self._series)), fill=False)
        self.closed = _grown(self.closed, shape, fill=False)
        self.known = _grown(self.known, shape, fill=False)
        self.revision = _grown(self.revision, shape, 0)
        self.saved_us = _grown(self.saved_us, shape, NONE)

    def unknown(self, begins: Ints) -> list[tuple[int, int]]:
        """(window, group of the plan) of which the store may know something not known here."""
        older = begins[:, None] <= self.newest[self.at][None, :]
        if not older.any():
            return []
        for w, begin in enumerate(begins.tolist()):
            if begin in self._rows:
                older[w] &= ~self.known[self._rows[begin], self.at]
        return [(int(w), int(g)) for w, g in np.argwhere(older)]

    def closed_before(self, begins: Ints) -> Bools:
        """Which windows were final already in which groups of the plan [w, g]."""
        found = np.zeros((len(begins), len(self.at)), np.bool_)
        for w, begin in enumerate(begins.tolist()):
            if begin in self._rows:
                row = self._rows[begin]
                found[w] = (self.known[row] & self.closed[row])[self.at]
        return found

    def move_on(self, columns: Ints, begins: Ints) -> None:
        """Of some columns, windows that begin then are among the newest."""
        self.newest = self.newest.copy()
        np.maximum.at(self.newest, columns, begins)

    @property
    def lacks_any(self) -> bool:
        """Whether there are series that the plan has no more."""
        return len(self._lost) > 0

    def lost(self, rows: Ints) -> Bools:
        """In which windows and columns series took part that the plan has no more."""
        found = np.zeros((len(rows), len(self._groups)), np.bool_)
        if len(self._lost):
            columns = np.array([column for column, _ in self._series], np.int64)[self._lost]
            for w, row in enumerate(rows.tolist()):
                found[w, columns[self.took[row, self._lost]]] = True
        return found

    def remember_takers(self, rows: Ints, at: tuple[Ints, Ints], took: Bools) -> None:
        """Remember which series took part in some cells: `at` windows of `rows` and groups.

        Args:
            rows: of the windows [w].
            at: windows and groups of the plan [c].
            took: which of the plan's contributing series did [w, u].
        """
        if len(at[0]) == len(rows) * len(self.at) and not self.lacks_any:
            self.took[rows[:, None], self.took_at[None, :]] = took
            return
        changed = np.zeros((len(rows), len(self._groups)), np.bool_)
        changed[at[0], self.at[at[1]]] = True
        columns = np.array([column for column, _ in self._series], np.int64)
        w, place = np.nonzero(changed[:, columns])
        now = np.zeros((len(rows), len(self._series)), np.bool_)
        now[:, self.took_at] = took
        self.took[rows[w], place] = now[w, place]

    def pass_on(self) -> Iterator[tuple[int, Unsaved]]:
        """Rows that stood in `indicator_latest` alone, where newer windows stand now, by begin."""
        for begin, row in sorted(self._rows.items()):
            passed = np.flatnonzero((self.newest > begin) & (self.unsaved[row] != None))  # noqa: E711
            for one in self.unsaved[row, passed].tolist():
                yield begin, one
            self.unsaved[row, passed] = None

    def let_go(self, begins: Iterable[int]) -> None:
        """Forget those of some windows that are final, or of which nothing was said.

        Not the newest, and not others: they may have been learned for what is derived next.
        """
        for begin in set(begins) & self._rows.keys():
            row = self._rows[begin]
            needed = self.known[row] & (~self.closed[row] | (self.newest <= begin))
            if not needed.any():
                del self._rows[begin]
                self._free.append(row)


def _grown(array: NDArray[Any], shape: tuple[int, ...], fill: Any) -> NDArray[Any]:
    if array.shape == shape:
        return array
    found = np.full(shape, fill, array.dtype)
    found[tuple(slice(size) for size in array.shape)] = array
    return found
