"""Windows that changed, or can become final, and are not derived yet."""

from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from aggregator.series_table import Ints

RuleKey = tuple[str, str]
"""City and rule id."""


class Waiting:
    """Begins and ends of windows by city and rule; who came first is served first.

    Bounded by the windows that the history of changed buckets has: two numbers each.
    """

    def __init__(self) -> None:
        self._ends: dict[RuleKey, dict[int, int]] = {}

    def __len__(self) -> int:
        return sum(len(found) for found in self._ends.values())

    def add(self, key: RuleKey, begins: Iterable[int], ends: Iterable[int]) -> None:
        """Have windows of a rule derived."""
        found = dict(zip(begins, ends, strict=True))
        if found:
            self._ends.setdefault(key, {}).update(found)

    def rules(self) -> list[RuleKey]:
        """Cities and rules that have windows waiting, longest first."""
        return list(self._ends)

    def of(self, key: RuleKey) -> tuple[Ints, Ints]:
        """Begins and ends of a rule's windows, ascending."""
        found = self._ends.get(key, {})
        begins = np.array(sorted(found), np.int64)
        return begins, np.array([found[begin] for begin in begins.tolist()], np.int64)

    def first(self, key: RuleKey) -> int:
        """Begin of the oldest window of a rule that has windows waiting."""
        return min(self._ends[key])

    def take(self, key: RuleKey, begins: Iterable[int]) -> None:
        """These are being derived; of a rule that has others left, those wait behind all."""
        found = self._ends.pop(key, {})
        for begin in begins:
            found.pop(begin, None)
        if found:
            self._ends[key] = found

    def forget(self, city: str) -> None:
        """A city's windows begin elsewhere now."""
        for key in [key for key in self._ends if key[0] == city]:
            del self._ends[key]

    def keep(self, rules: Container[str]) -> None:
        """Forget windows of all rules but these."""
        for key in [key for key in self._ends if key[1] not in rules]:
            del self._ends[key]

    def dump(self) -> list[list[Any]]:
        """All of it, for a checkpoint."""
        return [[*key, list(found), list(found.values())] for key, found in self._ends.items()]

    def load(self, dumped: Iterable[list[Any]]) -> None:
        """Take up from a checkpoint."""
        for city, rule, begins, ends in dumped:
            self.add((city, rule), begins, ends)
