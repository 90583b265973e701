"""ThingsBoard's telemetry of a gateway: `{"Device A": [{"ts": ms, "values": {...}}, ...], ...}`."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import msgspec

from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload
from cityvitals.wire import json_text
from cityvitals.wire.format import Format
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.rows import Rows, short_text
from cityvitals.wire.telemetry_values import add_entry, entry_of, is_plain, is_timed


def claims(message: Any) -> bool:
    """Whether any device has an entry with `values`, or all have plain key/value."""
    if not isinstance(message, dict):
        return False
    lists = [entries for entries in message.values() if isinstance(entries, list)]
    if any(map(is_timed, (entry for entries in lists for entry in entries))):
        return True
    return len(lists) == len(message) and any(lists) and all(map(_all_plain, lists))


def read(message: dict[str, Any]) -> Pack:
    """The readings of a claimed message."""
    rows = Rows()
    for device, entries in message.items():
        try:
            short_text(device, "the device")
            if not isinstance(entries, list):
                raise MalformedPayload(  # noqa: TRY301 - a reading of its own
                    Reason.UNKNOWN_SCHEMA, f"{type(entries).__name__} is no array of entries"
                )
        except MalformedPayload as error:
            rows.reject(error)
            continue
        for entry in entries:
            add_entry(rows, entry, device)
    return rows.done()


def encode(readings: Iterable[Reading]) -> bytes:
    """The message that holds readings, grouped by device as they stand.

    Raises:
        ValueError: a reading names no device, or a device's readings do not stand together.
    """
    message: dict[str, list[dict[str, Any]]] = {}
    for device, group in groupby(readings, lambda reading: reading.device):
        if not device or device in message:
            msg = f"ThingsBoard's gateway telemetry groups readings by device: {device!r}"
            raise ValueError(msg)
        message[device] = [entry_of(reading) for reading in group]
    return msgspec.json.encode(message)


def _all_plain(entries: list[Any]) -> bool:
    return all(map(is_plain, entries))


FORMAT: Final = Format(
    "thingsboard_gateway",
    json_text.parse,
    claims,
    read,
    encode,
    (
        Reading(1_795_428_900_000_000, "no2", 23.4, device="roof-3"),
        Reading(1_795_428_960_000_000, "no2", -1.5, ch="b", device="roof-3"),
        Reading(1_795_428_900_123_000, "air_temperature", 4.1, device="roof-4"),
    ),
)
