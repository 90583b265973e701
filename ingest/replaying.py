"""`cityvitals deadletters replay`: dead letters go once more the way that readings go.

Each batch is one transaction: its readings, the letters that they were, the ledger. What it
rejects stays a letter. So ending anywhere loses and doubles nothing, and starting again goes on.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.domain.times import US
from cityvitals.settings import IngestSettings
from cityvitals.store.batch import Outcomes
from cityvitals.store.dead_letters import Filter, Key
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane, take_lane
from cityvitals.store.letter_box import Waiting, find_messages, letter_id, next_waiting
from cityvitals.store.newcomers import Quotas
from cityvitals.store.pool import Pool, require_durable
from cityvitals.store.writer import ReadingWriter
from ingest.again import Attempt, attempts, declares, first_of, settled
from ingest.burst import SENT, Burst
from ingest.intake import Held
from ingest.parts import Part
from ingest.resolve import Resolver
from ingest.routes import Routes
from ingest.screen import Tolerance, screen

LANE: Final = "replay"
GATEWAY: Final = "replay"
"""As the ledger calls who sent what was replayed."""
_LAST_INDEX: Final = 2**31 - 1


@dataclass(slots=True)
class Replayed:
    """What became of dead letters.

    Attributes:
        letters: those that were tried.
        refused: those that are of declarations, not of readings.
        readable: readings that a dry run could decode.
        outcomes: of the readings that the letters are.
    """

    letters: int = 0
    refused: int = 0
    readable: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)

    def add(self, outcomes: Outcomes) -> None:
        """Count a batch in."""
        self.outcomes.update(outcomes.counts)
        self.reasons.update(outcomes.reasons)


class Replayer:
    """Tries dead letters again, batch after batch.

    Args:
        pool: connections.
        settings: by which readings are screened, as those that come are.
        lane: ours; None for a dry run, which decodes and writes nothing.
        tell: told of letters that are refused, and why the store keeps us waiting.
    """

    def __init__(
        self, pool: Pool, settings: IngestSettings, lane: Lane | None, tell: Callable[[str], None]
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._tell = tell
        self._tolerance = Tolerance(
            round(settings.future_seconds * US), round(settings.skew_seconds * US)
        )
        self._way = None if lane is None else _Way(pool, settings, lane, self._on_wait)
        self.done = Replayed()

    async def run(self, which: Filter, keys: Collection[Key] | None = None) -> Replayed:
        """Try letters again, oldest first; those that come meanwhile are left for another time.

        Args:
            which: those that are meant.
            keys: only these; None for all.

        Raises:
            Fenced: another replay has begun.
            StoreUnavailable: the server is away; what was committed stays so.
        """
        until, after = datetime.now(UTC), None
        most = self._settings.batch_readings
        while letters := await next_waiting(self._pool, which, keys, after, until, most):
            batch = first_of(letters, most)
            await self._try(batch)
            after = _past(batch[-1])
        return self.done

    async def _try(self, letters: Sequence[Waiting]) -> None:
        messages = await find_messages(self._pool, sorted({one.hash for one in letters}))
        tried = []
        for attempt in attempts(letters, messages):
            if declares(attempt.arrival.topic):
                self._refuse(attempt)
            else:
                tried.append(attempt)
        self.done.letters += sum(len(one.indices) for one in tried)
        parts = [
            part
            for place, one in enumerate(tried)
            for part in one.parts(place, self._settings.payload_bytes)
        ]
        if self._way is None:
            self._count(parts)
        elif tried:
            await self._commit(self._way, tried, parts)

    def _refuse(self, attempt: Attempt) -> None:
        self.done.refused += len(attempt.indices)
        for index in sorted(attempt.indices):
            self._tell(
                f"{letter_id(attempt.hash, index)}: {attempt.arrival.topic!a} declares something "
                "and holds no readings: have it published again"
            )

    def _count(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self.done.readable += len(part.pack.t_us)
            self.done.reasons.update(reason for _, reason, _ in part.rejected)

    async def _commit(self, way: "_Way", tried: Sequence[Attempt], parts: Sequence[Part]) -> None:
        # Read afresh for each batch, so that a registry applied meanwhile is heeded.
        way.routes.clear()
        await way.resolver.resolve(parts)
        arrivals = [one.arrival for one in tried]
        apart = list(range(len(arrivals)))
        burst = Burst(arrivals, way.routes.version, np.empty(0, SENT), apart, [])
        batch = screen(Held([burst]), parts, way.routes, self._tolerance)
        batch.book_as = GATEWAY
        batch.settled = settled(tried, batch)
        if batch.settled or batch.rejected:
            self.done.add(await way.writer.commit(batch))

    def _on_wait(self, reason: str) -> None:
        if reason:
            self._tell(f"waiting for the database: {reason}")


class _Way:
    """What readings go through, as in ingest."""

    def __init__(
        self, pool: Pool, settings: IngestSettings, lane: Lane, on_wait: Callable[[str], None]
    ) -> None:
        catalogue = load_catalogue()
        quotas = Quotas(
            settings.new_series_per_hour,
            settings.new_gateways_per_hour,
            settings.new_cities_per_hour,
        )
        self.routes = Routes(catalogue)
        self.resolver = Resolver(
            pool, lane, catalogue, self.routes, settings.register_unknown, on_wait, quotas
        )
        self.writer = ReadingWriter(pool, lane, on_wait)


async def replay(
    pool: Pool,
    settings: IngestSettings,
    which: Filter,
    keys: Collection[Key] | None = None,
    *,
    dry_run: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Replayed:
    """Try dead letters again.

    Args:
        pool: connections.
        settings: by which readings are screened.
        which: those that are meant.
        keys: only these; None for all.
        dry_run: only decode them; nothing is written.
        tell: told of letters that are refused, and why the store keeps us waiting.

    Raises:
        UnfitServer: the database cannot keep our promises as it is configured.
        Fenced: another replay has begun.
        StoreUnavailable: the server is away; what was committed stays so.
    """
    lane = None if dry_run else await _admit(pool)
    return await Replayer(pool, settings, lane, tell).run(which, keys)


async def _admit(pool: Pool) -> Lane:
    with translated("beginning a replay"):
        async with pool.acquire() as connection:
            await require_durable(connection)
            return await take_lane(connection, LANE)


def _past(last: Waiting) -> Waiting:
    """The place behind a letter.

    A whole message that is decoded now may leave letters of its readings, which were tried.
    """
    if not last.whole:
        return last
    return Waiting(last.hash, _LAST_INDEX, last.whole, last.weight, last.last_us)
