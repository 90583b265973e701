"""Alerts as whoever derives indicators writes them, in the transaction that commits those."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cityvitals.domain.times import from_us, to_us
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.views import Row

Place = tuple[str, str, str]
"""City, id of an alert rule, zone."""


class KnownAlert(NamedTuple):
    """A stored alert that was not withdrawn; begins of windows, microseconds."""

    id: int
    since: int
    raised_by: int
    until: int | None
    cleared_by: int | None
    peak: float
    peak_at: int


class FinalWindow(NamedTuple):
    """A final window's newest revision, microseconds."""

    begin: int
    end: int
    value: float | None


class AlertRow(NamedTuple):
    """What is written of an alert, in the order of the statement's parameters."""

    city: str
    alert: str
    alert_revision: int
    rule: str
    zone: str
    severity: str
    since: datetime
    raised_by: datetime
    until: datetime | None
    cleared_by: datetime | None
    peak: float
    peak_at: datetime


async def read_stored_alerts(
    connection: Connection,
) -> list[tuple[str, int, str, dict[str, Any], str]]:
    """Every revision of every alert rule in the database: id, revision, digest, body, file.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading stored alert rules"):
        rows = await connection.fetch(queries("alerts")["stored_rules"])
    return [tuple(row) for row in rows]


async def remember_alerts(
    connection: Connection, alerts: Sequence[tuple[str, int, str, dict[str, Any], str]]
) -> None:
    """Store revisions of alert rules: id, revision, digest, body, file.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("storing alert rules"):
        await connection.executemany(queries("alerts")["save_rule"], alerts)


async def read_judged(connection: Connection, shard: int) -> dict[tuple[str, str], int]:
    """By city and alert rule of a shard: the revision that all history was judged by.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading what is judged"):
        rows = await connection.fetch(queries("alerts")["judged"], shard)
    return {(row["city"], row["alert"]): row["revision"] for row in rows}


async def mark_judged(connection: Connection, city: str, alert: str, revision: int | None) -> None:
    """Note by which revision all history of a city was judged; None: by none any more.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("noting what is judged"):
        if revision is None:
            await connection.execute(queries("alerts")["unmark_judged"], city, alert)
        else:
            await connection.execute(queries("alerts")["mark_judged"], city, alert, revision)


async def read_active_zones(connection: Connection, city: str, alert: str) -> list[str]:
    """Zones of a city in which an alert lasts; '' is the city.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading active alerts"):
        rows = await connection.fetch(queries("alerts")["active_zones"], city, alert)
    return [row["zone"] for row in rows]


async def read_zones_of(connection: Connection, city: str, rule: str) -> list[str]:
    """Zones of which a rule's indicator ever said anything; '' is the city.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the zones of {rule}"):
        rows = await connection.fetch(queries("alerts")["zones_of"], city, rule)
    return [row["zone"] for row in rows]


async def lock_known(
    connection: Connection, places: Sequence[tuple[Place, int]]
) -> dict[Place, list[KnownAlert]]:
    """Alerts in some places that were not cleared before a time of each, locked.

    Raises:
        StoreUnavailable: the server is away.
    """
    columns = [[place[at] for place, _ in places] for at in range(3)]
    with translated("reading alerts"):
        rows = await connection.fetch(
            queries("alerts")["known"], *columns, [from_us(begin) for _, begin in places]
        )
    found: dict[Place, list[KnownAlert]] = defaultdict(list)
    for row in rows:
        found[row["city"], row["alert"], row["zone"]].append(_known(row))
    return found


def _known(row: Any) -> KnownAlert:
    return KnownAlert(
        row["id"],
        to_us(row["since"]),
        to_us(row["raised_by"]),
        None if row["until"] is None else to_us(row["until"]),
        None if row["cleared_by"] is None else to_us(row["cleared_by"]),
        row["peak"],
        to_us(row["peak_at"]),
    )


async def read_final_windows(
    connection: Connection, places: Sequence[tuple[str, str, str, int]], limit: int
) -> list[list[FinalWindow]]:
    """For each city, rule, zone and begin: the first `limit` final windows from there on.

    Raises:
        StoreUnavailable: the server is away.
    """
    columns: list[list[Any]] = [list(column) for column in zip(*places, strict=True)]
    columns[3] = [from_us(begin) for begin in columns[3]]
    with translated("reading final windows"):
        rows = await connection.fetch(queries("alerts")["windows"], *columns, limit)
    found: list[list[FinalWindow]] = [[] for _ in places]
    for row in rows:
        window = FinalWindow(to_us(row["window_begin"]), to_us(row["window_end"]), row["value"])
        found[row["place"] - 1].append(window)
    return found


async def write_alert(
    connection: Connection,
    key: int | None,
    row: AlertRow | None,
    at: datetime,
    change_number: int,
) -> Row:
    """Raise an alert (no key), change it, or withdraw it (no row); as it stands then.

    With `rule_body`, what its alert rule says.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("alerts")
    with translated("writing an alert"):
        if row is None:
            found: Any = await connection.fetchrow(sql["withdraw"], key, at, change_number)
        elif key is None:
            found = await connection.fetchrow(sql["raise"], *row, at, change_number)
        else:
            said = row[2], row[5], *row[6:]
            found = await connection.fetchrow(sql["change"], key, *said, at, change_number)
    return dict(found)


async def note_event(
    connection: Connection, alert: Row, kind: str, at: datetime, change_number: int | None
) -> None:
    """Write down what happened to an alert, as it stands after that.

    Raises:
        StoreUnavailable: the server is away.
    """
    acknowledged = kind == "acknowledged"
    with translated("noting what happened to an alert"):
        await connection.execute(
            queries("alerts")["note"],
            alert["id"],
            alert["events"],
            alert["city"],
            at,
            kind,
            alert["since"],
            alert["until"],
            alert["peak"],
            alert["acknowledged_by"] if acknowledged else None,
            alert["comment"] if acknowledged else None,
            change_number,
        )


async def lock_untold(connection: Connection, shard: int) -> list[Row]:
    """Acknowledgements in a shard's cities that have no change number yet, locked.

    Each is its alert's row with `rule_body`, `number` and `at` of the event.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("reading acknowledgements"):
        rows: Any = await connection.fetch(queries("alerts")["untold"], shard)
    return [dict(row) for row in rows]


async def mark_told(connection: Connection, alert: int, number: int, change_number: int) -> None:
    """Give an acknowledgement its change number.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("telling of an acknowledgement"):
        await connection.execute(queries("alerts")["told"], alert, number, change_number)
