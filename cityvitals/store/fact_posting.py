"""Stating facts through the API: all of them or none, noted in the same transaction."""

from collections.abc import Callable, Sequence
from typing import Any

from cityvitals.store.fact_file import place_in
from cityvitals.store.fact_format import Fact, Place, Wanted
from cityvitals.store.facts import state_facts
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.registry_file import tell
from cityvitals.store.sql import queries
from cityvitals.store.tokens import Token, write_audit


async def post_facts(
    connection: Connection,
    token: Token,
    city: str,
    read: Callable[[Place], tuple[Sequence[Fact], Any]],
    wanted: Wanted,
) -> int:
    """State facts of a city, log them in lane `admin`, and note who did; how many were new.

    Args:
        connection: to the database, outside a transaction.
        token: who states them.
        city: whose; it is known.
        read: the facts as checked against the city's zones and clock, and as they were sent.
        wanted: in which units rules use facts.

    Raises:
        BadRegistry: naming the item and key, and what was expected.
        StoreConflict: another transaction was in the way.
        StoreUnavailable: the server is away.
    """
    with translated("stating facts"):
        async with connection.transaction():
            await connection.execute(queries("registry")["lock"])
            facts, sent = read(await place_in(connection, "facts", city, wanted))
            changes, entries = await state_facts(connection, city, facts, token.name)
            await tell(connection, entries, changes)
            if changes:
                await write_audit(connection, token, city, "state_facts", sent)
    return changes
