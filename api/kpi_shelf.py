"""What stands on a city's retained topics: of each indicator its newest window. Pure."""

from typing import NamedTuple

import msgspec

from api.event import Event
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


_decode = msgspec.json.Decoder(_Shown).decode
_decode_list = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_DATA = b"\ndata: "


class Shelf:
    """What of a city has still to be published; a later value takes the place of one that waits.

    Bounded: one message for each indicator of the city.
    """

    def __init__(self, city: str) -> None:
        self._city = city
        self._newest: dict[tuple[str, str], str] = {}
        self._waiting: dict[tuple[str, str], bytes] = {}

    def put(self, event: Event) -> None:
        """Take an event of the city's stream; what is no indicator, or of a passed window, goes."""
        if event.kind == "snapshot":
            for item in _decode_items(_decode_list(data_of(event))["items"]):
                self._put(bytes(item))
        elif event.window is not None:
            self._put(data_of(event))

    def take(self) -> list[Post]:
        """Everything that waits."""
        found = [
            Post(topic.format(topic.Kpi(self._city, zone, rule)), body)
            for (rule, zone), body in self._waiting.items()
        ]
        self._waiting.clear()
        return found

    def _put(self, body: bytes) -> None:
        shown = _decode(body)
        key = (shown.rule, shown.zone or "")
        # Windows begin at quarter hours, so their texts are of one form and order as times do.
        if shown.window_begin >= self._newest.get(key, ""):
            self._newest[key] = shown.window_begin
            self._waiting[key] = body


def data_of(event: Event) -> bytes:
    """The body of an event, which stands on one line."""
    return event.wire[event.wire.index(_DATA) + len(_DATA) :].rstrip(b"\n")
