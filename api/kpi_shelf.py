"""What stands on a city's retained topics: newest windows of indicators, newest alerts. Pure."""

from typing import NamedTuple

import msgspec

from api.event import ALERT, Event
from cityvitals.wire import topic


class Post(NamedTuple):
    """A message to be retained."""

    topic: str
    payload: bytes


class _Shown(msgspec.Struct):
    """What of an indicator decides where it stands."""

    rule: str
    zone: str | None
    window_begin: str


class _Alert(msgspec.Struct):
    """What of an alert decides where it stands."""

    id: int
    alert: str
    zone: str | None
    state: str
    since: str


_decode_alert = msgspec.json.Decoder(_Alert).decode
_decode = msgspec.json.Decoder(_Shown).decode
_decode_list = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_DATA = b"\ndata: "


class Shelf:
    """What of a city has still to be published; a later value takes the place of one that waits.

    Bounded: one message for each indicator of the city, and each alert rule and zone.
    """

    def __init__(self, city: str) -> None:
        self._city = city
        self._newest: dict[tuple[str, str], str] = {}
        self._waiting: dict[topic.Topic, bytes] = {}
        self._alerts: dict[topic.Alert, _Alert] = {}

    def put(self, event: Event) -> None:
        """Take an event of the city's stream; what is no indicator, or of a passed window, goes."""
        if event.kind == "snapshot":
            told = _decode_list(data_of(event))
            for item in _decode_items(told["items"]):
                self._put(bytes(item))
            for item in _decode_items(told["alerts"]):
                self._put_alert(bytes(item))
        elif event.kind == ALERT:
            self._put_alert(data_of(event))
        elif event.window is not None:
            self._put(data_of(event))

    def take(self) -> list[Post]:
        """Everything that waits."""
        found = [Post(topic.format(place), body) for place, body in self._waiting.items()]
        self._waiting.clear()
        return found

    def _put(self, body: bytes) -> None:
        shown = _decode(body)
        key = (shown.rule, shown.zone or "")
        # Windows begin at quarter hours, so their texts are of one form and order as times do.
        if shown.window_begin >= self._newest.get(key, ""):
            self._newest[key] = shown.window_begin
            self._waiting[topic.Kpi(self._city, shown.zone or "", shown.rule)] = body

    def _put_alert(self, body: bytes) -> None:
        """Keep the newest; one that lasts stands before those that were found to have been."""
        shown = _decode_alert(body)
        place = topic.Alert(self._city, shown.zone or "", shown.alert)
        held = self._alerts.get(place)
        if held is None or held.id == shown.id or _rank(shown) >= _rank(held):
            self._alerts[place] = shown
            self._waiting[place] = body


def _rank(alert: _Alert) -> tuple[bool, str, int]:
    """As the database orders them: begins are quarter hours, whose texts are in order of time."""
    return alert.state == "active", alert.since, alert.id


def data_of(event: Event) -> bytes:
    """The body of an event, which stands on one line."""
    return event.wire[event.wire.index(_DATA) + len(_DATA) :].rstrip(b"\n")
