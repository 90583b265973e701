"""Stating targets, and reading them with their history."""

from collections.abc import Mapping, Sequence
from typing import Any

from cityvitals.errors import NotFound
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.target_format import Target

Row = Mapping[str, Any]


async def state_targets(
    connection: Connection, city: str, targets: Sequence[Target], by: str = ""
) -> int:
    """State targets of a city, inside the caller's transaction; how many of them changed.

    Args:
        connection: in a transaction that holds the registry's lock.
        city: whose.
        targets: checked against the scorecard; without a value they are withdrawn.
        by: who states them.
    """
    columns: list[Any] = [
        [one.point for one in targets],
        [one.valid_from_us for one in targets],
        [one.value for one in targets],
        [one.start for one in targets],
        [one.unit for one in targets],
        by,
        [one.source for one in targets],
    ]
    gone = await connection.fetch(queries("targets")["withdraw"], city, *columns)
    come = await connection.fetch(queries("targets")["state"], city, *columns)
    return len({(row["point"], row["from_us"]) for row in [*gone, *come]})


async def read_targets(
    connection: Connection, city: str, *, withdrawn: bool = False
) -> Sequence[Row]:
    """A city's targets by data point and date; withdrawn ones, too, where they are wanted.

    Raises:
        NotFound: there is no such city.
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the targets of {city}"):
        if await connection.fetchrow(queries("registry")["place"], city) is None:
            raise NotFound(f"there is no city {city!r}")
        found: Any = await connection.fetch(queries("targets")["of_city"], city, withdrawn)
    rows: Sequence[Row] = found
    return rows
