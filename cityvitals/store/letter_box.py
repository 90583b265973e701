"""Dead letters as people look at them, and as they are tried again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cityvitals.domain.times import EPOCH, from_us, to_us
from cityvitals.errors import NotFound, SettingsError
from cityvitals.store.dead_letters import Filter, Key
from cityvitals.store.failures import translated
from cityvitals.store.pool import Pool
from cityvitals.store.sql import queries

SHORT: Final = 12
"""So many hexadecimal digits of its hash name a message."""
_WHOLE: Final = 64


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter; its payload only where it was asked for.

    Attributes:
        index: position in the pack, or 0 for a whole message.
        times: how often it came, between `first_at` and `last_at`.
    """

    hash: bytes
    index: int
    topic: str
    city: str
    gateway: str
    reason: str
    detail: str
    times: int
    first_at: datetime
    last_at: datetime
    payload: bytes = b""

    @property
    def id(self) -> str:
        """What commands call it."""
        return letter_id(self.hash, self.index)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter to be tried again.

    Attributes:
        whole: the message was turned away as one.
        weight: about how many readings it is.
        last_us: when it came last, microseconds since 1970 UTC.
    """

    hash: bytes
    index: int
    whole: bool
    weight: int
    last_us: int


Message = tuple[str, bytes]
"""Topic and payload."""


def letter_id(of: bytes, index: int) -> str:
    """What commands call a letter."""
    return f"{of.hex()[:SHORT]}:{index}"


async def list_letters(pool: Pool, which: Filter, since: datetime, limit: int) -> list[Letter]:
    """Letters that came since a time, newest first.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("listing dead letters"):
        rows = await pool.fetch(
            queries("letter_box")["list"], since, which.city, which.gateway, which.reason, limit
        )
    return [_letter(row) for row in rows]


async def find_letter(pool: Pool, name: str) -> Letter:
    """The letter that an id names.

    Raises:
        SettingsError: it is no id, or names several letters.
        NotFound: there is none.
        StoreUnavailable: the server is away.
    """
    low, high, index = _range(name)
    with translated("finding a dead letter"):
        rows = await pool.fetch(queries("letter_box")["named"], low, high, index)
    if not rows:
        raise NotFound(f"there is no dead letter {name}: `cityvitals deadletters list` names them")
    if len(rows) > 1:
        full = ", ".join(f"{row['hash'].hex()}:{index}" for row in rows)
        raise SettingsError(f"{name} names several dead letters: say which of {full}")
    return _letter(rows[0])


async def next_waiting(
    pool: Pool,
    which: Filter,
    keys: Collection[Key] | None,
    after: Waiting | None,
    until: datetime,
    limit: int,
) -> list[Waiting]:
    """Letters to be tried again, oldest first.

    Args:
        pool: connections.
        which: those that are meant.
        keys: only these; None for all.
        after: the last one of the page before.
        until: none that came later.
        limit: at most so many.

    Raises:
        StoreUnavailable: the server is away.
    """
    place = (EPOCH.replace(year=1), b"", -1)
    if after is not None:
        place = (from_us(after.last_us), after.hash, after.index)
    wanted: tuple[Any, Any] = (None, None)
    if keys is not None:
        wanted = ([key[0] for key in keys], [key[1] for key in keys])
    words = which.city, which.gateway, which.reason
    with translated("reading dead letters"):
        rows = await pool.fetch(
            queries("letter_box")["page"], *place, until, *words, *wanted, limit
        )
    return [
        Waiting(
            row["hash"],
            row["index"],
            row["whole"],
            row["weight"],
            to_us(row["last_at"]),
        )
        for row in rows
    ]


async def find_messages(pool: Pool, hashes: Sequence[bytes]) -> dict[bytes, Message]:
    """Topic and payload of messages, by hash.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading dead letters"):
        rows = await pool.fetch(queries("letter_box")["messages"], hashes)
    return {row["hash"]: (row["topic"], row["payload"]) for row in rows}


def _letter(row: Any) -> Letter:
    return Letter(**dict(row))


def _range(name: str) -> tuple[bytes, bytes, int]:
    """From and to which hash an id reaches, and its index."""
    start, _, index = name.partition(":")
    fits = SHORT <= len(start) <= _WHOLE and index.isdecimal() and len(index) < SHORT
    try:
        low, high = (bytes.fromhex(start.ljust(_WHOLE, digit)) for digit in "0f")
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError(
            f"{name!a} is no id of a dead letter: twelve hexadecimal digits, a colon and an index"
        )
    return low, high, min(int(index), 2**31 - 1)
