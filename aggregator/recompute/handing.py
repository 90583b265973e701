"""Asking a shard's owner to do a piece anew: entries of the log, as everything else that it does.

So nobody but the owner writes what is derived, numbers stay one sequence, and live work goes first.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from aggregator.recompute.found import Piece, PieceFound
from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.store import tail
from cityvitals.store.pool import Connection

_LANE: Final = "admin"


async def hand_over(connection: Connection, piece: Piece, found: PieceFound) -> int:
    """Have done anew what is wrong in a piece; how many entries that took. Can be done again.

    Raises:
        StoreUnavailable: the server is away.
    """
    entries = list(_entries(piece, found.series, found.wrong or sorted(found.rules)))
    shard = shard_of(piece.city)
    async with connection.transaction():
        for body in entries:
            await tail.append_entry(connection, shard, _LANE, LogKind.RULES, encode_json(body))
        await tail.wake(connection)
    return len(entries)


def _entries(piece: Piece, series: Sequence[int], rules: Sequence[str]) -> Iterator[dict[str, Any]]:
    stretch = {"begin": piece.begin_us, "end": piece.end_us}
    for one in series:
        yield {"series": one} | stretch
    for rule in rules:
        yield {"city": piece.city, "rule": rule} | stretch
