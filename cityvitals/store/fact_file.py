"""Applying a CSV of facts to a city that is known: all of it, or nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from cityvitals.errors import BadRegistry
from cityvitals.store.fact_format import Place, Wanted, read_fact_csv
from cityvitals.store.facts import state_facts
from cityvitals.store.failures import translated
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry_file import Summary, read_text, tell
from cityvitals.store.registry_format import NOTHING_WANTED
from cityvitals.store.sql import queries

_NAMED: Final = 20
"""Cities or zones that a message names at most."""


async def apply_facts(
    pool: Pool,
    path: Path,
    city: str | None = None,
    wanted: Wanted = NOTHING_WANTED,
    by: str = "",
) -> Summary:
    """Apply a CSV of facts; doing it again changes nothing.

    What an earlier file stated and this one does not stays as it is.

    Args:
        pool: of the database.
        path: a CSV file.
        city: whose facts they are; None where the database holds just one.
        wanted: in which units rules use facts.
        by: who states them.

    Raises:
        BadRegistry: naming file, line and column, and what was expected.
        StoreUnavailable: the server is away.
    """
    return await applied(
        pool, path, lambda connection, text: _apply(connection, text, path.name, city, wanted, by)
    )


async def applied(
    pool: Pool, path: Path, apply: Callable[[Connection, str], Awaitable[Summary]]
) -> Summary:
    """Have a file's text applied in one transaction, tried again while locks are in the way.

    Raises:
        BadRegistry: the file cannot be read, or what `apply` raises.
        StoreUnavailable: the server is away.
    """
    text = await read_text(path)

    async def attempt() -> Summary:
        with translated(f"applying {path.name}"):
            async with pool.acquire() as connection, connection.transaction():
                return await apply(connection, text)

    def wait(_: str) -> None:
        pass

    return await persist(attempt, wait)


async def _apply(
    connection: Connection, text: str, file: str, city: str | None, wanted: Wanted, by: str
) -> Summary:
    await connection.execute(queries("registry")["lock"])
    whose = city or await only_city(connection, file)
    place = await place_in(connection, file, whose, wanted)
    facts = await asyncio.to_thread(read_fact_csv, text, file, place)
    changes, entries = await state_facts(connection, whose, facts, by)
    await tell(connection, entries, changes)
    return Summary(whose, {"facts": len(facts)}, changes)


async def only_city(connection: Connection, file: str) -> str:
    """The city of a database that has just one.

    Raises:
        BadRegistry: it has none, or several.
    """
    found = await connection.fetch(queries("registry")["city_ids"], _NAMED)
    if len(found) != 1:
        known = ", ".join(row["id"] for row in found) or "none yet"
        raise BadRegistry(f"{file}: say whose they are with --city; known cities: {known}")
    return str(found[0]["id"])


async def place_in(connection: Connection, file: str, city: str, wanted: Wanted) -> Place:
    """What places and dates of a city are checked against.

    Raises:
        BadRegistry: there is no such city.
    """
    row: Any = await connection.fetchrow(queries("registry")["place"], city)
    if row is None:
        raise BadRegistry(
            f"{file}: there is no city {city!r}; apply its registry TOML first, which says its "
            "time zone and its zones"
        )
    zones = row["zones"]
    shown = ", ".join(zones[:_NAMED]) + (", …" if len(zones) > _NAMED else "")
    expected = f"a zone of {city} ({shown or 'it has none'}), or nothing for the city itself"
    return Place(row["time_zone"], frozenset(zones), expected, wanted)
