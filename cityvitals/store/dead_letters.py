"""Dead letters: rejected readings with reason and original bytes, written beside the good ones."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from cityvitals.store.batch import Rejection
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_DETAIL: Final = 500
MOST_LETTERS: Final = 100
"""Of one message: with more rejections it is one letter as a whole."""


def letter_hash(topic: str, payload: bytes) -> bytes:
    """What makes two dead letters the same one, but for the index in the pack."""
    return sha256(topic.encode() + b"\0" + payload).digest()


def letter_keys(rejected: Iterable[Rejection]) -> list[tuple[bytes, int]]:
    """Hash and index of each rejection's letter; a message of many is hashed once.

    A message with more than `MOST_LETTERS` rejections becomes one letter, of index 0, for all of
    them: 64 KiB of tiny poison would fill megabytes.
    """
    hashes: dict[tuple[str, bytes], bytes] = {}
    keys = []
    for one in rejected:
        message = one.topic, one.payload
        if message not in hashes:
            hashes[message] = letter_hash(*message)
        keys.append((hashes[message], one.index))
    sizes = Counter(key for key, _ in set(keys))
    return [(key, index if sizes[key] <= MOST_LETTERS else 0) for key, index in keys]


async def keep_dead_letters(
    connection: Connection, rejected: Iterable[Rejection], *, again: bool = False
) -> None:
    """Write rejections as dead letters; the same one again only raises its counter.

    Args:
        connection: in the batch's transaction.
        rejected: what was turned away.
        again: in a replay, which is no new arrival: a known letter only takes the new reason.

    Raises:
        StoreUnavailable: the server is away.
    """
    grouped: dict[tuple[bytes, int], list[Rejection]] = {}
    rejected = list(rejected)
    for key, one in zip(letter_keys(rejected), rejected, strict=True):
        grouped.setdefault(key, []).append(one)
    if not grouped:
        return
    # In the order of the key, so that two workers with the same poison never deadlock.
    rows = [(key, _standing_for(mine), len(mine), mine[0]) for key, mine in sorted(grouped.items())]
    messages = {key[0]: last for key, last, *_ in rows}
    with translated(f"keeping {len(rows)} dead letters"):
        await connection.execute(
            queries("dead_letters")["keep_messages"],
            list(messages),
            [one.topic for one in messages.values()],
            [one.payload for one in messages.values()],
            [one.at_us for one in messages.values()],
        )
        await connection.execute(
            queries("dead_letters")["keep"],
            [key[0] for key, *_ in rows],
            [key[1] for key, *_ in rows],
            [last.city for _, last, *_ in rows],
            [last.gateway for _, last, *_ in rows],
            [last.reason.value for _, last, *_ in rows],
            [last.detail[:_DETAIL] for _, last, *_ in rows],
            [times for _, _, times, _ in rows],
            [first.at_us for *_, first in rows],
            [last.at_us for _, last, *_ in rows],
            again,
            [last.whole for _, last, *_ in rows],
        )


def _standing_for(rejected: Sequence[Rejection]) -> Rejection:
    """The last of a letter's rejections; where they are of several readings, of all of them."""
    last = rejected[-1]
    count = len({one.index for one in rejected})
    if count == 1:
        return last
    detail = f"{count} readings of this message are rejected; the last: {last.detail}"
    return replace(last, index=0, detail=detail, whole=True)


async def settle_dead_letters(
    connection: Connection, settled: Sequence[tuple[bytes, int]], rejected: Iterable[Rejection]
) -> None:
    """Remove letters whose readings the same transaction commits.

    Args:
        connection: in the batch's transaction, before its own rejections are kept.
        settled: hash and index of each.
        rejected: those rejections; their messages are held too, in one order with the others.

    Raises:
        StoreUnavailable: the server is away.
    """
    if not settled:
        return
    keys = sorted(settled)
    hashes = sorted({key[0] for key in keys})
    held = set(hashes) | {key[0] for key in letter_keys(rejected)}
    found = queries("dead_letters")
    with translated(f"settling {len(keys)} dead letters"):
        await connection.execute(found["hold"], sorted(held))
        await connection.execute(
            found["settle"], [key[0] for key in keys], [key[1] for key in keys]
        )
        await connection.execute(found["drop_empty"], hashes)
