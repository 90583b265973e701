"""What a batch leaves in the log and the ledger, computed from its outcomes: pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import LOG_READING, LOG_REVISION, LOG_SEEN, Records
from cityvitals.domain.logbody import encode_readings, encode_revisions
from cityvitals.domain.names import LogKind
from cityvitals.domain.outcome import Outcome
from cityvitals.store.batch import Batch, Outcomes, Sender
from cityvitals.store.lanes import LogEntry
from cityvitals.store.resolution import Became

_OUTCOME = {
    Became.STORED: Outcome.STORED,
    Became.DUPLICATE: Outcome.DUPLICATE,
    Became.REVISED: Outcome.REVISED,
}


@dataclass(frozen=True, slots=True)
class Written:
    """What the writer did with a batch's readings.

    Attributes:
        became: per reading of the batch, int8 of `Became`.
        new: READING rows that are new in the store, sorted by (t, series).
        changed: READING rows that took the place of another value.
        new_shard: the shard of each row in `new`.
    """

    became: NDArray[np.int8]
    new: Records
    changed: Records
    new_shard: NDArray[np.int64]


def log_entries(batch: Batch, written: Written) -> list[LogEntry]:
    """The entries of a batch: in each shard its readings, then its revisions."""
    seen = _seen(batch)
    seen_shard = shards_of(batch)[seen["sender"]]
    shards = np.unique(seen_shard)
    readings = _apart(_fields(written.new, LOG_READING), written.new_shard, shards)
    revised = _fields(written.changed, LOG_REVISION)
    revisions = _apart(revised, shard_by_series(batch, written.changed), shards)
    gateways = _apart(_fields(seen, LOG_SEEN), seen_shard, shards)
    entries = []
    for place, shard in enumerate(shards.tolist()):
        body = encode_readings(gateways[place], readings[place])
        entries.append(LogEntry(shard, LogKind.READINGS, body))
        if len(revisions[place]):
            keys = encode_revisions(revisions[place])
            entries.append(LogEntry(shard, LogKind.REVISIONS, keys))
    return entries


def _apart(rows: Records, shard: NDArray[np.int64], shards: NDArray[np.int64]) -> list[Records]:
    """The rows of each of some shards, their order kept."""
    order = np.argsort(shard.astype(np.uint8), kind="stable")
    by_shard, sorted_shard = rows.take(order), shard.take(order)
    begins = np.searchsorted(sorted_shard, shards).tolist()
    ends = np.searchsorted(sorted_shard, shards, side="right").tolist()
    return [by_shard[begin:end] for begin, end in zip(begins, ends, strict=True)]


def books(batch: Batch, written: Written) -> dict[tuple[str, str], Counter[Outcome]]:
    """The ledger's rows for a batch, by city and gateway."""
    found: dict[tuple[str, str], Counter[Outcome]] = {}
    for sender, became, count in _tally(batch, written.became):
        row = found.setdefault((sender.city, batch.book_as or sender.gateway), Counter())
        row[_OUTCOME[became]] += count
    for one in batch.rejected:
        found.setdefault((one.city, batch.book_as or one.gateway), Counter())[Outcome.REJECTED] += 1
    return found


def outcomes(batch: Batch, written: Written) -> Outcomes:
    """How many readings of a batch became what."""
    result = Outcomes()
    for became, outcome in _OUTCOME.items():
        result.counts[outcome] = int((written.became == became).sum())
    result.counts[Outcome.REJECTED] = len(batch.rejected)
    result.reasons.update(one.reason for one in batch.rejected)
    return result


def _tally(batch: Batch, became: NDArray[np.int8]) -> Iterator[tuple[Sender, Became, int]]:
    kinds = len(Became)
    counts = np.bincount(
        batch.sender.astype(np.int64) * kinds + became, minlength=len(batch.senders) * kinds
    )
    for cell in np.flatnonzero(counts).tolist():
        yield batch.senders[cell // kinds], Became(cell % kinds), int(counts[cell])


def _seen(batch: Batch) -> Records:
    """How far each gateway of the batch has come: LOG_SEEN with the index of the sender."""
    size = len(batch.senders)
    count = np.bincount(batch.sender, minlength=size)
    ends = np.full(size, np.iinfo(np.int64).min)
    received = ends.copy()
    np.maximum.at(ends, batch.sender, batch.ends)
    np.maximum.at(received, batch.sender, batch.readings["received"])
    live = np.array([sender.live for sender in batch.senders], np.bool_)
    seen = np.zeros(size, [*LOG_SEEN.descr, ("sender", "<i8")])
    seen["observed_to"] = np.where(live, np.minimum(ends, received), ends)
    seen["received"] = received
    seen["gateway"] = [sender.number for sender in batch.senders]
    seen["count"] = count
    seen["sender"] = np.arange(size)
    return seen[count > 0]


def shards_of(batch: Batch) -> NDArray[np.int64]:
    """The shard of each sender."""
    return np.array([sender.shard for sender in batch.senders], np.int64)


def shard_by_series(batch: Batch, rows: Records) -> NDArray[np.int64]:
    """The shard of each row, by way of any reading of its series in the batch."""
    if not len(rows):
        return np.empty(0, np.int64)
    series, first = np.unique(batch.readings["series"], return_index=True)
    at = np.searchsorted(series, rows["series"])
    found: NDArray[np.int64] = shards_of(batch)[batch.sender[first[at]]]
    return found


def _fields(records: Records, dtype: "np.dtype[np.void]") -> Records:
    """The fields of another dtype that the records have, by name; the rest is zero."""
    made = np.zeros(len(records), dtype)
    names = set(records.dtype.names or ())
    for name in dtype.names or ():
        if name in names:
            made[name] = records[name]
    return made
