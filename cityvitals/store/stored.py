"""Readings and rollups of a city as they are stored, page by page in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cityvitals.domain.times import from_us
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.views import Row

EARLIEST: Final = from_us(-2_208_988_800_000_000)
LATEST: Final = from_us(7_258_118_400_000_000)
"""No reading is taken before 1900 or from 2200 on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is listed; None is all.

    Attributes:
        begin, end: [begin, end) of observed times, or of buckets' begins.
        limit: the most rows at once.
    """

    city: str
    sensor: str | None = None
    quantity: str | None = None
    channel: str | None = None
    begin: datetime = EARLIEST
    end: datetime = LATEST
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last row's time and series."""

    at: datetime
    series: int


async def list_series(connection: Connection, wanted: Wanted) -> dict[int, Row]:
    """The series that are meant, by id: sensor, quantity, channel.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"listing the series of {wanted.city}"):
        rows = await connection.fetch(
            queries("stored")["series"],
            wanted.city, wanted.sensor, wanted.quantity, wanted.channel,
        )  # fmt: skip
    return {row["id"]: dict(row) for row in rows}


async def list_readings(
    connection: Connection, series: Sequence[int], wanted: Wanted, after: Place | None
) -> Sequence[Row]:
    """Current readings by time, then series: observed_at, series_id, value, rev, flags.

    Raises:
        StoreUnavailable: the server is away.
    """
    place = after or Place(wanted.begin, -1)
    begin = max(wanted.begin, place.at)
    found: Any
    with translated(f"listing readings of {wanted.city}"):
        found = await connection.fetch(
            queries("stored")["readings"],
            series, begin, wanted.end, place.at, place.series, wanted.limit,
        )  # fmt: skip
    rows: Sequence[Row] = found
    return rows


async def list_rollups(
    connection: Connection, series: Sequence[int], wanted: Wanted, after: Place | None
) -> Sequence[Row]:
    """Rollups of closed quarter hours by series, then time; all fields of the table.

    Raises:
        StoreUnavailable: the server is away.
    """
    place = after or Place(wanted.begin, -1)
    found: Any
    with translated(f"listing rollups of {wanted.city}"):
        found = await connection.fetch(
            queries("stored")["rollups"],
            series, wanted.begin, wanted.end, place.series, place.at, wanted.limit,
        )  # fmt: skip
    rows: Sequence[Row] = found
    return rows
