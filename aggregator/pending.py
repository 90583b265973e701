"""Windows that are not final yet, and when they were last touched."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregator.series_table import Ints

RuleKey = tuple[str, str]
"""City and rule id."""


@dataclass(slots=True)
class Waiting:
    """A window that is not final everywhere.

    Attributes:
        end: its end, microseconds.
        touched_us: when input for it last came.
        closed: in how many groups it is final already.
    """

    end: int
    touched_us: int
    closed: int = 0


class Pending:
    """Windows by city and rule that wait to become final.

    Bounded by the windows that received input within the last minute, or lie beyond a watermark.
    """

    def __init__(self) -> None:
        self._waiting: dict[RuleKey, dict[int, Waiting]] = defaultdict(dict)
        self._ended: dict[RuleKey, int] = {}

    @property
    def ended(self) -> int:
        """Windows that had ended when ripe ones were last asked for, and were not quiet yet."""
        return sum(count for key, count in self._ended.items() if self._waiting.get(key))

    def __len__(self) -> int:
        return sum(len(found) for found in self._waiting.values())

    def touch(self, key: RuleKey, begins: Iterable[int], ends: Iterable[int], now_us: int) -> None:
        """Input came for these windows."""
        waiting = self._waiting[key]
        for begin, end in zip(begins, ends, strict=True):
            waiting[int(begin)] = Waiting(int(end), now_us)

    def ripe(self, key: RuleKey, marks: list[int], quiet_since_us: int, most: int) -> list[int]:
        """At most `most` begins of quiet windows that can become final in one more group.

        Args:
            key: city and rule.
            marks: the groups' watermarks, ascending.
            quiet_since_us: input after this keeps a window open.
            most: how many at most.
        """
        found: list[int] = []
        waiting = self._waiting.get(key)
        if most <= 0:
            return found
        ended = 0
        for begin, one in (waiting or {}).items():
            passed = len(marks) - bisect_left(marks, one.end)
            if passed <= one.closed:
                continue
            if one.touched_us > quiet_since_us:
                ended += 1
                continue
            found.append(begin)
            if len(found) == most:
                break
        self._ended[key] = ended
        return sorted(found)

    def ends(self, key: RuleKey, begins: list[int]) -> Ints:
        """When waiting windows are complete."""
        waiting = self._waiting.get(key, {})
        return np.array([waiting[begin].end for begin in begins], np.int64)

    def close(self, key: RuleKey, begin: int, groups: int, of: int) -> None:
        """A window is final in so many of its groups; in all of them, it waits no longer."""
        if groups >= of:
            self._waiting[key].pop(begin, None)
        elif begin in self._waiting[key]:
            self._waiting[key][begin].closed = groups

    def forget(self, city: str) -> None:
        """A city's windows begin elsewhere now; those that do not are touched again."""
        for key in [key for key in self._waiting if key[0] == city]:
            del self._waiting[key]

    def begins(self, key: RuleKey) -> list[int]:
        """Begins of a rule's windows that wait."""
        return list(self._waiting.get(key, ()))

    def keep(self, rules: Container[str]) -> None:
        """Forget windows of all rules but these."""
        for key in [key for key in self._waiting if key[1] not in rules]:
            del self._waiting[key]

    def keep_fed(self, rules: Container[RuleKey]) -> None:
        """Forget windows of all but these: nothing feeds the others, and nothing is said of them.

        What feeds them again is folded again, and touches them.
        """
        for key in [key for key in self._waiting if key not in rules]:
            del self._waiting[key]
            self._ended.pop(key, None)

    def keys(self) -> list[RuleKey]:
        """Cities and rules that have windows waiting."""
        return [key for key, found in self._waiting.items() if found]

    def dump(self) -> list[list[Any]]:
        """All of it, for a checkpoint."""
        return [
            [city, rule, begin, one.end]
            for (city, rule), found in self._waiting.items()
            for begin, one in found.items()
        ]

    def load(self, dumped: Iterable[list[Any]], now_us: int) -> None:
        """Take up from a checkpoint; what happened since then is taken as just now."""
        for city, rule, begin, end in dumped:
            self._waiting[city, rule][begin] = Waiting(end, now_us)
