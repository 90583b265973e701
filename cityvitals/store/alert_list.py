"""Alerts as the API reads and acknowledges them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.errors import NotFound
from cityvitals.store.alerts import note_event
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.registry_file import ADMIN_LANE
from cityvitals.store.sql import queries
from cityvitals.store.tail import append_entry, wake
from cityvitals.store.tokens import Token, write_audit
from cityvitals.store.views import Row

FIRST_PAGE: Final = 2**62
"""Before this id lies every alert."""


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts of a city; None for all.

    Attributes:
        zone: '' is the city itself.
        alert: id of an alert rule.
        before: ids below this.
    """

    city: str
    states: Sequence[str] | None = None
    acknowledged: bool | None = None
    severities: Sequence[str] | None = None
    zone: str | None = None
    alert: str | None = None
    before: int = FIRST_PAGE
    limit: int = 1000


async def list_alerts(connection: Connection, query: AlertQuery) -> Sequence[Row]:
    """Alerts, the newest first, each with the `rule_body` of its alert rule.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the alerts of {query.city}"):
        found: Any = await connection.fetch(
            queries("alerts")["list"],
            query.city,
            query.states,
            query.acknowledged,
            query.severities,
            query.zone,
            query.alert,
            query.before,
            query.limit,
        )
    rows: Sequence[Row] = found
    return rows


async def find_newest_alert_change(connection: Connection, city: str) -> int | None:
    """The number of the newest change of any alert of a city; None before the first.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading how far the alerts of {city} have come"):
        number: int | None = await connection.fetchval(queries("alerts")["newest_change"], city)
    return number


async def list_newest_alerts(connection: Connection, city: str) -> Sequence[Row]:
    """Of each alert rule and zone the alert that lasts, else the newest; as `list_alerts` has it.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the newest alerts of {city}"):
        found: Any = await connection.fetch(queries("alerts")["newest"], city)
    rows: Sequence[Row] = found
    return rows


async def find_alert(connection: Connection, city: str, alert: int) -> Row:
    """One alert, as `list_alerts` has it.

    Raises:
        NotFound: the city has no such alert.
        StoreUnavailable: the server is away.
    """
    with translated(f"reading alert {alert}"):
        found: Any = await connection.fetchrow(queries("alerts")["find"], city, alert)
    if found is None:
        raise NotFound(f"there is no alert {alert} in city {city!r}")
    row: Row = found
    return row


async def list_alert_events(connection: Connection, alert: int) -> Sequence[Row]:
    """What happened to an alert, in order.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading what happened to alert {alert}"):
        found: Any = await connection.fetch(queries("alerts")["events"], alert)
    rows: Sequence[Row] = found
    return rows


async def acknowledge_alert(
    connection: Connection, token: Token, city: str, alert: int, comment: str
) -> Row:
    """Take note of an alert; where somebody has already, nothing changes. As it stands then.

    It is logged in lane `admin`, so that the owner of the city's shard tells of it.

    Args:
        connection: outside a transaction.
        token: who does.
        city: whose; it is known.
        alert: its id.
        comment: what they say; may be empty.

    Raises:
        NotFound: the city has no such alert.
        StoreConflict: another transaction was in the way.
        StoreUnavailable: the server is away.
    """
    sql = queries("alerts")
    with translated(f"acknowledging alert {alert}"):
        async with connection.transaction():
            # As with everything in lane `admin`: one after the other.
            await connection.execute(queries("registry")["lock"])
            row = await connection.fetchrow(sql["acknowledge"], city, alert, token.name, comment)
            if row is not None:
                changed = dict(row)
                await note_event(
                    connection, changed, "acknowledged", changed["acknowledged_at"], None
                )
                body = encode_json({"city": city, "alert": alert})
                shard = shard_of(city)
                await append_entry(connection, shard, ADMIN_LANE, LogKind.ALERTS, body)
                await wake(connection)
                said = {"alert": alert, "comment": comment}
                await write_audit(connection, token, city, "acknowledge_alert", said)
    return await find_alert(connection, city, alert)
