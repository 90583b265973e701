"""Committing a batch: readings, revisions, commit log, dead letters and ledger, all or nothing.

Readings newer than their series' high-water mark go by COPY straight into the table. The rest,
which the store may know, are looked up and resolved (promise 2): new ones join the COPY, changed
ones update. A COPY that meets a known key after all does the whole transaction again with
everything looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import LOG_READING, LOG_SEEN, READING, Records, empty
from cityvitals.domain.logbody import encode_readings
from cityvitals.domain.names import LogKind
from cityvitals.errors import NoPartition, StoreConflict
from cityvitals.store.batch import Batch, Outcomes
from cityvitals.store.booking import (
    Written,
    books,
    log_entries,
    outcomes,
    shard_by_series,
    shards_of,
)
from cityvitals.store.copy import copy_in
from cityvitals.store.dead_letters import keep_dead_letters, settle_dead_letters
from cityvitals.store.failures import translated
from cityvitals.store.high_water import HighWater
from cityvitals.store.lanes import Lane, LogEntry, has_committed, write_log
from cityvitals.store.layouts import READINGS
from cityvitals.store.ledger import Books, book
from cityvitals.store.lookup import change_current, find_current, find_earlier, keep_beside, lock
from cityvitals.store.numbers import count_numbers
from cityvitals.store.partitions import Partitions
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.recent import Recent, repeats
from cityvitals.store.resolution import (
    Became,
    Resolution,
    key_order,
    key_sizes,
    key_starts,
    resolve,
    undecided,
)
from cityvitals.store.retention import require_unsealed

_MARK: Final = LogEntry(0, LogKind.READINGS, encode_readings(empty(LOG_SEEN), empty(LOG_READING)))
"""An entry that tells nothing but that its transaction went through."""


@dataclass(frozen=True, slots=True)
class _Done:
    """A transaction as it stood when it was told to commit."""

    numbers: dict[int, int]
    outcomes: Outcomes
    written: Written


@dataclass(slots=True)
class _Books:
    """What a batch leaves in log and ledger; reckoned while the server takes in the rows."""

    batch: Batch
    written: Written
    entries: list[LogEntry] = field(default_factory=list)
    ledger: Books = field(default_factory=dict)

    def reckon(self) -> None:
        self.entries = log_entries(self.batch, self.written)
        self.ledger = books(self.batch, self.written)


@dataclass(slots=True)
class _Work:
    """A batch as it is to be written.

    Attributes:
        became: per reading of the batch, int8 of `Became`; what is no work is a duplicate.
        order: the readings that are work, sorted by (t, series), arrivals of a key in order.
        ordered: the READING records of `order`.
        maybe_known: per reading of `order`, whether it has to be looked up.
    """

    batch: Batch
    became: NDArray[np.int8]
    order: NDArray[np.intp]
    ordered: Records
    maybe_known: NDArray[np.bool_]


class ReadingWriter:
    """Commits batches in one lane, one at a time, for as long as it takes.

    Args:
        pool: connections; one is used at a time.
        lane: taken by this process.
        on_wait: told why the store keeps us waiting, and "" when it no longer does.
    """

    def __init__(
        self, pool: Pool, lane: Lane, on_wait: Callable[[str], None] = lambda _: None
    ) -> None:
        self._pool = pool
        self._lane = lane
        self._on_wait = on_wait
        self._partitions = Partitions("reading")
        self._high = HighWater()
        self._recent = Recent()
        # While readings come again, look all of them up at once rather than fail a COPY each time.
        self._wary = False
        self._unsure: _Done | None = None

    async def commit(self, batch: Batch) -> Outcomes:
        """Store a batch, however often the store has to be asked.

        Raises:
            Fenced: another process has taken the lane.
            SealRisen: a seal was raised since the batch was screened; nothing is stored.
        """
        self._unsure = None
        work = self._plan(batch)

        def look_everything_up(conflict: StoreConflict) -> None:
            self._unsure = None
            if isinstance(conflict, NoPartition):
                self._partitions.forget()
                return
            self._wary = True
            work.maybe_known[:] = True

        done = await persist(lambda: self._once(work), self._on_wait, look_everything_up)
        self._settle(work, done)
        return done.outcomes

    def _plan(self, batch: Batch) -> _Work:
        """Tell what surely was said before from what has to be written."""
        order = key_order(batch.readings)
        ordered = batch.readings.take(order)  # ten times as fast as indexing, for records
        said = repeats(ordered)
        old = np.flatnonzero(~self._high.is_newer(ordered["t"], ordered["series"]))
        said[old] |= self._recent.knows(ordered[old])
        became = np.full(len(ordered), Became.STORED, np.int8)
        if said.any():
            became[order[said]] = Became.DUPLICATE
            fresh = np.flatnonzero(~said)
            order, ordered = order[fresh], ordered.take(fresh)
        return _Work(batch, became, order, ordered, self._maybe_known(ordered))

    def _maybe_known(self, ordered: Records) -> NDArray[np.bool_]:
        """Which readings have to be looked up before they are written."""
        if self._wary:
            return np.ones(len(ordered), np.bool_)
        sizes = key_sizes(ordered)
        repeated: NDArray[np.bool_] = np.repeat(sizes > 1, sizes)
        return repeated | ~self._high.is_newer(ordered["t"], ordered["series"])

    async def _once(self, work: _Work) -> _Done:
        """One transaction; an earlier one whose answer was lost counts if it went through."""
        with translated("committing a batch"):
            async with self._pool.acquire() as connection:
                unsure = self._unsure
                if unsure and await has_committed(connection, self._lane, unsure.numbers):
                    return unsure
                await self._partitions.ensure(connection, work.batch.readings["t"])
                async with connection.transaction():
                    made = await self._write(connection, work)
                    done = await self._close_books(connection, made)
                    self._unsure = done
                return done

    async def _write(self, connection: Connection, work: _Work) -> _Books:
        """Bring the readings into the tables."""
        batch, ordered, maybe_known = work.batch, work.ordered, work.maybe_known
        await require_unsealed(connection, batch)
        became = work.became.copy()
        new, changed = ordered, empty(READING)
        new_shard = shards_of(batch)[batch.sender[work.order]]
        if maybe_known.any():
            await lock(connection, sorted({sender.shard for sender in batch.senders}))
            resolution = await _resolve(connection, ordered[maybe_known])
            became[work.order[maybe_known]] = resolution.became
            new = np.concatenate([ordered[~maybe_known], resolution.new])
            new = new.take(key_order(new))
            new_shard = shard_by_series(batch, new)
            changed = resolution.changed
            await change_current(connection, changed)
            await keep_beside(connection, resolution.beside)
        made = _Books(batch, Written(became, new, changed, new_shard))
        if len(new):
            await copy_in(connection, READINGS, new, meanwhile=lambda: self._use_time(made))
        else:
            made.reckon()
        return made

    def _use_time(self, made: _Books) -> None:
        """What else there is to do here, while the server takes in rows."""
        made.reckon()
        self._recent.absorb()

    async def _close_books(self, connection: Connection, made: _Books) -> _Done:
        """Write what follows from the readings: dead letters, ledger, log."""
        batch, written = made.batch, made.written
        await settle_dead_letters(connection, batch.settled, batch.rejected)
        await keep_dead_letters(connection, batch.rejected, again=bool(batch.book_as))
        known = (
            set(made.ledger)
            if batch.book_as
            else {(one.city, one.gateway) for one in batch.senders}
        )
        await book(connection, self._lane.name, made.ledger, known)
        await count_numbers(connection, batch, written.became == Became.STORED)
        # A batch without readings leaves a mark too, or a lost answer would have it booked twice.
        numbers = await write_log(connection, self._lane, made.entries or [_MARK])
        return _Done(numbers, outcomes(batch, written), written)

    def _settle(self, work: _Work, done: _Done) -> None:
        """Take note of what is committed now."""
        rows = work.ordered
        t, series = rows["t"], rows["series"]
        if self._wary and len(t):
            became = done.written.became[work.order]
            unexpected = self._high.is_newer(t, series) & (became != Became.STORED)
            self._wary = bool(unexpected.any())
        self._high.raise_to(t, series)
        self._recent.add(rows)


async def _resolve(connection: Connection, ordered: Records) -> Resolution:
    """Look up what the store knows of readings sorted by key, and resolve them."""
    keys = ordered[key_starts(ordered)]
    stored, known = await find_current(connection, keys)
    open_keys = np.repeat(undecided(ordered, stored, known), key_sizes(ordered))
    earlier = await find_earlier(connection, ordered[open_keys])
    return resolve(ordered, stored, known, earlier)
