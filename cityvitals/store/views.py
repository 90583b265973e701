"""What the API reads: plain queries, whose rows are shown by `api` and `kpi_rules.present`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cityvitals.errors import StoreUnavailable
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.sql import queries

Row = Mapping[str, Any]
"""Columns by name; times are aware UTC datetimes, JSON is decoded."""

EARLIEST: Final = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
LATEST: Final = datetime.fromisoformat("9999-12-31T23:59:59+00:00")

_PROBE_SECONDS: Final = 2.0


def _rows(found: Any) -> Sequence[Row]:
    """Records of the driver: mappings in all that we use of them, though not by type."""
    rows: Sequence[Row] = found
    return rows


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest window of every indicator of a city, as of its change `number`."""

    number: int
    rows: Sequence[Row]
    time_zone: str


@dataclass(frozen=True, slots=True)
class Change:
    """A numbered event of a city; `body` is JSON text."""

    number: int
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Events after a number, ascending, and the city's newest `number` of the same snapshot."""

    number: int
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which windows of one indicator: those that begin in [begin, end), at most `limit`.

    Attributes:
        zone: '' is the city itself.
    """

    city: str
    rule: str
    zone: str = ""
    begin: datetime = EARLIEST
    end: datetime = LATEST
    limit: int = 1000


async def list_cities(connection: Connection) -> Sequence[Row]:
    """Every city by id: id, name, time_zone, clock, change_number, complete_to.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading cities"):
        return _rows(await connection.fetch(queries("views")["cities"], None))


async def find_city(connection: Connection, city: str) -> Row | None:
    """One city, as `list_cities` has it.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading city {city}"):
        rows = _rows(await connection.fetch(queries("views")["cities"], city))
    return rows[0] if rows else None


async def list_zones(connection: Connection, city: str) -> Sequence[Row]:
    """The zones of a city by id: id, name, geometry.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the zones of {city}"):
        return _rows(await connection.fetch(queries("views")["zones"], city))


async def find_change_number(connection: Connection, city: str) -> int | None:
    """The number of a city's newest change, 0 before the first; None for no such city.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the change number of {city}"):
        number: int | None = await connection.fetchval(queries("views")["change_number"], city)
    return number


async def find_latest(connection: Connection, city: str, after: int = -1) -> Latest | None:
    """Latest indicators of a city in one snapshot, by zone and rule; None for no such city.

    Args:
        connection: where to read.
        city: its id.
        after: only those of which anything was said after this change.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the latest indicators of {city}"):
        rows = _rows(await connection.fetch(queries("views")["latest"], city, after))
    if not rows:
        return None
    found = [row for row in rows if row["rule"] is not None]
    return Latest(rows[0]["city_number"], found, rows[0]["city_time_zone"])


async def read_history(connection: Connection, query: HistoryQuery) -> Sequence[Row]:
    """The newest revision of each window asked for, ascending by window.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the history of {query.rule} in {query.city}"):
        found = await connection.fetch(
            queries("views")["history"],
            query.city,
            query.rule,
            query.zone,
            query.begin,
            query.end,
            query.limit,
        )
    return _rows(found)


async def find_changes(connection: Connection, city: str, after: int, limit: int) -> Changes | None:
    """At most `limit` changes of a city after a number; None for no such city.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the changes of {city}"):
        rows = await connection.fetch(queries("views")["changes"], city, after, limit)
    if not rows:
        return None
    changes = [
        Change(row["number"], row["kind"], row["body"]) for row in rows if row["number"] is not None
    ]
    return Changes(rows[0]["city_number"], changes)


async def read_rule_bodies(
    connection: Connection, wanted: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], dict[str, Any]]:
    """The bodies of revisions of rules by (id, revision), of those that exist.

    Raises:
        StoreUnavailable: the server is away.
    """
    pairs = list(wanted)
    with translated(f"reading {len(pairs)} rules"):
        rows = await connection.fetch(
            queries("views")["rules"], [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        )
    return {(row["id"], row["revision"]): row["body"] for row in rows}


async def list_facts(
    connection: Connection,
    city: str,
    at: datetime | None = None,
    zone: str | None = None,
    name: str | None = None,
) -> Sequence[Row]:
    """Facts of a city as stated now, by name, zone ('' is the city) and date.

    Args:
        connection: to the database.
        city: whose.
        at: only those in force at this moment; None for those of all dates.
        zone: only of this zone; None for all.
        name: only of this name; None for all.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the facts of {city}"):
        return _rows(await connection.fetch(queries("views")["facts"], city, at, zone, name))


async def read_facts_by_id(connection: Connection, ids: Iterable[int]) -> Sequence[Row]:
    """Some facts, stated now or once, in no order.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading facts"):
        return _rows(await connection.fetch(queries("views")["facts_by_id"], list(ids)))


async def list_rule_ids(connection: Connection) -> list[str]:
    """Ids of all rules that were ever loaded, sorted.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading the ids of rules"):
        return [row["id"] for row in await connection.fetch(queries("views")["rule_ids"])]


async def hold_publishing(connection: Connection) -> bool:
    """Whether this session is the one that publishes indicators; it is until it ends.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("asking who publishes"):
        return bool(await connection.fetchval(queries("views")["hold_publishing"]))


async def probe(pool: Pool) -> None:
    """Ask the database for a sign of life.

    Raises:
        StoreUnavailable: it gave none within two seconds, and why.
    """
    with translated("asking the database for a sign of life"):
        async with pool.acquire(timeout=_PROBE_SECONDS) as connection:
            if await connection.fetchval("select 1", timeout=_PROBE_SECONDS) != 1:
                raise StoreUnavailable("the database gave a wrong sign of life")
