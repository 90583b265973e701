"""Keeping count of gateways' running numbers, in the batch's transaction."""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from cityvitals.store.batch import Batch
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.running import Numbers, arrived
from cityvitals.store.sql import queries

Came = dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.bool_]]]
"""By city and gateway, numbers in order of arrival and whether each reading is new."""
_NONE: Final = (np.empty(0, np.int64), np.empty(0, np.bool_))


async def count_numbers(connection: Connection, batch: Batch, is_new: NDArray[np.bool_]) -> None:
    """Take note of the running numbers of a batch; no statement where nobody counts.

    Rows are per gateway, not per lane: what another worker got closes the hole here. What is
    replayed has arrived before, and is not counted again.

    Raises:
        StoreUnavailable: the server is away.
    """
    if batch.book_as:
        return
    came = numbers_of(batch, is_new)
    if not came:
        return
    found = queries("numbers")
    names = [[city for city, _ in sorted(came)], [gateway for _, gateway in sorted(came)]]
    with translated("counting running numbers"):
        await connection.execute(found["begin"], *names)
        rows: Any = await connection.fetch(found["hold"], *names)
        changed = []
        for row in rows:
            before = _known(row)
            after = arrived(before, *came[row["city"], row["name"]])
            if after != before:
                ranges = [asyncpg.Range(low, high) for low, high in after.ranges]
                changed.append((row["gateway"], ranges, after.floor, after.lost, after.resets))
        if changed:
            await connection.executemany(found["note"], changed)


def numbers_of(batch: Batch, is_new: NDArray[np.bool_]) -> Came:
    """The running numbers that a batch brings; those of rejected readings have arrived, too."""
    came: Came = {}
    for place in np.unique(batch.sender[batch.seq >= 0]).tolist() if len(batch.seq) else ():
        sender = batch.senders[place]
        mine = (batch.sender == place) & (batch.seq >= 0)
        came[sender.city, sender.gateway] = batch.seq[mine], is_new[mine]
    rejected: dict[tuple[str, str], list[int]] = {}
    for one in batch.rejected:
        if one.seq >= 0:
            rejected.setdefault((one.city, one.gateway), []).append(one.seq)
    for key, numbers in rejected.items():
        before, new = came.get(key, _NONE)
        more = np.array(numbers, np.int64)
        came[key] = np.append(before, more), np.append(new, np.zeros(len(more), np.bool_))
    return came


def _known(row: Mapping[str, Any]) -> Numbers:
    ranges = tuple((one.lower, one.upper) for one in row["ranges"])
    return Numbers(ranges, row["floor"], row["lost"], row["resets"])
