"""Ownership of shards by lease and epoch, their cursors and checkpoints."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from cityvitals.errors import Fenced
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.tail import Cursors


class Undone(NamedTuple):
    """What is still to be done of the log that is taken.

    Attributes:
        waiting: stretches to recompute, and windows to derive.
        ended: windows that ended, and become final once they are quiet.
    """

    waiting: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard that is ours until somebody raises its epoch.

    Attributes:
        cursors: up to where its log is taken.
        undone: what of that is still to be done.
        rebuild: whether everything is to be folded again from stored readings.
    """

    shard: int
    epoch: int
    cursors: Cursors
    undone: Undone
    rebuild: bool


class Present(NamedTuple):
    """Who shares the shards, and what of them.

    Attributes:
        owners: aggregators that are there.
        populated: shards that have a city.
        free: those that nobody holds.
    """

    owners: frozenset[str]
    populated: frozenset[int]
    free: frozenset[int]


async def announce(connection: Connection, owner: str, lease_s: float) -> Present:
    """Say that an aggregator is there, for as long as a lease; returns with whom it shares what.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("shards")
    with translated("announcing an aggregator"):
        await connection.execute(sql["announce"], owner, timedelta(seconds=lease_s))
        owners = await connection.fetch(sql["present"])
        rows = await connection.fetch(sql["to_share"])
    return Present(
        frozenset(row["owner"] for row in owners) | {owner},
        frozenset(row["shard"] for row in rows if row["is_populated"]),
        frozenset(row["shard"] for row in rows if row["is_free"]),
    )


async def resign(connection: Connection, owner: str) -> None:
    """Say that an aggregator is gone.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("taking leave"):
        await connection.execute(queries("shards")["resign"], owner)


async def claim(
    connection: Connection, owner: str, lease_s: float, wanted: Collection[int] | None = None
) -> list[Claim]:
    """Take every shard that nobody holds.

    Args:
        connection: outside of any transaction.
        owner: who takes them.
        lease_s: for so long.
        wanted: only these; None for all.

    Raises:
        StoreUnavailable: the server is away.
    """
    of = None if wanted is None else sorted(wanted)
    with translated("claiming shards"):
        rows = await connection.fetch(
            queries("shards")["claim"], owner, timedelta(seconds=lease_s), of
        )
    return [
        Claim(
            row["shard"],
            row["epoch"],
            row["cursors"],
            Undone(row["waiting"], row["ended"]),
            row["rebuild"],
        )
        for row in rows
    ]


async def renew(
    connection: Connection, owner: str, held: dict[int, int], lease_s: float
) -> set[int]:
    """Prolong the lease on held shards (shard: epoch); returns those still held.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("renewing shards"):
        rows = await connection.fetch(
            queries("shards")["renew"],
            owner,
            list(held),
            list(held.values()),
            timedelta(seconds=lease_s),
        )
    return {row["shard"] for row in rows}


async def release(connection: Connection, owner: str, held: dict[int, int]) -> None:
    """Give held shards back, so that another can take them at once.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("releasing shards"):
        await connection.execute(
            queries("shards")["release"], owner, list(held), list(held.values())
        )


async def hold(connection: Connection, shard: int, epoch: int) -> None:
    """Begin a shard's transaction: nobody else writes its outputs until it ends.

    Raises:
        Fenced: the shard has another owner now.
        StoreUnavailable: the server is away.
    """
    with translated(f"holding shard {shard}"):
        found = await connection.fetchval(queries("shards")["hold"], shard, epoch)
    if found is None:
        raise Fenced(f"shard {shard} was taken over: epoch {epoch} has passed")


async def read_cursors(connection: Connection, shard: int) -> Cursors:
    """How far a shard's log is taken; whoever owns it.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the cursors of shard {shard}"):
        found: Cursors = await connection.fetchval(queries("shards")["cursors"], shard)
    return found


async def advance(connection: Connection, shard: int, cursors: Cursors, undone: Undone) -> None:
    """Move a held shard's cursors, and say how much that they have passed is still to be done.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"moving the cursors of shard {shard}"):
        await connection.execute(queries("shards")["advance"], shard, cursors, *undone)


async def forget_rebuild(connection: Connection, shard: int) -> None:
    """A held shard's checkpoint holds all that is to be rebuilt: it need not be said any more.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"noting that shard {shard} is being rebuilt"):
        await connection.execute(queries("shards")["forget_rebuild"], shard)


async def save_checkpoint(
    connection: Connection, shard: int, epoch: int, cursors: Cursors, body: bytes
) -> None:
    """Keep a held shard's state, as of its cursors.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"saving the checkpoint of shard {shard}"):
        await connection.execute(queries("shards")["save_checkpoint"], shard, epoch, cursors, body)


async def load_checkpoint(connection: Connection, shard: int) -> tuple[Cursors, bytes] | None:
    """A shard's last state and the cursors it stands for, or None.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"loading the checkpoint of shard {shard}"):
        row = await connection.fetchrow(queries("shards")["load_checkpoint"], shard)
    return (row["cursors"], row["body"]) if row else None
