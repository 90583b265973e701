"""Lanes: one worker's ordered stream of commits, numbered by shard and fenced by an epoch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cityvitals.domain.names import LogKind
from cityvitals.errors import Fenced
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that this process has taken; the epoch is ours until another process raises it."""

    name: str
    epoch: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry to be, without its number."""

    shard: int
    kind: LogKind
    body: bytes


async def take_lane(connection: Connection, name: str) -> Lane:
    """Take a lane over; whoever wrote in it before is fenced from its next commit on.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"taking lane {name}"):
        async with connection.transaction():
            rows = await connection.fetch(queries("lanes")["take"], name)
    return Lane(name, max(row["epoch"] for row in rows))


async def has_committed(connection: Connection, lane: Lane, numbers: Mapping[int, int]) -> bool:
    """Whether a transaction that took these numbers, and whose answer was lost, went through.

    Waits where the server is still at it.

    Raises:
        Fenced: another process has taken the lane.
        StoreUnavailable: the server is away.
    """
    rows = await _positions(connection, lane, "settled_positions")
    return any(row["next_seq"] > numbers.get(row["shard"], row["next_seq"]) for row in rows)


async def _positions(connection: Connection, lane: Lane, query: str) -> list[Any]:
    with translated(f"reading the position of lane {lane.name}"):
        rows = await connection.fetch(queries("lanes")[query], lane.name, lane.epoch)
    if not rows:
        raise _fenced(lane)
    return list(rows)


async def write_log(
    connection: Connection, lane: Lane, entries: Sequence[LogEntry]
) -> dict[int, int]:
    """Append entries to the lane, and wake who follows it; returns the first number by shard.

    Raises:
        Fenced: another process has taken the lane.
        StoreUnavailable: the server is away.
    """
    if not entries:
        return {}
    written: Counter[int] = Counter()
    places = []
    for entry in entries:
        places.append(written[entry.shard])
        written[entry.shard] += 1
    with translated(f"writing {len(entries)} entries to the commit log"):
        rows = await connection.fetch(
            queries("lanes")["append"],
            lane.name,
            lane.epoch,
            [entry.shard for entry in entries],
            places,
            [int(entry.kind) for entry in entries],
            [entry.body for entry in entries],
        )
    if len(rows) < len(written):
        raise _fenced(lane)
    return {row["shard"]: row["first"] for row in rows}


async def require_mine(connection: Connection, lane: Lane) -> None:
    """Refuse to go on in a lane that another process has taken.

    Raises:
        Fenced: it has.
        StoreUnavailable: the server is away.
    """
    await _positions(connection, lane, "positions")


def _fenced(lane: Lane) -> Fenced:
    return Fenced(f"lane {lane.name} was taken over by another process (our epoch: {lane.epoch})")
