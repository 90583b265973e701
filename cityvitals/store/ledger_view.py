"""Reading the ledger: what became of everything received, and whether it adds up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cityvitals.errors import NotFound
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

COUNTS: Final = ("received", "stored", "duplicate", "revised", "rejected", "lost", "resets")


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one gateway's readings, over all lanes; or of several together.

    Attributes:
        city: "" where topics told none; so is gateway.
        lost: running numbers that have not arrived.
        resets: how often running numbers began anew.
    """

    city: str
    gateway: str
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    revised: int = 0
    rejected: int = 0
    lost: int = 0
    resets: int = 0

    @property
    def closes(self) -> bool:
        """Whether every received reading ended as exactly one outcome."""
        return self.received == self.stored + self.duplicate + self.revised + self.rejected

    @property
    def counts(self) -> dict[str, int]:
        """All numbers by name."""
        return {name: getattr(self, name) for name in COUNTS}


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The ledger in one snapshot.

    Attributes:
        in_flight: messages that workers hold and have not committed, of all cities.
        workers: how many of those were seen within a minute.
    """

    lines: Sequence[Line]
    in_flight: int
    workers: int

    @property
    def total(self) -> Line:
        """All lines together."""
        sums = {name: sum(getattr(line, name) for line in self.lines) for name in COUNTS}
        return Line("", "", **sums)

    @property
    def closes(self) -> bool:
        """Whether every line adds up."""
        return all(line.closes for line in self.lines)


async def read_ledger(connection: Connection, city: str | None = None) -> LedgerView:
    """The ledger of a city, or of all.

    Raises:
        NotFound: there is no such city, nor did anybody send anything for it.
        StoreUnavailable: the server is away.
    """
    found = queries("ledger")
    with translated("reading the ledger"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows: Any = await connection.fetch(found["read"], city)
            flight: Any = await connection.fetchrow(found["in_flight"])
            place = queries("registry")["place"]
            if city and not rows and await connection.fetchrow(place, city) is None:
                raise NotFound(f"there is no city {city!r}, and nothing was sent for one")
    return LedgerView([Line(**row) for row in rows], flight["messages"], flight["workers"])
