"""Windows that are too long to be derived with every change: now and then is enough while open."""

from collections import defaultdict
from typing import Final
from zlib import crc32

_FIRST_US: Final = 600_000_000

RuleKey = tuple[str, str]
"""City and rule id."""


class Slow:
    """Changed windows by city and rule, and when those of a rule are derived next.

    Bounded by the windows of such rules that wait to become final: a few each. What is forgotten at
    a restart is derived with the next change, and at last when it becomes final.
    """

    def __init__(self) -> None:
        self._changed: dict[RuleKey, set[int]] = defaultdict(set)
        self._next_us: dict[RuleKey, int] = {}

    def due(
        self, key: RuleKey, begins: list[int], now_us: int, every_us: int, *, at_once: bool
    ) -> list[int]:
        """Take note of changed windows; all changed ones once it is time again, else none.

        Args:
            key: city and rule.
            begins: of windows that changed.
            now_us: the moment.
            every_us: how long to wait between two times.
            at_once: whether the first change is derived at once; else within ten minutes, since
                all rules have their first one when a process starts.
        """
        changed = self._changed[key]
        changed.update(begins)
        if key not in self._next_us and not at_once:
            wait_us = min(every_us, _FIRST_US)
            self._next_us[key] = now_us + 1 + crc32(key[1].encode()) % wait_us
        if not changed or now_us < self._next_us.get(key, now_us):
            return []
        # The first time at once; then each rule at a time of its own, that no cycle has them all.
        later = every_us if key in self._next_us else 1 + crc32(key[1].encode()) % every_us
        self._next_us[key] = now_us + later
        del self._changed[key]
        return sorted(changed)
