"""What explaining an indicator reads of the store, beside what `cityvitals.store.audit` does."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from cityvitals.domain.names import EXCLUDING_FLAGS
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.views import Row

MOST_EXCLUDED: Final = 200
"""Readings left out that are listed; there may be a sensor that sends nothing else."""


async def find_window(
    connection: Connection, city: str, rule: str, zone: str, at: datetime | None
) -> Row | None:
    """The newest revision of an indicator's window that holds a moment, as its table has it.

    Of windows that overlap it is the one that begins last; without a moment the newest window.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"looking for a window of {rule} in {city}"):
        found: Any = await connection.fetchrow(queries("explained")["window"], city, rule, zone, at)
    row: Row | None = found
    return row


async def find_definition(connection: Connection, rule: str, revision: int) -> str | None:
    """A revision of a rule as it stood in its file; "" where no definition was kept.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading rule {rule}"):
        found: str | None = await connection.fetchval(
            queries("explained")["definition"], rule, revision
        )
    return found


async def list_excluded(
    connection: Connection, series: Iterable[int], begin: datetime, end: datetime
) -> Sequence[Row]:
    """Readings that flags keep out: observed_at, series_id, value, flags; the first 200.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql, asked = queries("explained")["excluded"], (list(series), begin, end)
    with translated("reading what flags keep out"):
        found: Any = await connection.fetch(sql, *asked, EXCLUDING_FLAGS, MOST_EXCLUDED)
    rows: Sequence[Row] = found
    return rows
