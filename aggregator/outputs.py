"""What one transaction writes beside rollups."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from aggregator.batch import Batch
from aggregator.lines import change_line, change_lines, indicator_lines
from aggregator.pieces import Lines
from aggregator.saying import Saying
from aggregator.series_table import Ints
from aggregator.shown import bodies_of
from aggregator.told import Unsaved

_ROWS: Final = 20_000
"""Rows are put together so many at once, and all of a rule's: what they are made of stays small."""


class _Part(NamedTuple):
    """What is said of one rule's windows, and where its rows go.

    Attributes:
        kept: those that are appended to `indicator`.
        newest: those that stand as their groups' latest.
        unsaved: places of those that do not stand in `indicator` yet, and who keeps them.
    """

    said: Saying
    kept: Ints
    newest: Ints
    unsaved: list[tuple[int, Unsaved]]


class Written(NamedTuple):
    """Rows on the wire, some in each piece.

    Attributes:
        kept: of `indicator`.
        latest: of `indicator_latest`, each group's once.
        changes: of `change`.
        begins: of the windows of `kept`.
    """

    kept: list[memoryview]
    latest: list[memoryview]
    changes: list[memoryview]
    begins: Ints


@dataclass(slots=True)
class Outputs:
    """What one transaction writes beside rollups.

    Attributes:
        numbers: the newest change of each city.
        count: how many changes there are.
        told: changes of another kind than an indicator's, as rows on the wire.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    count: int = 0
    told: list[memoryview] = field(default_factory=list)
    _parts: list[_Part] = field(default_factory=list)
    _passed: list[tuple[int, Unsaved]] = field(default_factory=list)

    @property
    def said(self) -> list[Saying]:
        """What is said of indicators, in order."""
        return [one.said for one in self._parts]

    def say(
        self,
        said: Saying,
        kept: Ints,
        newest: Ints,
        unsaved: list[tuple[int, Unsaved]],
    ) -> None:
        """Have changes appended.

        Args:
            said: what is said; not empty.
            kept: which of it is appended to the revisions, ascending.
            newest: which of it stands as its group's latest, ascending; of several of one group the
                last stands.
            unsaved: places of what stands there alone; is told its rows.
        """
        self._parts.append(_Part(said, kept, newest, unsaved))
        self.count += len(said)

    def pass_on(self, rows: Iterable[tuple[int, Unsaved]]) -> None:
        """Have rows appended that stood among the latest alone, by their windows' begins."""
        self._passed += rows

    def tell(self, city: str, number: int, now_us: int, kind: str, body: bytes) -> None:
        """Have one change of another kind appended."""
        self.told.append(memoryview(change_line(city, number, now_us, kind, body)))
        self.count += 1

    def written(self) -> Written:
        """All of it but what is told, as rows on the wire."""
        made = Written([], [], [], self._begins())
        stands = self._stands()
        for parts in _divided(self._parts):
            batch = Batch([one.said for one in parts])
            lines = indicator_lines(batch)
            edges = batch.edges.tolist()
            for one, edge in zip(parts, edges, strict=False):
                for place, keeper in one.unsaved:
                    keeper.text = lines.one(edge + place)
            kept = [one.kept + edge for one, edge in zip(parts, edges, strict=False)]
            latest = [stands[id(one)] + edge for one, edge in zip(parts, edges, strict=False)]
            _add(made.kept, lines, np.concatenate(kept))
            _add(made.latest, lines, np.concatenate(latest))
            made.changes.append(change_lines(batch, bodies_of(batch)).text.data)
        made.kept.extend(memoryview(keeper.text) for _, keeper in self._passed)
        return made

    def _begins(self) -> Ints:
        begins = [one.said.found.begins[one.said.w[one.kept]] for one in self._parts]
        passed = np.array([begin for begin, _ in self._passed], np.int64)
        return np.unique(np.concatenate([passed, *begins]))

    def _stands(self) -> dict[int, Ints]:
        """Of each part the rows that stand as latest: a group's last, of all parts of a rule."""
        by_rule: dict[tuple[str, str], list[_Part]] = defaultdict(list)
        for one in self._parts:
            by_rule[one.said.plan.city.id, one.said.plan.rule.id].append(one)
        found: dict[int, Ints] = {}
        for parts in by_rule.values():
            taken: set[str] = set()
            for one in reversed(parts):
                found[id(one)] = _last_of_groups(one, taken if len(parts) > 1 else None)
        return found


def _last_of_groups(part: _Part, taken: set[str] | None) -> Ints:
    """The last of each group; not of groups `taken`, which are more afterwards."""
    rows, groups = part.newest, part.said.g[part.newest]
    if len(rows) > 1:
        _, back = np.unique(groups[::-1], return_index=True)
        rows = rows[np.sort(len(rows) - 1 - back)]
    if taken is None:
        return rows
    zones = [part.said.plan.groups[one] for one in part.said.g[rows].tolist()]
    free = np.array([zone not in taken for zone in zones], np.bool_)
    taken.update(zones)
    return rows[free]


def _divided(parts: list[_Part]) -> Iterator[list[_Part]]:
    """Parts of about `_ROWS` together."""
    some: list[_Part] = []
    rows = 0
    for one in parts:
        some.append(one)
        rows += len(one.said)
        if rows >= _ROWS:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _add(pieces: list[memoryview], lines: Lines, rows: Ints) -> None:
    if len(rows):
        pieces.append(lines.take(rows).data)
