"""Dead letters: rejected readings with reason and original bytes, written beside the good ones."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cityvitals.store.batch import Rejection
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.sql import queries

_DETAIL: Final = 500
_AT_ONCE: Final = 5_000
"""So many letters one transaction removes at most."""

Key = tuple[bytes, int]
"""Hash of topic and payload, and index in the pack."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; "" is any."""

    city: str = ""
    gateway: str = ""
    reason: str = ""


def letter_hash(topic: str, payload: bytes) -> bytes:
    """What makes two dead letters the same one, but for the index in the pack."""
    return sha256(topic.encode() + b"\0" + payload).digest()


async def keep_dead_letters(connection: Connection, rejected: Iterable[Rejection]) -> None:
    """Write rejections as dead letters; the same one again only raises its counter.

    Raises:
        StoreUnavailable: the server is away.
    """
    grouped = _grouped(rejected)
    if grouped:
        with translated(f"keeping {len(grouped)} dead letters"):
            await _hold(connection, grouped)
            await connection.execute(queries("dead_letters")["keep"], *_columns(grouped))


async def settle_dead_letters(
    connection: Connection, settled: Collection[Key], rejected: Iterable[Rejection]
) -> None:
    """Remove letters that became readings, and say of others why they did not.

    Raises:
        StoreUnavailable: the server is away.
    """
    grouped = _grouped(rejected)
    hashes = sorted({key[0] for key in (*settled, *grouped)})
    with translated(f"settling {len(settled)} dead letters"):
        # All of them before any letter, as whoever keeps letters does.
        await connection.execute(queries("dead_letters")["hold"], hashes)
        if grouped:
            await _hold(connection, grouped)
            await connection.execute(queries("dead_letters")["restate"], *_columns(grouped))
        await connection.execute(queries("dead_letters")["drop"], *_keys(settled))
        await connection.execute(queries("dead_letters")["drop_messages"], hashes)


async def purge_older(pool: Pool, days: float) -> int:
    """Remove letters that last came so many days ago; returns how many.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await purge(pool, Filter(), datetime.now(UTC) - timedelta(days=days))


async def purge(pool: Pool, which: Filter, before: datetime) -> int:
    """Remove letters that last came before a time, in short transactions; returns how many.

    Raises:
        StoreConflict: another transaction was in the way.
        StoreUnavailable: the server is away.
    """
    gone = 0
    with translated("purging dead letters"):
        while True:
            async with pool.acquire() as connection, connection.transaction():
                found = await connection.fetch(
                    queries("dead_letters")["find_aged"], before, *_words(which), _AT_ONCE
                )
                gone += await _drop_aged(connection, [tuple(row) for row in found], before)
            if len(found) < _AT_ONCE:
                return gone


async def count_aged(pool: Pool, which: Filter, before: datetime) -> tuple[int, int]:
    """How many letters of how many messages `purge` would remove.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("counting dead letters"):
        row = await pool.fetchrow(queries("dead_letters")["count_aged"], before, *_words(which))
    return (row["letters"], row["messages"]) if row else (0, 0)


async def _drop_aged(connection: Connection, keys: Collection[Key], before: datetime) -> int:
    hashes = sorted({key[0] for key in keys})
    await connection.execute(queries("dead_letters")["hold"], hashes)
    done = await connection.execute(queries("dead_letters")["drop_aged"], *_keys(keys), before)
    await connection.execute(queries("dead_letters")["drop_messages"], hashes)
    return int(done.split()[-1])


def _grouped(rejected: Iterable[Rejection]) -> dict[Key, list[Rejection]]:
    """By key, in the order of the key, so that two workers with the same poison never deadlock."""
    found: dict[Key, list[Rejection]] = {}
    hashes: dict[tuple[str, bytes], bytes] = {}
    for one in rejected:
        said = one.topic, one.payload
        if said not in hashes:
            hashes[said] = letter_hash(*said)
        found.setdefault((hashes[said], one.index), []).append(one)
    return {key: found[key] for key in sorted(found)}


async def _hold(connection: Connection, grouped: dict[Key, list[Rejection]]) -> None:
    """Keep the messages of letters, once each."""
    messages = {key[0]: ones[0] for key, ones in grouped.items()}
    await connection.execute(
        queries("dead_letters")["keep_messages"],
        list(messages),
        [one.topic for one in messages.values()],
        [one.payload for one in messages.values()],
    )


def _columns(grouped: dict[Key, list[Rejection]]) -> tuple[list[Any], ...]:
    last = [ones[-1] for ones in grouped.values()]
    return (
        *_keys(grouped),
        [one.city for one in last],
        [one.gateway for one in last],
        [one.reason.value for one in last],
        [one.detail[:_DETAIL] for one in last],
        [one.whole for one in last],
        [len(ones) for ones in grouped.values()],
        [ones[0].at_us for ones in grouped.values()],
        [one.at_us for one in last],
    )


def _keys(keys: Collection[Key]) -> tuple[list[bytes], list[int]]:
    return [key[0] for key in keys], [key[1] for key in keys]


def _words(which: Filter) -> tuple[str, str, str]:
    return which.city, which.gateway, which.reason
