"""Remembering for a minute who was refused, so that a flood does not cost a query each time."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

_REMEMBERED_S: Final = 60.0
_MOST: Final = 50_000
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Refusals(Generic[K]):
    """Why things were refused, by what they are.

    Bounded by forgetting all past 50,000, when `tidy` is called: before a batch, never within one.

    Attributes:
        clock: seconds that never go back.
    """

    clock: Callable[[], float] = time.monotonic
    _until: dict[K, tuple[float, str]] = field(default_factory=dict)

    def add(self, what: K, why: str) -> None:
        """Remember that something was refused."""
        self._until[what] = self.clock() + _REMEMBERED_S, why

    def find(self, what: K) -> str:
        """Why something was refused within the last minute, or ""."""
        found = self._until.get(what)
        return found[1] if found is not None and self.clock() < found[0] else ""

    def tidy(self) -> None:
        """Keep within bounds."""
        if len(self._until) > _MOST:
            self._until.clear()

    def clear(self) -> None:
        """Forget all: the registry changed."""
        self._until.clear()
