"""The seal of a city: readings before it are refused, and go once nothing needs them any more.

Three steps, each a transaction that may be the last before a crash:

1. `raise_seals`: from now on older readings are refused, also by a worker that has not heard of it.
2. `let_go`, once all rollups below are final: what buckets above need of readings below is kept
   beside, and stored readings below count as gone, whether their rows are still there or not.
3. `cityvitals.store.raw_drop`: rows that count as gone for everybody are dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import EXCLUDING_FLAGS
from cityvitals.domain.times import US, from_us
from cityvitals.errors import SealRisen
from cityvitals.store.batch import Batch
from cityvitals.store.copy import copy_out
from cityvitals.store.failures import translated
from cityvitals.store.layouts import READINGS
from cityvitals.store.pool import Connection, unhurried
from cityvitals.store.sql import queries

DAY_US: Final = 86_400 * US
_NEVER_US: Final = 2**62
_LANE: Final = "retention"
_NEW_US: Final = 20 * 3600 * US
"""A reading so new when it came lies behind no seal: that is a day old at least, by clocks that
differ by less than four hours."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A live city's seal, and up to where its readings count as gone; microseconds."""

    city: str
    sealed_us: int
    dropped_us: int


@dataclass(frozen=True, slots=True)
class CityStatus:
    """Where a city stands; None where nothing was sealed or dropped yet."""

    id: str
    clock: str
    sealed_before: datetime | None
    dropped_before: datetime | None


def seal_at(now_us: int, days: int) -> int:
    """Where the seal of a live city is to stand: a midnight (UTC), at least `days` days ago."""
    return (now_us - days * DAY_US) // DAY_US * DAY_US


async def require_unsealed(connection: Connection, batch: Batch) -> None:
    """Make sure that no reading of a batch lies before its city's seal until this commits.

    Costs nothing for readings that are new, as nearly all are.

    Raises:
        SealRisen: one does: whoever screened it had not heard of the seal.
        StoreUnavailable: the server is away.
    """
    live = np.array([sender.live for sender in batch.senders], np.bool_)
    readings = batch.readings
    old = live[batch.sender] & (readings["t"] < readings["received"] - _NEW_US)
    if not old.any():
        return
    oldest = _oldest_of_cities(batch, old)
    shards = {sender.shard for sender in batch.senders if sender.city in oldest}
    with translated("looking at seals"):
        await connection.execute(queries("retention")["guard"], sorted(shards))
        rows = await connection.fetch(queries("retention")["seals"], list(oldest))
    risen = sorted(row["id"] for row in rows if oldest[row["id"]] < row["sealed_us"])
    if risen:
        raise SealRisen(f"readings of {', '.join(risen)} lie before a seal that was raised since")


def _oldest_of_cities(batch: Batch, old: NDArray[np.bool_]) -> dict[str, int]:
    """When the oldest of some of a batch's readings was observed, by city."""
    by_sender = np.full(len(batch.senders), _NEVER_US)
    np.minimum.at(by_sender, batch.sender[old], batch.readings["t"][old])
    found: dict[str, int] = {}
    for sender, t in zip(batch.senders, by_sender.tolist(), strict=True):
        if t != _NEVER_US:
            found[sender.city] = min(found.get(sender.city, t), t)
    return found


async def read_seals(connection: Connection, shard: int) -> list[Seal]:
    """The seals of a shard's live cities.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the seals of shard {shard}"):
        rows = await connection.fetch(queries("retention")["shard_seals"], shard)
    return [Seal(row["id"], row["sealed_us"], row["dropped_us"]) for row in rows]


async def live_seals(connection: Connection) -> list[tuple[str, int, int]]:
    """Id, shard and seal (microseconds) of every live city.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading seals"):
        rows = await connection.fetch(queries("retention")["live_cities"])
    return [(row["id"], row["shard"], row["sealed_us"]) for row in rows]


async def raise_seals(
    connection: Connection, shard: int, cities: Sequence[str], sealed_us: int
) -> list[str]:
    """Refuse readings of cities of one shard from before a time; returns whose seal rose.

    Args:
        connection: in a transaction, which should end at once.
        shard: of all these cities.
        cities: their ids; those that are not live are left alone.
        sealed_us: a quarter hour's edge.

    Raises:
        StoreConflict: somebody who writes old readings took too long.
        StoreUnavailable: the server is away.
    """
    sql = queries("retention")
    with translated(f"raising seals in shard {shard}"):
        await connection.execute(sql["guard_alone"], shard)
        risen = [
            city
            for city in sorted(cities)
            if await connection.fetchval(sql["raise_seal"], city, from_us(sealed_us))
        ]
        if risen:
            await connection.execute(queries("registry")["announce"], _LANE)
    return risen


async def let_go(connection: Connection, seal: Seal, back_us: Mapping[int, int]) -> None:
    """Have a city's readings before its seal count as gone; what is needed of them is kept.

    Args:
        connection: in the transaction of the owner of the city's shard.
        seal: where it stands.
        back_us: how long after its stamp a reading of each series may speak, microseconds.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("retention")
    at, before = from_us(seal.sealed_us), from_us(seal.dropped_us)
    series, backs = list(back_us), list(back_us.values())
    with translated(f"letting go of readings of {seal.city} before {at.isoformat()}"):
        async with unhurried(connection) as timeout_s:
            await connection.execute(
                sql["keep_neighbours"],
                at,
                series,
                backs,
                max(backs, default=0),
                before,
                EXCLUDING_FLAGS,
                timeout=timeout_s,
            )
            await connection.execute(
                sql["forget_neighbours"],
                at,
                series,
                backs,
                EXCLUDING_FLAGS,
                timeout=timeout_s,
            )
        await connection.execute(sql["let_go"], seal.city, at)


async def read_neighbours(
    connection: Connection, series: list[int], begin: int, end: int
) -> Records:
    """What series keep of readings that are gone, observed in [begin, end) (READING).

    Raises:
        StoreUnavailable: the server is away.
    """
    query = queries("retention")["neighbours"]
    return await copy_out(connection, READINGS, query, series, from_us(begin), from_us(end))


def without_gone(readings: Records, gone_before_us: NDArray[np.int64], kept: Records) -> Records:
    """Readings (READING) as they count: rows that are gone left out, what was kept of them in.

    Args:
        readings: rows as they are stored.
        gone_before_us: for each of these, up to where its series' readings are gone.
        kept: neighbours of the same series.
    """
    there = readings[readings["t"] >= gone_before_us]
    return np.concatenate([there, kept]).astype(READING) if len(kept) else there


async def read_status(connection: Connection) -> list[CityStatus]:
    """Every city by id.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading seals"):
        rows = await connection.fetch(queries("retention")["status"])
    return [
        CityStatus(row["id"], row["clock"], row["sealed_before"], row["dropped_before"])
        for row in rows
    ]
