"""From held messages to acknowledged ones: declarations, then readings, then the ack."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cityvitals.domain.times import US
from cityvitals.settings import IngestSettings
from cityvitals.store.batch import Batch
from cityvitals.store.writer import ReadingWriter
from ingest.arrival import Arrival
from ingest.intake import Held, Intake
from ingest.metrics import Metrics
from ingest.parts import Part
from ingest.rates import Rates
from ingest.resolve import Resolver
from ingest.routes import Routes
from ingest.screen import Tolerance, screen
from ingest.statements import Declarer


@dataclass(slots=True)
class Pipeline:
    """Commits what the intake holds, batch after batch, and acknowledges it then.

    Declarations of a batch are committed before its readings, so a device that says what it is and
    sends at once is understood.

    Attributes:
        acknowledge: tells the broker of messages that are committed, in order of arrival.
        is_stale: set when the registry changed: routes are found again before the next batch.
    """

    settings: IngestSettings
    intake: Intake
    routes: Routes
    declarer: Declarer
    resolver: Resolver
    writer: ReadingWriter
    acknowledge: Callable[[Sequence[Arrival]], None]
    metrics: Metrics
    is_stale: bool = False
    is_stopping: bool = False
    tolerance: Tolerance = field(init=False)
    rates: Rates | None = field(init=False)

    def __post_init__(self) -> None:
        """Take what screening needs from the settings."""
        settings = self.settings
        self.tolerance = Tolerance(
            round(settings.future_seconds * US), round(settings.skew_seconds * US)
        )
        per_s = settings.gateway_readings_per_s
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
            self._forget([])
            self.declarer.forget()
        held = self.intake.take()
        if not held.arrivals:
            return
        with self.metrics.commit_seconds.time():
            await self._commit(held)
        self.acknowledge(held.arrivals)

    async def _commit(self, held: Held) -> None:
        rejected, changed = await self.declarer.commit(held.statements)
        if changed:
            self._forget(held.parts)
        await self.resolver.resolve(held.parts)
        batch = screen(held.parts, self.routes, self.tolerance, self.rates)
        batch.rejected += rejected
        if len(batch.readings) or batch.rejected:
            await self._write(batch)

    async def _write(self, batch: Batch) -> None:
        self.metrics.count(await self.writer.commit(batch))

    def _forget(self, taken: Sequence[Part]) -> None:
        self.is_stale = False
        self.intake.forget_routes()
        self.resolver.forget()
        for part in taken:
            if part.pack.t_us:
                part.slots = None


def wall_clock_us() -> int:
    """Now, in microseconds since 1970 UTC."""
    return time.time_ns() // 1000
