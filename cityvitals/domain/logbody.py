"""Bodies of commit-log entries: bytes that start with a format byte, both ways, pure.

Format 1 is packed arrays (readings, revisions), format 2 is JSON text (everything rare).
"""

import json
import struct
from typing import Any, Final, NamedTuple

import numpy as np

from cityvitals.domain.arrays import LOG_READING, LOG_REVISION, LOG_SEEN, Records

PACKED: Final = 1
JSON: Final = 2
_HEADER: Final = struct.Struct("<B3xI")


class LogReadings(NamedTuple):
    """A decoded `readings` entry: gateways seen (LOG_SEEN), then new readings (LOG_READING)."""

    seen: Records
    readings: Records


def _open(body: bytes, expected: int) -> int:
    """The number of leading records; raises ValueError on another format byte."""
    if not body or body[0] != expected:
        msg = f"log body has format {body[0] if body else None}, expected {expected}"
        raise ValueError(msg)
    return int(_HEADER.unpack_from(body)[1])


def encode_readings(seen: Records, readings: Records) -> bytes:
    """The body of a `readings` entry."""
    return _HEADER.pack(PACKED, len(seen)) + seen.tobytes() + readings.tobytes()


def decode_readings(body: bytes) -> LogReadings:
    """The inverse of `encode_readings`; the arrays are views on `body`."""
    gateways = _open(body, PACKED)
    seen = np.frombuffer(body, LOG_SEEN, gateways, _HEADER.size)
    start = _HEADER.size + gateways * LOG_SEEN.itemsize
    return LogReadings(seen, np.frombuffer(body, LOG_READING, -1, start))


def encode_revisions(revisions: Records) -> bytes:
    """The body of a `revisions` entry (LOG_REVISION)."""
    return _HEADER.pack(PACKED, len(revisions)) + revisions.tobytes()


def decode_revisions(body: bytes) -> Records:
    """The inverse of `encode_revisions`."""
    return np.frombuffer(body, LOG_REVISION, _open(body, PACKED), _HEADER.size)


def encode_json(facts: dict[str, Any]) -> bytes:
    """The body of an entry of any other kind."""
    return bytes([JSON]) + json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()


def decode_json(body: bytes) -> dict[str, Any]:
    """The inverse of `encode_json`."""
    if not body or body[0] != JSON:
        msg = f"log body has format {body[0] if body else None}, expected {JSON}"
        raise ValueError(msg)
    decoded: dict[str, Any] = json.loads(body[1:])
    return decoded
