"""Rollups, indicators and changes: what the aggregator writes, and reads back of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.domain.times import from_us
from cityvitals.errors import StoreConflict
from cityvitals.store.copy import copy_in, copy_out, copy_rows
from cityvitals.store.engine import plan_by_values
from cityvitals.store.failures import translated
from cityvitals.store.layouts import CELLS, READINGS, ROLLUPS
from cityvitals.store.pool import Connection, unhurried
from cityvitals.store.sql import queries

CHANGE_CHANNEL: Final = "cityvitals_change"


class IndicatorRow(NamedTuple):
    """One revision of an indicator, by the tables' columns.

    Attributes:
        stations: ids of the series that took part.
        station_count: of how many sensors they are.
        facts: ids of the facts in force at the window's end; None where the rule uses none.
    """

    city: str
    rule: str
    zone: str
    window_begin: datetime
    revision: int
    window_end: datetime
    rule_revision: int
    state: str
    closed: bool
    value: float | None
    numerator: float | None
    denominator: float | None
    coverage: float
    observed: int
    flagged: int
    reason: str
    stations: list[int]
    silent: list[str]
    watermark: datetime | None
    computed_at: datetime
    change_number: int
    station_count: int
    facts: list[int] | None = None


class ChangeRow(NamedTuple):
    """One numbered event of a city."""

    city: str
    number: int
    at: datetime
    kind: str
    body: str


INDICATOR_COLUMNS: Final = list(IndicatorRow._fields)
CHANGE_COLUMNS: Final = list(ChangeRow._fields)


def as_mapping(row: IndicatorRow) -> dict[str, Any]:
    """A row by its columns' names."""
    return row._asdict()


def is_nothing(rollups: Records) -> NDArray[np.bool_]:
    """Which rollups (ROLLUP) are the fold of nothing [n]."""
    found = np.ones(len(rollups), np.bool_)
    for name in ("count", "flagged", "covered", "estimated"):
        found &= rollups[name] == 0
    return found


async def write_rollups(connection: Connection, rollups: Records) -> None:
    """Insert or replace rollups (ROLLUP with series ids), in a transaction; empty folds go.

    Raises:
        StoreUnavailable: the server is away.
    """
    if not len(rollups):
        return
    sql = queries("derived")
    with translated(f"writing {len(rollups)} rollups"):
        is_empty = is_nothing(rollups)
        await _drop(connection, rollups[is_empty])
        await connection.execute(sql["stage_rollups"])
        await copy_in(connection, ROLLUPS, rollups[~is_empty], "rollup_staging")
        await connection.execute(sql["merge_rollups"])


async def _drop(connection: Connection, rollups: Records) -> None:
    if len(rollups):
        await plan_by_values(connection)
        buckets = [from_us(begin) for begin in rollups["bucket"].tolist()]
        await connection.execute(
            queries("derived")["drop_empty_rollups"],
            rollups["series"].tolist(),
            buckets,
            min(buckets),
            max(buckets),
        )


async def append_rollups(connection: Connection, rollups: Records) -> None:
    """Insert rollups (ROLLUP with series ids) that are most likely new, in a transaction.

    Three times as fast as `write_rollups`, which takes over where one of them is there already:
    after a restart the log is folded again from the checkpoint on.

    Raises:
        StoreUnavailable: the server is away.
    """
    if not len(rollups):
        return
    try:
        async with connection.transaction():
            await copy_in(connection, ROLLUPS, rollups)
    except StoreConflict:
        await write_rollups(connection, rollups)


async def read_cells(connection: Connection, series: list[int], begin: int, end: int) -> Records:
    """Count, flagged, integral and coverage of the rollups of series in [begin, end) (ROLLUP).

    Raises:
        StoreUnavailable: the server is away.
    """
    return await copy_out(
        connection, CELLS, queries("derived")["cells"], series, from_us(begin), from_us(end)
    )


async def read_readings(connection: Connection, series: list[int], begin: int, end: int) -> Records:
    """Stored readings of series observed in [begin, end) (READING), in no order.

    Raises:
        StoreUnavailable: the server is away.
    """
    query, stretch = queries("derived")["readings"], (from_us(begin), from_us(end))
    with translated("reading stored readings"):
        async with unhurried(connection) as timeout_s:
            return await copy_out(
                connection, READINGS, query, series, *stretch, timeout_s=timeout_s
            )


async def read_rollup_ranges(
    connection: Connection, series: list[int]
) -> dict[int, tuple[int, int]]:
    """Begin of the first and of the last rollup of each series that has any.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading how far rollups reach"):
        rows = await connection.fetch(queries("derived")["rollup_ranges"], series)
    return {row["series_id"]: (row["first_us"], row["last_us"]) for row in rows}


async def read_rollup_range(connection: Connection, series: list[int]) -> tuple[int, int] | None:
    """Begin of the first and of the last rollup of all these series; None where there is none.

    Raises:
        StoreUnavailable: the server is away.
    """
    found = (await read_rollup_ranges(connection, series)).values()
    if not found:
        return None
    return min(first for first, _ in found), max(last for _, last in found)


async def read_said_range(connection: Connection, shard: int) -> dict[str, tuple[int, int]]:
    """By city of a shard: end of the first window of its indicators, and begin of the last one.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading how far the indicators of shard {shard} reach"):
        rows = await connection.fetch(queries("derived")["said_range"], shard)
    return {row["city"]: (row["first_us"], row["last_us"]) for row in rows}


async def read_extents(connection: Connection, series: list[int]) -> dict[int, tuple[int, int]]:
    """The oldest and newest observed time of each series that has readings.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading how far readings reach"):
        async with unhurried(connection) as timeout_s:
            rows = await connection.fetch(queries("derived")["extents"], series, timeout=timeout_s)
    return {row["series_id"]: (row["first_us"], row["last_us"]) for row in rows}


async def read_newest(
    connection: Connection, keys: Sequence[tuple[str, str, str, datetime]]
) -> list[Any]:
    """The newest revision of each window (city, rule, zone, window_begin) that has one.

    Raises:
        StoreUnavailable: the server is away.
    """
    if not keys:
        return []
    columns: list[list[Any]] = [list(column) for column in zip(*keys, strict=True)]
    with translated(f"reading {len(keys)} indicators"):
        return await connection.fetch(queries("derived")["newest"], *columns)


async def read_latest(connection: Connection, shard: int) -> list[Any]:
    """The newest window of every indicator of a shard.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the latest indicators of shard {shard}"):
        return await connection.fetch(queries("derived")["latest"], shard)


async def write_indicators(
    connection: Connection, kept: Sequence[memoryview], latest: Sequence[memoryview]
) -> None:
    """Append revisions, and replace latest values.

    Args:
        connection: in a transaction.
        kept: rows of `INDICATOR_COLUMNS` on the wire (`cityvitals.store.fields`).
        latest: the same.

    Raises:
        StoreUnavailable: the server is away.
    """
    if kept:
        await copy_rows(connection, "indicator", INDICATOR_COLUMNS, kept)
    if latest:
        sql = queries("derived")
        with translated("writing latest values"):
            await connection.execute(sql["stage_latest"])
            await copy_rows(connection, "indicator_latest_staging", INDICATOR_COLUMNS, latest)
            await connection.execute(sql["merge_latest"])


async def write_changes(
    connection: Connection, changes: Sequence[memoryview], numbers: dict[str, int]
) -> None:
    """Append numbered changes, and remember how far each city's numbers have come.

    Args:
        connection: in a transaction.
        changes: rows of `CHANGE_COLUMNS` on the wire.
        numbers: the newest of each city.

    Raises:
        StoreUnavailable: the server is away.
    """
    if changes:
        await copy_rows(connection, "change", CHANGE_COLUMNS, changes)
    with translated("numbering changes"):
        for city, number in numbers.items():
            await connection.execute(queries("derived")["number_changes"], city, number)
            await connection.execute("select pg_notify($1, $2)", CHANGE_CHANNEL, city)


async def prune_changes(connection: Connection, city: str, upto: int) -> None:
    """Drop a city's changes up to a number: who was away longer gets a snapshot.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"pruning the changes of {city}"):
        await connection.execute(queries("derived")["prune_changes"], city, upto)


async def remember_rules(
    connection: Connection, rules: Sequence[tuple[str, int, str, dict[str, Any], str]]
) -> set[str]:
    """Store revisions of rules (id, revision, digest, body, definition); returns ids that are new.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("derived")
    with translated("storing rules"):
        known = {
            (row["id"], row["revision"]): row["definition"]
            for row in await connection.fetch(sql["known_rules"])
        }
        fresh = [rule for rule in rules if (rule[0], rule[1]) not in known]
        bare = [rule for rule in rules if known.get((rule[0], rule[1])) == ""]
        await connection.executemany(sql["save_rule"], [*fresh, *bare])
    return {rule[0] for rule in fresh}


async def read_stored_rules(connection: Connection) -> list[tuple[str, int, str, str]]:
    """Every revision of every rule in the database: id, revision, digest, definition.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading stored rules"):
        rows = await connection.fetch(queries("derived")["known_rules"])
    return [(row["id"], row["revision"], row["digest"], row["definition"]) for row in rows]
