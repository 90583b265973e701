"""Writing down what became of alerts: their rows, what happened, and numbered changes."""

from typing import Final

import msgspec

from aggregator.alerting.course import Episode
from aggregator.alerting.review import Event, Verdict
from aggregator.outputs import Outputs
from cityvitals.domain.times import from_us
from cityvitals.store import alerts as store
from cityvitals.store.alerts import AlertRow, Place
from cityvitals.store.pool import Connection
from cityvitals.store.views import Row
from kpi_rules.alerts.model import AlertRule
from kpi_rules.alerts.present import present_alert

KIND: Final = "alert"
"""Of changes."""
_encode = msgspec.json.Encoder().encode


class Clerk:
    """Writes in one transaction, at one moment.

    Args:
        connection: in the transaction.
        out: what else is committed; takes the changes.
        numbers: each city's last change number; is moved on.
        now_us: the moment.
    """

    def __init__(
        self, connection: Connection, out: Outputs, numbers: dict[str, int], now_us: int
    ) -> None:
        self.connection = connection
        self._out = out
        self._numbers = numbers
        self._now, self._now_us = from_us(now_us), now_us

    async def write(self, place: Place, rule: AlertRule, verdict: Verdict) -> None:
        """Write what became of an alert.

        Raises:
            StoreUnavailable: the server is away.
        """
        row = None if verdict.episode is None else _row(place, rule, verdict.episode)
        number = self._next(place[0])
        found = await store.write_alert(self.connection, verdict.id, row, self._now, number)
        await store.note_event(self.connection, found, verdict.event, self._now, number)
        self._tell(found, verdict.event, number)

    async def withdraw(self, alert: int, city: str) -> None:
        """Withdraw an alert that nobody watches for any more.

        Raises:
            StoreUnavailable: the server is away.
        """
        number = self._next(city)
        found = await store.write_alert(self.connection, alert, None, self._now, number)
        await store.note_event(self.connection, found, Event.WITHDRAWN, self._now, number)
        self._tell(found, Event.WITHDRAWN, number)

    async def tell_acknowledged(self, shard: int) -> None:
        """Tell of acknowledgements that nobody was told of.

        Raises:
            StoreUnavailable: the server is away.
        """
        for row in await store.lock_untold(self.connection, shard):
            number = self._next(row["city"])
            await store.mark_told(self.connection, row["id"], row["number"], number)
            self._tell(row, Event.ACKNOWLEDGED, number)

    def _next(self, city: str) -> int:
        number = self._numbers.get(city, 0) + 1
        self._numbers[city] = self._out.numbers[city] = number
        return number

    def _tell(self, row: Row, event: Event, number: int) -> None:
        body = {"event": event, **present_alert(row["rule_body"], row)}
        self._out.tell(row["city"], number, self._now_us, KIND, _encode(body))


def _row(place: Place, rule: AlertRule, episode: Episode) -> AlertRow:
    city, _, zone = place
    return AlertRow(
        city=city,
        alert=rule.id,
        alert_revision=rule.revision,
        rule=rule.rule,
        zone=zone,
        severity=rule.severity,
        since=from_us(episode.since),
        raised_by=from_us(episode.raised_by),
        until=None if episode.until is None else from_us(episode.until),
        cleared_by=None if episode.cleared_by is None else from_us(episode.cleared_by),
        peak=episode.peak,
        peak_at=from_us(episode.peak_at),
    )
