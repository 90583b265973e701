"""How far gateways have come, which of them are silent, and the watermark that follows."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np

from aggregator.kernels.partial import NONE
from aggregator.series_table import Ints
from cityvitals.domain.arrays import Records
from cityvitals.domain.names import Clock
from cityvitals.domain.times import US
from cityvitals.store.model import CityRow, GatewayRow

EVERYTHING: Final = 2**62
"""A watermark after all times: nobody is left who could say more."""


@dataclass(slots=True)
class Progress:
    """One gateway: newest end of a reading, newest arrival, announced status, silence."""

    name: str
    observed_to: int = NONE
    received: int = NONE
    status: str | None = None
    silent: bool = False

    def is_active(self, clock: str) -> bool:
        """Whether the watermark waits for it."""
        if self.status == "end":
            return False
        if clock == Clock.REPLAY:
            return self.status is not None
        return self.observed_to != NONE and not self.silent

    @property
    def is_left_out(self) -> bool:
        """Whether it has fallen silent, and so the watermark does not wait for it."""
        return self.silent and self.status != "end"


def watermarks_of(earliest: Ints, lateness_us: int) -> Ints:
    """Up to where everything has been said by groups whose last has come so far [g].

    Args:
        earliest: NONE, a time, or EVERYTHING where nobody is waited for.
        lateness_us: how long they may take to say it.
    """
    is_time = (earliest != NONE) & (earliest != EVERYTHING)
    return np.where(is_time, earliest - lateness_us, earliest)


class Gateways:
    """The gateways of a shard; one small record each."""

    def __init__(self) -> None:
        self._known: dict[int, Progress] = {}

    def update(self, rows: Iterable[GatewayRow]) -> None:
        """Take over the model's gateways."""
        for row in rows:
            self._known.setdefault(row.id, Progress(row.name)).status = row.status

    def knows(self, ids: Iterable[int]) -> bool:
        """Whether all of these gateways are known."""
        return all(int(key) in self._known for key in ids)

    def see(self, seen: Records) -> None:
        """Take the gateways of a log entry (LOG_SEEN): who speaks is not silent."""
        for record in seen:
            one = self._known.get(int(record["gateway"]))
            if one is not None:
                one.observed_to = max(one.observed_to, int(record["observed_to"]))
                one.received = max(one.received, int(record["received"]))
                one.silent = False

    def hear(self, entry: dict[str, Any]) -> None:
        """Take a silence entry of the log."""
        one = self._known.get(entry["gateway"])
        if one is not None:
            one.status = entry.get("status", one.status)
            one.silent = entry.get("silent", one.silent)

    def fallen_silent(self, patience: dict[int, float], least_s: float, now_us: int) -> list[int]:
        """Gateways that have said nothing for longer than is usual for them."""
        return [
            key
            for key, one in self._known.items()
            if not one.silent
            and one.received != NONE
            and now_us - one.received > max(patience.get(key, 0.0), least_s) * US
        ]

    def active(self, clock: str) -> dict[int, int]:
        """How far those gateways have come that watermarks wait for."""
        return {key: one.observed_to for key, one in self._known.items() if one.is_active(clock)}

    def left_out(self) -> set[int]:
        """Gateways that watermarks no longer wait for, since they are silent."""
        return {key for key, one in self._known.items() if one.is_left_out}

    def watermark(self, ids: Iterable[int], city: CityRow, lateness_us: int) -> int:
        """Up to where everything has been said, by these gateways: NONE, a time, or EVERYTHING."""
        active = self.active(city.clock)
        earliest = min(map(active.get, ids, repeat(EVERYTHING)), default=EVERYTHING)
        return int(watermarks_of(np.array([earliest]), lateness_us)[0])

    def silent(self, ids: Iterable[int]) -> list[str]:
        """Names of those gateways that the watermark no longer waits for, since they are silent."""
        return sorted(one.name for one in self._of(ids) if one.is_left_out)

    def _of(self, ids: Iterable[int]) -> list[Progress]:
        return [self._known[key] for key in ids if key in self._known]

    def dump(self) -> list[list[Any]]:
        """All of it, for a checkpoint."""
        return [
            [key, one.observed_to, one.received, one.silent] for key, one in self._known.items()
        ]

    def load(self, dumped: Iterable[list[Any]]) -> None:
        """Take up from a checkpoint."""
        for key, observed_to, received, silent in dumped:
            one = self._known.get(key)
            if one is not None:
                one.observed_to, one.received, one.silent = observed_to, received, silent
