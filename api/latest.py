"""The latest indicators of a city, encoded once for each change of the city.

An answer costs one number read from the database, shared with everybody who asks at the same time;
where the number moved, rows are read of which anything was said since, and encoded.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from api.answers import etag_of
from api.coalesce import Coalesced
from api.database import Database
from api.listing import encode_list
from api.rulebook import RuleBook
from cityvitals.errors import NotFound
from cityvitals.store.alert_list import find_newest_alert_change, list_newest_alerts
from cityvitals.store.pool import Connection
from cityvitals.store.views import Latest, Row, find_change_number, find_latest
from kpi_rules.alerts.present import present_alert

_CITIES: Final = 64
_encode = msgspec.json.Encoder().encode


class Item(NamedTuple):
    """One indicator, encoded, with what lists are filtered by."""

    rule: str
    zone: str
    domain: str
    body: bytes


class AlertItem(NamedTuple):
    """The newest alert of an alert rule in a zone, encoded; `rule` is its indicator's."""

    rule: str
    zone: str
    severity: str
    state: str
    body: bytes


class Alerts(NamedTuple):
    """The newest alerts of a city as of `number`, the newest change of any."""

    number: int | None
    items: Sequence[AlertItem]


class Snapshot(NamedTuple):
    """All latest indicators of a city as of its change `number`; `body` is the whole list.

    Attributes:
        alerts: of each alert rule and zone the one that lasts, else the newest; perhaps of a later
            number.
    """

    number: int
    items: Sequence[Item]
    body: bytes
    etag: str
    head: Mapping[str, str]
    alerts: Sequence[AlertItem] = ()


class LatestCache:
    """Snapshots of the cities asked for last.

    Bounded: the 64 cities asked for last; the others are read anew.
    """

    def __init__(self, database: Database, rules: RuleBook) -> None:
        self._database = database
        self._rules = rules
        self._shared = Coalesced(self._read)
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._encoded: dict[str, dict[tuple[str, str], Item]] = {}
        self._alerts: dict[str, Alerts] = {}

    async def get(self, city: str) -> Snapshot:
        """The latest indicators of a city, no older than this call.

        Raises:
            NotFound: there is no such city.
            StoreUnavailable: the database is away.
        """
        return await self._shared.get(city)

    async def close(self) -> None:
        """Cancel reads that still run."""
        await self._shared.close()

    async def _read(self, city: str) -> Snapshot:
        async with self._database.connection() as connection:
            number = await find_change_number(connection, city)
            known = self._snapshots.get(city)
            if known is not None and known.number == number:
                self._snapshots.move_to_end(city)
                return known
            items = self._encoded.get(city, {})
            since = known.number if known is not None and items else -1
            latest = await find_latest(connection, city, since)
            if latest is not None and since >= 0 and not _go_on(items, since, latest):
                items, latest = {}, await find_latest(connection, city)
            if latest is None:
                self._forget(city)
                raise NotFound(f"there is no city {city!r}")
            await self._rules.learn(connection, latest.rows)
            alerts = await self._read_alerts(connection, city)
        return self._remember(city, latest, alerts, items)

    async def _read_alerts(self, connection: Connection, city: str) -> Alerts:
        """The newest alerts: they change seldom, so they are read where they did."""
        number = await find_newest_alert_change(connection, city)
        known = self._alerts.get(city)
        if known is None or known.number != number:
            rows = await list_newest_alerts(connection, city)
            known = Alerts(number, tuple(_alert_item(row) for row in rows))
        return known

    def _remember(
        self, city: str, latest: Latest, alerts: Alerts, items: dict[tuple[str, str], Item]
    ) -> Snapshot:
        """Make a snapshot of what was known before, and of what was read."""
        items.update(((row["zone"], row["rule"]), self._item(row)) for row in latest.rows)
        head = {"city": city, "time_zone": latest.time_zone}
        body = encode_list((item.body for item in items.values()), head=head)
        told = tuple(items.values())
        snapshot = Snapshot(latest.number, told, body, etag_of(body), head, alerts.items)
        self._alerts[city] = alerts
        self._encoded[city] = items
        self._snapshots[city] = snapshot
        self._snapshots.move_to_end(city)
        if len(self._snapshots) > _CITIES:
            self._forget(next(iter(self._snapshots)))
        return snapshot

    def _forget(self, city: str) -> None:
        self._snapshots.pop(city, None)
        self._encoded.pop(city, None)
        self._alerts.pop(city, None)

    def _item(self, row: Row) -> Item:
        body = self._rules.body_of(row)
        return Item(row["rule"], row["zone"], str(body["domain"]), _encode(self._rules.show(row)))


def _go_on(items: Mapping[tuple[str, str], Item], since: int, latest: Latest) -> bool:
    """Whether what was read has its place among what is known, and the numbers go on."""
    return latest.number >= since and all(
        (row["zone"], row["rule"]) in items for row in latest.rows
    )


def _alert_item(row: Row) -> AlertItem:
    body = _encode(present_alert(row["rule_body"], row))
    return AlertItem(row["rule"], row["zone"], row["severity"], row["state"], body)
