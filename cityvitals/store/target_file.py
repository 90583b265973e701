"""Applying a CSV of targets to a city that is known: all of it, or nothing."""

import asyncio
from pathlib import Path

from cityvitals.store.fact_file import applied, only_city, place_in
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry_file import Summary
from cityvitals.store.sql import queries
from cityvitals.store.target_format import Judge, judge_nothing, read_target_csv
from cityvitals.store.targets import state_targets


async def apply_targets(
    pool: Pool,
    path: Path,
    city: str | None = None,
    judge: Judge = judge_nothing,
    by: str = "",
) -> Summary:
    """Apply a CSV of targets; doing it again changes nothing.

    What an earlier file stated and this one does not stays as it is.

    Args:
        pool: of the database.
        path: a CSV file.
        city: whose targets they are; None where the database holds just one.
        judge: what is wrong with a target.
        by: who states them.

    Raises:
        BadRegistry: naming file, line and column, and what was expected.
        StoreUnavailable: the server is away.
    """
    return await applied(
        pool, path, lambda connection, text: _apply(connection, text, path.name, city, judge, by)
    )


async def _apply(
    connection: Connection, text: str, file: str, city: str | None, judge: Judge, by: str
) -> Summary:
    await connection.execute(queries("registry")["lock"])
    whose = city or await only_city(connection, file)
    place = await place_in(connection, file, whose, {})
    targets = await asyncio.to_thread(read_target_csv, text, file, place.time_zone, judge)
    changes = await state_targets(connection, whose, targets, by)
    return Summary(whose, {"targets": len(targets)}, changes)
