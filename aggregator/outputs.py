"""What one transaction writes beside rollups."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from aggregator.pieces import Lines
from aggregator.plan import RulePlan
from aggregator.saying import Saying, change_line
from aggregator.series_table import Ints


class _Newest(NamedTuple):
    """Rows of the newest windows of some of a rule's groups.

    Attributes:
        rows: which of the lines.
        groups: whose, by the rule's columns in `Told`.
    """

    lines: Lines
    rows: Ints
    groups: Ints


@dataclass(slots=True)
class Outputs:
    """What one transaction writes beside rollups.

    Attributes:
        kept: rows of `indicator` on the wire, some in each.
        begins: of their windows.
        changes: rows of `change`.
        numbers: the newest change of each city.
        count: how many changes there are.
        said: what the rows are of.
    """

    kept: list[memoryview] = field(default_factory=list)
    begins: set[int] = field(default_factory=set)
    changes: list[memoryview] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    count: int = 0
    said: list[Saying] = field(default_factory=list)
    _newest: dict[tuple[str, str], list[_Newest]] = field(default_factory=dict)

    def keep(self, lines: Lines, rows: Ints, begins: Ints) -> None:
        """Have some rows appended, whose windows begin then."""
        if len(rows):
            self.kept.append(lines.take(rows).data)
            self.begins.update(np.unique(begins[rows]).tolist())

    def pass_on(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Have rows appended that stood among the latest alone, by their windows' begins."""
        for begin, row in rows:
            self.kept.append(memoryview(row))
            self.begins.add(begin)

    def say(self, said: Saying, changes: Lines) -> None:
        """Have changes appended."""
        self.said.append(said)
        self.changes.append(changes.text.data)
        self.count += len(said)

    def tell(self, city: str, number: int, now_us: int, kind: str, body: bytes) -> None:
        """Have one change of another kind appended."""
        self.changes.append(memoryview(change_line(city, number, now_us, kind, body)))
        self.count += 1

    def show(self, plan: RulePlan, lines: Lines, rows: Ints, groups: Ints) -> None:
        """Have some rows stand as their groups' latest, instead of what did so before.

        Args:
            plan: the rule in its city.
            lines: has the rows.
            rows: ascending; of several of one group the last stands.
            groups: of all lines.
        """
        if not len(rows):
            return
        _, back = np.unique(groups[rows][::-1], return_index=True)
        rows = rows[np.sort(len(rows) - 1 - back)]
        mine = self._newest.setdefault((plan.city.id, plan.rule.id), [])
        for at, one in enumerate(mine):
            left = ~np.isin(one.groups, groups[rows])
            mine[at] = _Newest(one.lines, one.rows[left], one.groups[left])
        mine.append(_Newest(lines, rows, groups[rows]))

    def latest(self) -> list[memoryview]:
        """Rows of `indicator_latest` on the wire, each group's once."""
        every = [one for found in self._newest.values() for one in found if len(one.rows)]
        return [one.lines.take(one.rows).data for one in every]
