"""The buffer between the broker and the store: one batch fills while another commits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cityvitals.catalogue.load import Catalogue
from cityvitals.settings import IngestSettings
from ingest.arrival import Arrival
from ingest.declared import Statement, read_statement
from ingest.metrics import Metrics
from ingest.parts import Part, read_part
from ingest.routes import Routes

_READINGS: Final = "/obs"


@dataclass(slots=True)
class Held:
    """Messages to commit and acknowledge together, in order of arrival."""

    arrivals: list[Arrival] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)


class Intake:
    """Messages decoded and waiting for a commit.

    Bounded: the broker sends at most Receive Maximum messages of QoS 1 beyond those acknowledged.
    Messages of QoS 0 know no such limit; so when `is_full` (twice that number is held), the
    subscriber stops reading its socket until a batch is taken.
    """

    def __init__(
        self, settings: IngestSettings, catalogue: Catalogue, routes: Routes, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._routes = routes
        self._metrics = metrics
        self._waiting: list[Part | Statement] = []
        self._readings = 0
        self._filled = asyncio.Event()
        self._due = asyncio.Event()

    def add(self, arrival: Arrival) -> None:
        """Take a message; total, whatever it holds."""
        if arrival.topic.endswith(_READINGS):
            part = read_part(arrival, self._routes, self._settings.payload_bytes)
            self._readings += len(part.pack.t_us)
            self._waiting.append(part)
            self._metrics.by_kind["readings"].inc()
        else:
            self._waiting.append(
                read_statement(arrival, self._catalogue, self._settings.payload_bytes)
            )
            self._metrics.by_kind["declaration"].inc()
        self._filled.set()
        if self._is_due():
            self._due.set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more should be read from the broker."""
        return len(self._waiting) >= 2 * self._settings.receive_maximum

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
        taken, readings = 0, 0
        for message in self._waiting:
            if readings >= self._settings.batch_readings:
                break
            readings += len(message.pack.t_us) if isinstance(message, Part) else 0
            taken += 1
        held = _held(self._waiting[:taken])
        del self._waiting[:taken]
        self._readings -= readings
        self._due.clear()
        if not self._waiting:
            self._filled.clear()
        elif self._is_due():
            self._due.set()
        return held

    def drop_redelivered(self, session: str, generation: int) -> None:
        """Drop what a resumed session will deliver again: QoS 1 of connections before this one."""
        kept = [
            message
            for message in self._waiting
            if message.arrival.qos == 0
            or message.arrival.session != session
            or message.arrival.generation >= generation
        ]
        self._waiting = kept
        self._readings = sum(len(one.pack.t_us) for one in kept if isinstance(one, Part))

    def forget_routes(self) -> None:
        """Have the routes of all waiting readings found again: the registry changed."""
        self._routes.clear()
        for message in self._waiting:
            if isinstance(message, Part) and message.pack.t_us:
                message.slots = None

    def _is_due(self) -> bool:
        return (
            self._readings >= self._settings.batch_readings
            or len(self._waiting) >= self._settings.receive_maximum
        )


def _held(messages: Sequence[Part | Statement]) -> Held:
    return Held(
        [message.arrival for message in messages],
        [message for message in messages if isinstance(message, Part)],
        [message for message in messages if isinstance(message, Statement)],
    )
