"""Looking through dead letters, and throwing them away."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cityvitals.errors import NotFound
from cityvitals.store.failures import translated
from cityvitals.store.pool import Pool
from cityvitals.store.sql import queries

Row = Mapping[str, Any]
"""Columns by name."""

_ID: Final = re.compile(r"([0-9a-f]{4,64}):(\d{1,9})\Z")
_SHORT: Final = 12
_DIGITS: Final = 64
_MESSAGES: Final = 50
"""Messages a transaction: each has at most 64 KiB, and so a few thousand letters."""
_REPLAYED_MESSAGES: Final = 200
_REPLAYED_LETTERS: Final = 5_000
"""So many at most that a replay commits together."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those that fit all that is given.

    Attributes:
        since: came last at or after this time.
        before: came last before this time.
        ids: hash, or how it begins, and index, as `3fa9c2d01b7e:0`.
    """

    city: str | None = None
    gateway: str | None = None
    reason: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    ids: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The first arguments of the queries that select letters.

        Raises:
            NotFound: an id is none.
        """
        low, high, index = [], [], []
        for one in self.ids:
            prefix, place = _parsed(one)
            low.append(bytes.fromhex(prefix.ljust(_DIGITS, "0")))
            high.append(bytes.fromhex(prefix.ljust(_DIGITS, "f")))
            index.append(place)
        some = (low, high, index) if self.ids else (None, None, None)
        return (self.city, self.gateway, self.reason, self.since, self.before, *some)


@dataclass(frozen=True, slots=True)
class Purged:
    """What was thrown away."""

    letters: int = 0
    messages: int = 0
    payload_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"{self.letters} dead letters, {self.messages} messages of {self.payload_bytes} bytes"
        )


def letter_id(row: Row) -> str:
    """How people name a letter."""
    return f"{row['hash'].hex()[:_SHORT]}:{row['index']}"


async def list_letters(pool: Pool, wanted: Wanted, limit: int) -> Sequence[Row]:
    """The newest letters that fit, without payload.

    Raises:
        NotFound: an id is none.
        StoreUnavailable: the server is away.
    """
    with translated("listing dead letters"):
        rows: Any = await pool.fetch(queries("dead_letters")["list"], *wanted.arguments, limit)
    found: Sequence[Row] = rows
    return found


async def count_letters(pool: Pool, wanted: Wanted) -> int:
    """How many letters fit.

    Raises:
        NotFound: an id is none.
        StoreUnavailable: the server is away.
    """
    with translated("counting dead letters"):
        return int(await pool.fetchval(queries("dead_letters")["count"], *wanted.arguments))


async def read_letter(pool: Pool, name: str) -> tuple[Row, bytes]:
    """One letter, and its message's payload.

    Raises:
        NotFound: there is none, or the id fits several.
        StoreUnavailable: the server is away.
    """
    rows = await list_letters(pool, Wanted(ids=(name,)), 2)
    if len(rows) != 1:
        how_many = "fits several dead letters: give more digits" if rows else "is no dead letter"
        raise NotFound(f"{name} {how_many}")
    messages = await read_messages(pool, [rows[0]["hash"]])
    if not messages:
        raise NotFound(f"{name} was purged meanwhile")
    return rows[0], messages[0]["payload"]


async def read_messages(pool: Pool, hashes: Sequence[bytes]) -> Sequence[Row]:
    """Topic and payload of messages, by hash.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading dead messages"):
        rows: Any = await pool.fetch(queries("dead_letters")["messages"], hashes)
    found: Sequence[Row] = rows
    return found


async def pages(pool: Pool, wanted: Wanted) -> AsyncIterator[Sequence[Row]]:
    """All letters that fit, some messages at a time in the order of their hashes.

    Raises:
        NotFound: an id is none.
        StoreUnavailable: the server is away.
    """
    after = b""
    while True:
        with translated("paging through dead letters"):
            rows: Any = await pool.fetch(
                queries("dead_letters")["page"], *wanted.arguments, after, _MESSAGES
            )
        if not rows:
            return
        yield rows
        after = rows[-1]["hash"]


async def pages_by_arrival(pool: Pool, wanted: Wanted) -> AsyncIterator[Sequence[Row]]:
    """All letters that fit, some messages at a time, in the order in which they first came.

    For replays: none comes twice, though it is rejected again meanwhile.

    Raises:
        NotFound: an id is none.
        StoreUnavailable: the server is away.
    """
    found = queries("dead_letters")
    after = (datetime.min.replace(tzinfo=UTC), b"", -1)
    with translated("beginning to page through dead letters"):
        begun = await pool.fetchval(found["now"])
    while True:
        with translated("paging through dead letters"):
            rows: Any = await pool.fetch(
                found["page_by_arrival"], *wanted.arguments, *after, begun, _REPLAYED_LETTERS
            )
        if not rows:
            return
        page = _of_whole_messages(rows)
        yield page
        after = (page[-1]["first_at"], page[-1]["hash"], page[-1]["index"])


def _of_whole_messages(rows: Sequence[Row]) -> Sequence[Row]:
    """The first rows, without a message that may have more letters than these."""
    hashes = list(dict.fromkeys(row["hash"] for row in rows))
    is_full = len(rows) == _REPLAYED_LETTERS and len(hashes) > 1
    taken = set(hashes[:-1] if is_full else hashes) & set(hashes[:_REPLAYED_MESSAGES])
    end = next((at for at, row in enumerate(rows) if row["hash"] not in taken), len(rows))
    return rows[:end]


async def purge(pool: Pool, wanted: Wanted) -> Purged:
    """Throw away all letters that fit, in short transactions.

    Raises:
        NotFound: an id is none.
        StoreUnavailable: the server is away.
    """
    total = Purged()
    async for rows in pages(pool, wanted):
        done = await _purge_page(pool, rows, wanted)
        total = replace(
            total,
            letters=total.letters + done.letters,
            messages=total.messages + done.messages,
            payload_bytes=total.payload_bytes + done.payload_bytes,
        )
    return total


async def purge_older(pool: Pool, days: int) -> Purged:
    """Throw away what came last more than so many days ago; 0 keeps all for ever.

    Raises:
        StoreUnavailable: the server is away.
    """
    if not days:
        return Purged()
    return await purge(pool, Wanted(before=datetime.now(UTC) - timedelta(days=days)))


async def _purge_page(pool: Pool, rows: Sequence[Row], wanted: Wanted) -> Purged:
    """Held messages get no letters meanwhile, but a letter may have come again just before."""
    found = queries("dead_letters")
    hashes = sorted({row["hash"] for row in rows})
    with translated("purging dead letters"):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(found["hold"], hashes)
            gone = await connection.fetch(
                found["purge"],
                [row["hash"] for row in rows],
                [row["index"] for row in rows],
                wanted.before,
            )
            empty = await connection.fetchrow(found["drop_empty"], hashes)
    if empty is None:
        return Purged(len(gone))
    return Purged(len(gone), empty["messages"], empty["bytes"])


def _parsed(name: str) -> tuple[str, int]:
    match = _ID.match(name)
    if match is None:
        raise NotFound(f"{name!a} is no dead letter's id, such as 3fa9c2d01b7e:0")
    return match[1], int(match[2])
