"""Following the commit log: entries after a cursor, and dropping what nobody needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cityvitals.domain.names import LogKind
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

Cursors = dict[str, int]
"""Per lane, the number of the last entry taken."""

WAKE_CHANNEL: Final = "cityvitals_log"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the commit log."""

    shard: int
    lane: str
    seq: int
    kind: LogKind
    body: bytes


async def read_heads(connection: Connection, shards: list[int]) -> dict[int, Cursors]:
    """The newest entry's number in each lane of each shard that has any.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading the heads of the commit log"):
        rows = await connection.fetch(queries("tail")["heads"], shards)
    found: dict[int, Cursors] = {}
    for row in rows:
        found.setdefault(row["shard"], {})[row["lane"]] = row["head"]
    return found


async def read_entries(
    connection: Connection, shard: int, after: Mapping[str, int], most: int, limit: int
) -> list[Entry]:
    """At most `most` entries of each lane after its cursor, by lane and number.

    After `limit` bytes no further entry of a lane is taken.

    Raises:
        StoreUnavailable: the server is away.
    """
    lanes = list(after)
    with translated(f"reading the commit log of shard {shard}"):
        rows = await connection.fetch(
            queries("tail")["entries"],
            [shard] * len(lanes),
            lanes,
            [after[lane] for lane in lanes],
            most,
            limit,
        )
    return [
        Entry(row["shard"], row["lane"], row["seq"], LogKind(row["kind"]), row["body"])
        for row in rows
    ]


async def prune_log(connection: Connection, shard: int, upto: Mapping[str, int]) -> None:
    """Drop a shard's entries up to a checkpoint's cursors.

    Raises:
        StoreUnavailable: the server is away.
    """
    behind = [(shard, lane, seq) for lane, seq in upto.items()]
    with translated(f"pruning the commit log of shard {shard}"):
        await connection.executemany(queries("tail")["prune"], behind)


async def wake(connection: Connection) -> None:
    """Tell who follows the log that there is more, when the transaction commits.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("waking those who follow the commit log"):
        await connection.execute(queries("lanes")["wake"])


async def append_entry(
    connection: Connection, shard: int, lane: str, kind: LogKind, body: bytes
) -> None:
    """Write an entry in a lane that has one writer or takes its row's lock for order.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"writing to the commit log of shard {shard}"):
        await connection.execute(queries("tail")["append"], shard, lane, int(kind), body)


def has_gap(entries: Sequence[Entry], after: Cursors) -> bool:
    """Whether an entry after a cursor is not there any more."""
    expected = dict(after)
    for entry in entries:
        if entry.seq != expected[entry.lane] + 1:
            return True
        expected[entry.lane] = entry.seq
    return any(expected[lane] == seq for lane, seq in after.items())
