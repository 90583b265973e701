"""SenML in JSON (RFC 8428, section 5): both ways, pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from cityvitals.wire import json_text, senml
from cityvitals.wire.format import Format
from cityvitals.wire.pack import Reading


def encode(readings: Iterable[Reading]) -> bytes:
    """The pack that holds readings."""
    return msgspec.json.encode(senml.write(readings))


FORMAT: Final = Format(
    "senml_json", json_text.parse, senml.claims, senml.read, encode, senml.SAMPLES
)
