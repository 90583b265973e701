"""Stating targets through the API: all of them or none, noted in the same transaction."""

from collections.abc import Sequence
from typing import Any

from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.target_format import Target
from cityvitals.store.targets import state_targets
from cityvitals.store.tokens import Token, write_audit


async def post_targets(
    connection: Connection, token: Token, city: str, targets: Sequence[Target], sent: Any
) -> int:
    """State targets of a city, and note who did; how many were new.

    Args:
        connection: to the database, outside a transaction.
        token: who states them.
        city: whose; it is known.
        targets: as checked.
        sent: as they were sent.

    Raises:
        StoreConflict: another transaction was in the way.
        StoreUnavailable: the server is away.
    """
    with translated("stating targets"):
        async with connection.transaction():
            await connection.execute(queries("registry")["lock"])
            changes = await state_targets(connection, city, targets, token.name)
            if changes:
                await write_audit(connection, token, city, "state_targets", sent)
    return changes
