"""The ledger: received = stored + duplicate + revised + rejected, in the batch's transaction."""

from collections.abc import Container, Mapping

from cityvitals.domain.outcome import Outcome
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

Books = Mapping[tuple[str, str], Mapping[Outcome, int]]
"""By city and gateway, how many readings became what."""


async def book(
    connection: Connection, lane: str, books: Books, known: Container[tuple[str, str]]
) -> None:
    """Add a batch's counts to the ledger.

    Args:
        connection: in the batch's transaction.
        lane: whose row it is.
        books: by city and gateway, as topics name them.
        known: those of them that are surely registered.

    Raises:
        StoreUnavailable: the server is away.
    """
    keys = sorted(books)
    columns = [
        [books[key].get(outcome, 0) for key in keys]
        for outcome in (Outcome.STORED, Outcome.DUPLICATE, Outcome.REVISED, Outcome.REJECTED)
    ]
    are_known = [key in known for key in keys]
    arguments = [lane, [city for city, _ in keys], [gateway for _, gateway in keys], *columns]
    with translated("booking a batch in the ledger"):
        if all(are_known):
            await connection.execute(queries("ledger")["book_known"], *arguments)
        else:
            await connection.execute(queries("ledger")["book"], *arguments, are_known)
