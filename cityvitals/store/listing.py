"""Pages of what a city has, each in the order of its key: what the API lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.views import HistoryQuery, Row


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which series: at most `limit` behind a key of sensor, quantity and channel.

    Attributes:
        until: statistics are of the day before.
        sensors: only of these; None for all.
        quantity: only of this; None for all.
    """

    city: str
    until: datetime
    limit: int
    sensors: Sequence[str] | None = None
    quantity: str | None = None
    after: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True, slots=True)
class SensorQuery:
    """Which sensors: at most `limit` behind an id, where they stand at `at`.

    Attributes:
        zone: only in this; '' those in none; None for all.
    """

    city: str
    at: datetime
    limit: int
    zone: str | None = None
    domain: str | None = None
    gateway: str | None = None
    sensor: str | None = None
    after: str = ""


async def _fetch(connection: Connection, name: str, *arguments: Any) -> Sequence[Row]:
    with translated(f"listing {name.replace('_', ' ')}"):
        found: Any = await connection.fetch(queries("listing")[name], *arguments)
    rows: Sequence[Row] = found
    return rows


async def list_series(connection: Connection, query: SeriesQuery) -> Sequence[Row]:
    """Series with what they declare, their newest reading in a rollup, and their last day.

    Raises:
        StoreUnavailable: the server is away.
    """
    sensors = None if query.sensors is None else list(query.sensors)
    return await _fetch(
        connection,
        "series",
        query.city,
        sensors,
        query.quantity,
        *query.after,
        query.limit,
        query.until,
    )


async def list_sensors(connection: Connection, query: SensorQuery) -> Sequence[Row]:
    """Sensors by id: domain, gateway and its status, place, zone.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(
        connection,
        "sensors",
        query.city,
        query.zone,
        query.domain,
        query.gateway,
        query.sensor,
        query.after,
        query.limit,
        query.at,
    )


async def list_readings(
    connection: Connection, series: int, begin: datetime, end: datetime, limit: int
) -> Sequence[Row]:
    """Readings of a series in [begin, end), by time; a short stretch, since they lie by time.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(connection, "readings", series, begin, end, limit)


async def find_next_bucket(connection: Connection, series: int, since: datetime) -> datetime | None:
    """The first quarter hour from `since` on in which a reading begins, of those in rollups.

    Raises:
        StoreUnavailable: the server is away.
    """
    (row,) = await _fetch(connection, "next_bucket", series, since)
    found: datetime | None = row["min"]
    return found


async def list_rollups(
    connection: Connection, series: int, begin: datetime, end: datetime, limit: int
) -> Sequence[Row]:
    """Rollups of a series whose quarter hours begin in [begin, end), by time.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(connection, "rollups", series, begin, end, limit)


async def list_rules(
    connection: Connection, domain: str | None, standard: str | None, after: str, limit: int
) -> Sequence[Row]:
    """The newest revision of each rule, by id.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(connection, "rules", domain, standard, after, limit)


async def list_rule_revisions(connection: Connection, rule: str) -> Sequence[Row]:
    """Every revision of a rule, newest first; nothing for no such rule.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(connection, "revisions_of_rule", rule)


async def list_revisions(
    connection: Connection, query: HistoryQuery, as_of: datetime | None
) -> Sequence[Row]:
    """Every kept revision of windows, by window and revision, those known at a time alone.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(
        connection,
        "revisions",
        query.city,
        query.rule,
        query.zone,
        query.begin,
        query.end,
        as_of,
        query.limit,
    )


async def read_known_at(
    connection: Connection, query: HistoryQuery, as_of: datetime
) -> Sequence[Row]:
    """Windows ascending, each in the kept revision that was its newest at a time.

    Raises:
        StoreUnavailable: the server is away.
    """
    return await _fetch(
        connection,
        "known_at",
        query.city,
        query.rule,
        query.zone,
        query.begin,
        query.end,
        as_of,
        query.limit,
    )


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which dead letters: at most `limit` behind a key of last arrival, hash and index."""

    city: str
    limit: int
    gateway: str | None = None
    reason: str | None = None
    after: tuple[datetime | None, bytes, int] = (None, b"", 0)


async def list_city_letters(connection: Connection, query: LetterQuery) -> Sequence[Row]:
    """Dead letters of a city, those that came last first, without payload.

    Raises:
        StoreUnavailable: the server is away.
    """
    asked = (query.city, query.gateway, query.reason, *query.after, query.limit)
    return await _fetch(connection, "letters", *asked)
