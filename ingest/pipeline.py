"""From held messages to acknowledged ones: declarations, then readings, then the ack."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cityvitals.errors import SealRisen
from cityvitals.settings import IngestSettings
from cityvitals.store.batch import Batch, Rejection
from cityvitals.store.writer import ReadingWriter
from ingest.arrival import Arrival
from ingest.declared import read_statement
from ingest.intake import Held, Intake
from ingest.metrics import Metrics
from ingest.parts import Part, read_parts
from ingest.rates import Rates
from ingest.resolve import Resolver
from ingest.routes import Routes
from ingest.screen import Tolerance, screen, tolerance_of
from ingest.statements import Declarer


@dataclass(slots=True)
class Pipeline:
    """Commits what the intake holds, batch after batch, and acknowledges it then.

    Declarations of a batch are committed before its readings, so a device that says what it is and
    sends at once is understood.

    Attributes:
        acknowledge: tells the broker of messages that are committed, in order of arrival.
        tell: tells gateways what was rejected, once that is committed.
        is_stale: set when the registry changed: routes are found again before the next batch.
    """

    settings: IngestSettings
    intake: Intake
    routes: Routes
    declarer: Declarer
    resolver: Resolver
    writer: ReadingWriter
    acknowledge: Callable[[Sequence[Arrival]], None]
    tell: Callable[[Sequence[Rejection]], None]
    metrics: Metrics
    is_stale: bool = False
    is_stopping: bool = False
    tolerance: Tolerance = field(init=False)
    rates: Rates | None = field(init=False)

    def __post_init__(self) -> None:
        """Take what screening needs from the settings."""
        self.tolerance = tolerance_of(self.settings)
        per_s = self.settings.gateway_readings_per_s
        self.rates = Rates(per_s) if per_s else None

    async def run(self) -> None:
        """Commit batches until stopped and nothing is held.

        Raises:
            Fenced: another process has taken the lane.
        """
        while not self.is_stopping or len(self.intake):
            await self.intake.wait()
            await self.commit_due()

    def stop(self) -> None:
        """Have `run` end once everything held is committed; nothing more is coming."""
        self.is_stopping = True
        self.intake.hurry()

    async def commit_due(self) -> None:
        """Commit and acknowledge one batch of what is held.

        Raises:
            Fenced: another process has taken the lane.
        """
        if self.is_stale or self.routes.is_full:
            self._forget()
            self.declarer.forget()
        held = self.intake.take()
        if not held.arrivals:
            return
        with self.metrics.commit_seconds.time():
            await self._commit(held)
        self.acknowledge(held.arrivals)

    async def _commit(self, held: Held) -> None:
        statements = [
            read_statement(one, self.declarer.catalogue, self.settings.payload_bytes)
            for one in held.statements
        ]
        rejected, changed = await self.declarer.commit(statements)
        if changed:
            self._forget()
        while True:
            try:
                return await self._take(held, rejected)
            except SealRisen:  # routes know the new seal once they are found again
                self._forget()

    async def _take(self, held: Held, rejected: Sequence[Rejection]) -> None:
        """Screen readings by what is known of the registry, and write them."""
        held.bursts = [self.intake.fresh(burst) for burst in held.bursts]
        parts = self._apart(held)
        await self.resolver.resolve(parts)
        batch = screen(held, parts, self.routes, self.tolerance, self.rates)
        batch.rejected += rejected
        if len(batch.readings) or batch.rejected:
            await self._write(batch)

    def _apart(self, held: Held) -> list[Part]:
        """What has to be read message by message."""
        found = []
        for place, arrival in held.apart:
            for part in read_parts(arrival, self.settings.payload_bytes):
                part.message = place
                found.append(part)
        return found

    async def _write(self, batch: Batch) -> None:
        self.metrics.count(batch, await self.writer.commit(batch))
        if batch.rejected:
            self.tell(batch.rejected)

    def _forget(self) -> None:
        self.is_stale = False
        self.routes.clear()
        self.resolver.forget()


def wall_clock_us() -> int:
    """Now, in microseconds since 1970 UTC."""
    return time.time_ns() // 1000
