"""What a city's scores are calculated from, read in one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cityvitals.errors import NotFound
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScoreRows:
    """Rows of one snapshot.

    Attributes:
        time_zone: of the city.
        facts: by name, zone and date.
        targets: by data point and date, of all dates.
        windows: by rule and begin.
    """

    time_zone: str
    facts: Sequence[Row]
    targets: Sequence[Row]
    windows: Sequence[Row]


async def read_score_rows(
    connection: Connection,
    city: str,
    at: datetime,
    names: Sequence[str],
    rules: Sequence[str],
) -> ScoreRows:
    """Facts, targets and windows of rules of a city, as of a moment.

    Args:
        connection: in no transaction.
        city: whose.
        at: what begins to hold later, or ends later, is left out.
        names: of facts.
        rules: ids.

    Raises:
        NotFound: there is no such city.
        StoreUnavailable: the server is away.
    """
    sql = queries("scores")
    with translated(f"reading the scores of {city}"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            place: Any = await connection.fetchrow(queries("registry")["place"], city)
            if place is None:
                raise NotFound(f"there is no city {city!r}")
            facts: Any = await connection.fetch(sql["facts"], city, names, at)
            targets: Any = await connection.fetch(queries("targets")["of_city"], city, False)  # noqa: FBT003
            windows: Any = await connection.fetch(sql["windows"], city, rules, at)
    return ScoreRows(place["time_zone"], facts, targets, windows)
