"""Replaying dead letters: their readings take the way of new ones once more.

Readings and the removal of their letters commit together, so a crash loses nothing and counts
nothing twice: what was not committed is still a letter. The ledger counts all of it under gateway
`replay`; times of arrival stay what they were, so no watermark moves on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.domain.times import to_us
from cityvitals.errors import BadTopic, SealRisen
from cityvitals.settings import IngestSettings, Settings
from cityvitals.store.batch import Batch
from cityvitals.store.dead_letters import letter_hash, letter_keys
from cityvitals.store.lanes import take_lane
from cityvitals.store.letter_box import Row, Wanted, pages_by_arrival, read_messages
from cityvitals.store.migrate import require_current
from cityvitals.store.pool import Pool, application, open_pool, require_durable
from cityvitals.store.writer import ReadingWriter
from cityvitals.wire import topic as topics
from ingest.arrival import Arrival
from ingest.burst import SENT, Burst
from ingest.intake import Held
from ingest.parts import Part, read_parts
from ingest.resolve import Resolver, quotas_of
from ingest.routes import Routes
from ingest.screen import screen, tolerance_of

LANE: Final = "replay"
GATEWAY: Final = "replay"
DECLARATION: Final = "a declaration: have its sender publish it again"


@dataclass(slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        letters: dead letters looked at.
        left: letters that cannot be replayed, by why.
        counts: readings by what they became; in a dry run none.
        reasons: why readings were rejected again.
    """

    letters: int = 0
    left: Counter[str] = field(default_factory=Counter)
    counts: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)

    def __str__(self) -> str:
        became = ", ".join(f"{self.counts[outcome]} {outcome}" for outcome in Outcome)
        why = "".join(
            f"\nrejected again: {one} {count}" for one, count in sorted(self.reasons.items())
        )
        left = "".join(
            f"\ncannot be replayed: {count} of {one}" for one, count in self.left.items()
        )
        return f"{self.letters} dead letters: {became}{why}{left}"


@dataclass(frozen=True, slots=True)
class _Message:
    """A message, and which of its readings are letters; `whole`: it was rejected as one."""

    arrival: Arrival
    wanted: frozenset[int]
    whole: bool

    @property
    def hash(self) -> bytes:
        return letter_hash(self.arrival.topic, self.arrival.payload)


async def replay(settings: Settings, wanted: Wanted, *, dry_run: bool = False) -> Replayed:
    """Replay the letters that fit; those that fail again stay, with the new reason.

    Args:
        settings: of ingest, as its workers have them.
        wanted: which letters.
        dry_run: only say how many can be replayed.

    Raises:
        NotFound: an id is none.
        Fenced: another replay has begun.
        StoreUnavailable: the server is away.
    """
    done = Replayed()
    async with open_pool(settings.database, application("replay")) as pool:
        runner = None if dry_run else await _runner(pool, settings.ingest)
        async for letters in pages_by_arrival(pool, wanted):
            messages = await _messages(pool, letters, done)
            if runner is not None and messages:
                await runner.commit(messages, done)
    return done


@dataclass(slots=True)
class _Runner:
    settings: IngestSettings
    routes: Routes
    resolver: Resolver
    writer: ReadingWriter

    async def commit(self, messages: Sequence[_Message], done: Replayed) -> None:
        """Commit the letters of some messages, and their removal with them."""
        if self.routes.is_full:
            self.routes.clear()
        try:
            await self._take(messages, done)
        except SealRisen:
            self.routes.clear()
            await self._take(messages, done)

    async def _take(self, messages: Sequence[_Message], done: Replayed) -> None:
        parts = list(_parts(messages, self.settings.payload_bytes))
        tried = _indices(messages, parts)
        await self.resolver.resolve(parts)
        arrivals = [one.arrival for one in messages]
        burst = Burst(arrivals, 0, np.empty(0, SENT), list(range(len(arrivals))), [])
        batch = screen(Held([burst]), parts, self.routes, tolerance_of(self.settings))
        _settle(batch, tried)
        outcomes = await self.writer.commit(batch)
        done.counts += outcomes.counts
        done.reasons += outcomes.reasons


async def _runner(pool: Pool, settings: IngestSettings) -> _Runner:
    async with pool.acquire() as connection:
        await require_durable(connection)
        await require_current(connection)
        lane = await take_lane(connection, LANE)
    catalogue = load_catalogue()
    routes = Routes(catalogue)
    resolver = Resolver(
        pool,
        lane,
        catalogue,
        routes,
        settings.register_unknown,
        lambda _: None,
        quotas_of(settings),
    )
    return _Runner(settings, routes, resolver, ReadingWriter(pool, lane))


async def _messages(pool: Pool, letters: Sequence[Row], done: Replayed) -> list[_Message]:
    """The messages of letters that can be replayed."""
    by_hash: dict[bytes, list[Row]] = {}
    for letter in letters:
        by_hash.setdefault(letter["hash"], []).append(letter)
    done.letters += len(letters)
    found = []
    messages = {row["hash"]: row for row in await read_messages(pool, list(by_hash))}
    # As they came, so that what came last wins; one that was purged meanwhile is left out.
    for key, mine in by_hash.items():
        row = messages.get(key)
        if row is None:
            continue
        if _declares(row["topic"]):
            done.left[DECLARATION] += len(mine)
            continue
        first_us = min(to_us(one["first_at"]) for one in mine)
        arrival = Arrival(row["topic"], row["payload"], first_us, 0, 0, 0)
        wanted = frozenset(one["index"] for one in mine)
        whole = any(one["whole"] for one in mine)
        found.append(_Message(arrival, wanted, whole))
    return found


def _declares(topic: str) -> bool:
    try:
        return not isinstance(topics.parse(topic), topics.Obs | topics.GatewayObs)
    except BadTopic:
        return False


def _parts(messages: Sequence[_Message], largest_bytes: int) -> Iterator[Part]:
    """The messages read anew, only those of their readings that are letters."""
    for place, message in enumerate(messages):
        for part in read_parts(message.arrival, largest_bytes):
            part.message = place
            if not message.whole:
                _narrow(part, message.wanted)
            # A device that has no letter here is none to be found, or even registered.
            if part.rejected or part.pack.t_us:
                yield part


def _narrow(part: Part, wanted: frozenset[int]) -> None:
    """Leave of a part only what is a letter: the rest was taken when it came."""
    if part.whole:  # now, for instance because the largest message allowed became smaller
        ((_, reason, detail),) = part.rejected
        part.rejected = [(at, reason, detail) for at in sorted(wanted)]
        part.whole = False
    part.keep([row for row, at in enumerate(part.pack.index) if at in wanted])
    part.rejected = [one for one in part.rejected if one[0] in wanted]


def _indices(messages: Sequence[_Message], parts: Sequence[Part]) -> set[tuple[bytes, int]]:
    """The letters that the parts hold; one that no longer is found in its message stays."""
    hashes = [one.hash for one in messages]
    found = {(hashes[place], 0) for place, one in enumerate(messages) if one.whole}
    for part in parts:
        found |= {(hashes[part.message], at) for at in part.pack.index}
        found |= {(hashes[part.message], at) for at, _, _ in part.rejected}
    return found


def _settle(batch: Batch, tried: set[tuple[bytes, int]]) -> None:
    """Have the writer remove the letters that are good now, and book all as replayed."""
    batch.settled = sorted(tried - set(letter_keys(batch.rejected)))
    batch.book_as = GATEWAY
