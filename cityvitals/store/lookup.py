"""What the store knows of readings' keys, and changing what is current there."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.resolution import Key, Said
from cityvitals.store.sql import queries

_CHANGES: Final = 200
"""Changes of one statement at most: each may decompress a batch of a thousand readings, 2 ms on a
quiet machine, and no statement may outlast the command timeout on a busy one."""


async def lock(connection: Connection, shards: list[int]) -> None:
    """Wait for other transactions that look before they write in these shards.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("waiting for other workers"):
        await connection.execute(queries("writer")["lock_shards"], sorted(shards))


async def find_current(connection: Connection, keys: Records) -> tuple[Records, NDArray[np.bool_]]:
    """Per key the current READING row, and whether there is one.

    Raises:
        StoreUnavailable: the server is away.
    """
    t, series = keys["t"], keys["series"]
    with translated(f"looking up {len(keys)} readings"):
        rows = await connection.fetch(
            queries("writer")["current"],
            t.tolist(),
            series.tolist(),
            int(t.min()),
            int(t.max()),
        )
    stored, known = np.zeros(len(keys), READING), np.zeros(len(keys), np.bool_)
    stored["t"], stored["series"] = t, series
    if rows:
        at = np.array([row[0] for row in rows], np.int64) - 1
        known[at] = True
        for place, field in enumerate(("v", "rev", "flags", "received"), start=1):
            stored[field][at] = [row[place] for row in rows]
    return stored, known


async def find_earlier(connection: Connection, arrivals: Records) -> dict[Key, Said]:
    """Which of some readings were said before and are not current, by key.

    Raises:
        StoreUnavailable: the server is away.
    """
    if not len(arrivals):
        return {}
    with translated(f"looking up earlier values of {len(arrivals)} readings"):
        rows = await connection.fetch(
            queries("writer")["earlier"],
            *[arrivals[name].tolist() for name in ("t", "series", "rev", "v")],
        )
    found: dict[Key, Said] = {}
    for row in rows:
        found.setdefault((row["t"], row["series"]), set()).add((row["rev"], row["value"]))
    return found


async def change_current(connection: Connection, rows: Records) -> None:
    """Put new values in the place of current ones, of keys that `find_current` found.

    Raises:
        StoreUnavailable: the server is away.
    """
    for start in range(0, len(rows), _CHANGES):
        await _run(connection, "change", rows[start : start + _CHANGES])


async def keep_beside(connection: Connection, rows: Records) -> None:
    """Keep values that are not current beside the current one.

    Raises:
        StoreUnavailable: the server is away.
    """
    await _run(connection, "keep_beside", rows)


async def _run(connection: Connection, query: str, rows: Records) -> None:
    if len(rows):
        fields = ("t", "series", "v", "rev", "flags", "received")
        with translated(f"writing {len(rows)} revisions"):
            await connection.execute(
                queries("writer")[query], *[rows[field].tolist() for field in fields]
            )
