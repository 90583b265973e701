"""The facts of a city, for people and auditors: what holds, and what was once stated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cityvitals.errors import NotFound
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A figure as it is stored; zone "" is the city.

    Attributes:
        from_us: when it begins to hold.
        declared_by, declared_at: who stated it, "" where nobody said, and when.
        withdrawn_by, withdrawn_at: who put it right, and when; None while it is stated.
    """

    id: int
    name: str
    zone: str
    value: float
    unit: str
    from_us: int
    source: str
    quality: str
    declared_by: str
    declared_at: datetime
    withdrawn_by: str
    withdrawn_at: datetime | None


async def read_facts(connection: Connection, city: str, *, withdrawn: bool) -> list[StoredFact]:
    """A city's figures by name, zone and date; withdrawn ones, too, where they are wanted.

    Raises:
        NotFound: there is no such city.
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the facts of {city}"):
        known: Any = await connection.fetchrow(queries("registry")["place"], city)
        if known is None:
            raise NotFound(f"there is no city {city!r}")
        rows = await connection.fetch(queries("registry")["facts_of"], city, withdrawn)
    return [StoredFact(**dict(row)) for row in rows]


def in_force(facts: Iterable[StoredFact], at_us: int) -> list[StoredFact]:
    """The figure of each name and zone that holds at a moment; `facts` oldest first."""
    found: dict[tuple[str, str], StoredFact] = {}
    for fact in facts:
        if fact.from_us <= at_us and fact.withdrawn_at is None:
            found[fact.name, fact.zone] = fact
    return list(found.values())
