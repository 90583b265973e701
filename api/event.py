"""Live events as they go over the wire, encoded once for all clients. All pure."""

from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from cityvitals.domain.names import State
from cityvitals.store.views import Change

ALERT: Final = "alert"
"""The kind of event that tells what happened to an alert."""


class Window(NamedTuple):
    """Which window of which indicator an event speaks of."""

    rule: str
    zone: str | None
    window_begin: str


class Event(NamedTuple):
    """One event.

    Attributes:
        number: the city's change number; None for what has no place in that sequence.
        window: which window it tells of, where it tells of one.
        is_step: a provisional step, which a later event of its window makes superfluous.
        domain: of the indicator that it tells of.
        place: rule and zone, of what tells of no window but is of a place: alerts.
    """

    number: int | None
    kind: str
    wire: bytes
    window: Window | None = None
    is_step: bool = False
    domain: str = ""
    place: tuple[str, str] | None = None


class _Told(msgspec.Struct):
    """What of a change's body decides how it may be handled."""

    rule: str | None = None
    zone: str | None = None
    window_begin: str | None = None
    window_end: datetime | None = None
    watermark: datetime | None = None
    state: str = ""
    domain: str = ""


_decode: Final = msgspec.json.Decoder(_Told).decode


def encode_event(kind: str, data: str | bytes, number: int | None = None) -> bytes:
    """An event in the format of the HTML standard; its data may have several lines."""
    body = data if isinstance(data, bytes) else data.encode()
    head = b"" if number is None else b"id: %d\n" % number
    lines = b"\ndata: ".join(body.splitlines())
    return b"%sevent: %s\ndata: %s\n\n" % (head, kind.encode(), lines)


def comment(text: str) -> bytes:
    """A comment: it keeps a connection alive and no handler sees it."""
    return b": %s\n\n" % " ".join(text.split()).encode()


def change_event(change: Change) -> Event:
    """The event of a numbered change; its body is passed on as it is."""
    wire = encode_event(change.kind, change.body, change.number)
    try:
        told = _decode(change.body)
    except msgspec.MsgspecError:  # not about an indicator: never merged with anything
        return Event(change.number, change.kind, wire)
    if told.rule is not None and change.kind == ALERT:
        return Event(change.number, ALERT, wire, place=(told.rule, told.zone or ""))
    if told.rule is None or told.window_begin is None:
        return Event(change.number, change.kind, wire)
    window = Window(told.rule, told.zone, told.window_begin)
    is_step = change.kind == "value" and _is_open(told)
    return Event(change.number, change.kind, wire, window, is_step, told.domain)


def _is_open(told: _Told) -> bool:
    """Whether the window still runs: what is said of it now will be said again."""
    if told.state == State.PROVISIONAL:
        return True
    if told.state != State.INSUFFICIENT or told.window_end is None or told.watermark is None:
        return False
    return told.watermark < told.window_end


def position_mark(number: int) -> bytes:
    """An id without an event: a client that is told nothing keeps its place all the same."""
    return b"id: %d\n\n" % number


def database_event(state: str, reason: str = "") -> Event:
    """That the database went `away`, and why, or is `back`."""
    told = {"database": state, "reason": reason}
    return Event(None, "status", encode_event("status", msgspec.json.encode(told)))
