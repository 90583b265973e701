"""ThingsBoard's telemetry of one device: an entry, an array of them, or plain key/value."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from cityvitals.wire import json_text
from cityvitals.wire.format import Format
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.rows import Rows
from cityvitals.wire.telemetry_values import add_entry, entry_of, is_plain, is_timed


def claims(message: Any) -> bool:
    """Whether any entry has `values`, or all are plain key/value."""
    entries = message if isinstance(message, list) else [message]
    return any(map(is_timed, entries)) or (bool(entries) and all(map(is_plain, entries)))


def read(message: Any) -> Pack:
    """The readings of a claimed message."""
    rows = Rows()
    for entry in message if isinstance(message, list) else [message]:
        add_entry(rows, entry)
    return rows.done()


def encode(readings: Iterable[Reading]) -> bytes:
    """The message that holds readings; the device is the topic's to say."""
    return msgspec.json.encode([entry_of(reading) for reading in readings])


FORMAT: Final = Format(
    "thingsboard_device",
    json_text.parse,
    claims,
    read,
    encode,
    (
        Reading(1_795_428_900_000_000, "no2", 23.4),
        Reading(1_795_428_900_123_000, "air_temperature", 4.1),
        Reading(1_795_428_960_000_000, "no2", -1.5, ch="b"),
    ),
)
