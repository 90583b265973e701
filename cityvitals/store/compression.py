"""Compressing chunks when told to, beside the policy that does so by their age."""

from collections.abc import AsyncIterator
from datetime import datetime

from cityvitals.errors import UnfitServer
from cityvitals.store.engine import Engine, engine_of
from cityvitals.store.hypertables import Chunk, compress, read_chunks
from cityvitals.store.pool import Connection


async def compress_range(
    connection: Connection, table: str, begin: datetime, end: datetime
) -> AsyncIterator[Chunk]:
    """Compress the chunks of a table that end in (begin, end], and tell of each once it is done.

    One that is compressed takes in what came to it since. Each is a transaction; whoever writes
    into it waits meanwhile.

    Raises:
        UnfitServer: the database is on plain PostgreSQL.
        StoreConflict: a writer or the policy got in the way; what is told of is done.
        StoreUnavailable: the server is away, or takes longer than `command_timeout_seconds`.
    """
    if await engine_of(connection) is not Engine.TIMESCALEDB:
        raise UnfitServer(
            "this database is on plain PostgreSQL, which compresses no tables: "
            "`cityvitals db size` says what they take"
        )
    for chunk in await read_chunks(connection, table, begin, end):
        await compress(connection, chunk)
        yield chunk
