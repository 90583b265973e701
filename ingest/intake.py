"""The buffer between the broker and the store: one batch fills while another commits."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from cityvitals.settings import IngestSettings
from ingest.arrival import Arrival
from ingest.burst import Burst, read_burst
from ingest.metrics import Metrics
from ingest.routes import Routes

_BYTES_A_READING: Final = 64


@dataclass(slots=True)
class Held:
    """Messages to commit and acknowledge together, in order of arrival."""

    bursts: list[Burst] = field(default_factory=list)

    @property
    def arrivals(self) -> list[Arrival]:
        """All messages, in order of arrival."""
        return [one for burst in self.bursts for one in burst.arrivals]

    @property
    def apart(self) -> list[tuple[int, Arrival]]:
        """Readings to be looked at one by one, with their position among all messages."""
        return self._chosen([burst.apart for burst in self.bursts])

    @property
    def statements(self) -> list[Arrival]:
        """What declares something."""
        return [one for _, one in self._chosen([burst.statements for burst in self.bursts])]

    def starts(self) -> list[int]:
        """Where each burst begins among all messages."""
        return [0, *accumulate(len(burst.arrivals) for burst in self.bursts)][:-1]

    def _chosen(self, places: Sequence[Sequence[int]]) -> list[tuple[int, Arrival]]:
        return [
            (start + place, burst.arrivals[place])
            for start, burst, mine in zip(self.starts(), self.bursts, places, strict=True)
            for place in mine
        ]


class Intake:
    """Messages waiting for a commit; the common ones are read, the others wait as bytes.

    Bounded: the broker sends at most Receive Maximum messages of QoS 1 beyond those acknowledged,
    and a message read takes less room than its bytes. Messages of QoS 0 know no such limit; so when
    `is_full` (twice that number is held), the subscriber stops reading its socket until a batch is
    taken.
    """

    def __init__(self, settings: IngestSettings, routes: Routes, metrics: Metrics) -> None:
        self._settings = settings
        self._routes = routes
        self._metrics = metrics
        self._waiting: deque[Burst] = deque()
        self._messages = 0
        self._readings = 0
        self._filled = asyncio.Event()
        self._due = asyncio.Event()

    def add(self, arrivals: Sequence[Arrival]) -> None:
        """Take messages that came together; total, whatever they hold."""
        burst = read_burst(arrivals, self._routes, self._settings.payload_bytes)
        self._metrics.by_kind["declaration"].inc(len(burst.statements))
        self._metrics.by_kind["readings"].inc(len(arrivals) - len(burst.statements))
        self._waiting.append(burst)
        self._count(burst, 1)
        self._filled.set()
        if self._is_due():
            self._due.set()

    def __len__(self) -> int:
        return self._messages

    @property
    def is_full(self) -> bool:
        """Whether no more should be read from the broker."""
        return self._messages >= 2 * self._settings.receive_maximum

    async def wait(self) -> None:
        """Wait until a batch is due: the oldest message old enough, or enough of them."""
        await self._filled.wait()
        try:
            async with asyncio.timeout(self._settings.flush_after_seconds):
                await self._due.wait()
        except TimeoutError:
            return

    def hurry(self) -> None:
        """End all waiting: nothing more is coming."""
        self._filled.set()
        self._due.set()

    def take(self) -> Held:
        """The oldest messages that make a batch, in order of arrival."""
        held, readings = Held(), 0
        while self._waiting and readings < self._settings.batch_readings:
            burst = self._waiting.popleft()
            self._count(burst, -1)
            readings += _weight(burst)
            held.bursts.append(self.fresh(burst))
        self._due.clear()
        if not self._waiting:
            self._filled.clear()
        elif self._is_due():
            self._due.set()
        return held

    def fresh(self, burst: Burst) -> Burst:
        """A burst, read again where the registry changed since it was read."""
        if burst.version == self._routes.version:
            return burst
        return read_burst(burst.arrivals, self._routes, self._settings.payload_bytes)

    def drop_redelivered(self, session: str, generation: int) -> None:
        """Drop what a resumed session will deliver again: QoS 1 of connections before this one."""

        def comes_again(one: Arrival) -> bool:
            return one.qos > 0 and one.session == session and one.generation < generation

        waiting, self._waiting = self._waiting, deque()
        self._messages = self._readings = 0
        for burst in waiting:
            kept = [one for one in burst.arrivals if not comes_again(one)]
            if kept:
                if len(kept) < len(burst.arrivals):
                    burst = read_burst(kept, self._routes, self._settings.payload_bytes)  # noqa: PLW2901
                self._waiting.append(burst)
                self._count(burst, 1)

    def _count(self, burst: Burst, sign: int) -> None:
        self._messages += sign * len(burst.arrivals)
        self._readings += sign * _weight(burst)

    def _is_due(self) -> bool:
        return (
            self._readings >= self._settings.batch_readings
            or self._messages >= self._settings.receive_maximum
        )


def _weight(burst: Burst) -> int:
    """About how many readings a burst holds; of those not read yet by their size."""
    unread = sum(len(burst.arrivals[place].payload) for place in burst.apart)
    return len(burst.readings) + unread // _BYTES_A_READING
