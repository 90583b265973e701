"""What ThingsBoard's telemetry formats share: `{"ts": ms, "values": {...}}` and plain key/value.

A key is a quantity, or `quantity.channel`. There is no place for units: the declared one holds.
"""

from typing import Any, Final

from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import EARLIEST_US, LATEST_US
from cityvitals.errors import MalformedPayload
from cityvitals.wire.pack import Reading
from cityvitals.wire.rows import Rows, named, number, refuse, worded

_MS_US: Final = 1000
_TAKEN: Final = frozenset({"t", "q", "v", "n", "bn", "readings", "ts", "values"})
"""Keys that make an object something else than plain key/value: other formats' and ours."""


def is_timed(entry: Any) -> bool:
    """Whether an entry has `values`, and with them a time or nothing."""
    return isinstance(entry, dict) and isinstance(entry.get("values"), dict) and "q" not in entry


def is_plain(entry: Any) -> bool:
    """Whether an entry is a flat object of keys and values that no other format words like that."""
    return (
        isinstance(entry, dict)
        and bool(entry)
        and _TAKEN.isdisjoint(entry)
        and not ("id" in entry and "type" in entry)
        and not any(isinstance(value, dict | list) for value in entry.values())
    )


def add_entry(rows: Rows, entry: Any, device: str = "") -> None:
    """Take the readings of one entry; what is no entry counts as one bad reading."""
    if is_timed(entry):
        values, timed = entry["values"], "ts" in entry
    elif is_plain(entry):
        values, timed = entry, False
    else:
        rows.reject(MalformedPayload(Reason.UNKNOWN_SCHEMA, "no {'ts': ..., 'values': {...}}"))
        return
    for key, value in values.items():
        try:
            t_us = _instant(entry["ts"]) if timed else 0
            quantity, channel = named(key, "key")
            reading = Reading(t_us, quantity, number(value, _shown(key)), "", 0, None, channel)
        except MalformedPayload as error:
            rows.reject(error)
        else:
            rows.add(reading._replace(device=device) if device else reading, relative=not timed)


def entry_of(reading: Reading) -> dict[str, Any]:
    """The entry that holds a reading.

    Raises:
        ValueError: it is timed finer than milliseconds, or says what there are no words for.
    """
    refuse(reading, "ThingsBoard's telemetry", unit=True)
    ms, rest = divmod(reading.t_us, _MS_US)
    if rest:
        msg = f"ThingsBoard's telemetry is timed in milliseconds: {reading}"
        raise ValueError(msg)
    return {"ts": ms, "values": {worded(reading): reading.v}}


def _instant(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise MalformedPayload(Reason.NO_TIME, f"key 'ts' holds {type(given).__name__}")
    if not EARLIEST_US // _MS_US <= given <= LATEST_US // _MS_US:
        raise MalformedPayload(Reason.NO_TIME, "key 'ts' lies outside years 1 to 9999")
    return int(given * _MS_US)


def _shown(key: str) -> str:
    return f"key {key[:40]!a}"
