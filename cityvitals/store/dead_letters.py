"""Dead letters: rejected readings with reason and original bytes, written beside the good ones."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from cityvitals.store.batch import Rejection
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_DETAIL: Final = 500


def letter_hash(topic: str, payload: bytes) -> bytes:
    """What makes two dead letters the same one, but for the index in the pack."""
    return sha256(topic.encode() + b"\0" + payload).digest()


async def keep_dead_letters(connection: Connection, rejected: Iterable[Rejection]) -> None:
    """Write rejections as dead letters; the same one again only raises its counter.

    Raises:
        StoreUnavailable: the server is away.
    """
    grouped: dict[tuple[bytes, int], list[Rejection]] = {}
    for one in rejected:
        grouped.setdefault((letter_hash(one.topic, one.payload), one.index), []).append(one)
    if not grouped:
        return
    # In the order of the key, so that two workers with the same poison never deadlock.
    rows = [(key, grouped[key][-1], len(grouped[key]), grouped[key][0]) for key in sorted(grouped)]
    with translated(f"keeping {len(rows)} dead letters"):
        await connection.execute(
            queries("dead_letters")["keep"],
            [key[0] for key, *_ in rows],
            [key[1] for key, *_ in rows],
            [last.topic for _, last, *_ in rows],
            [last.payload for _, last, *_ in rows],
            [last.city for _, last, *_ in rows],
            [last.gateway for _, last, *_ in rows],
            [last.reason.value for _, last, *_ in rows],
            [last.detail[:_DETAIL] for _, last, *_ in rows],
            [times for _, _, times, _ in rows],
            [first.at_us for *_, first in rows],
            [last.at_us for _, last, *_ in rows],
        )
