"""A message of readings in whichever format its bytes are: pure and total.

MQTT 3.1.1 has no content type, and gateways are configured once and forgotten, so a format is told
by the shape of the bytes, in this order:

1. own JSON that fits as it stands, by its typed decoder: nearly all messages, at no further cost;
2. CBOR, where the first byte begins no JSON text; otherwise JSON of any shape, parsed once;
3. the formats of that notation are asked which claims the message, own JSON first;
4. nobody does: own JSON says, reading by reading, what is wrong.

A format is one file in `cityvitals.wire.formats` with a FORMAT; putting it there is enough.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload
from cityvitals.wire import cbor, formats, json_text
from cityvitals.wire.format import Format
from cityvitals.wire.formats import own_json
from cityvitals.wire.pack import Pack


def _found() -> Iterator[Format]:
    for module in iter_modules(formats.__path__, f"{formats.__name__}."):
        found: Format = import_module(module.name).FORMAT
        yield found


FORMATS: Final = {one.name: one for one in _found()}
"""Every format, by name."""

_JSON: Final = sorted(
    (one for one in FORMATS.values() if one.parse is json_text.parse),
    key=lambda one: one.name != own_json.FORMAT.name,
)
_CBOR: Final = [one for one in FORMATS.values() if one.parse is cbor.parse]
_ASCII: Final = 128


def decode(payload: bytes) -> Pack:
    """The readings of a message.

    Raises:
        MalformedPayload: the whole message cannot be decoded.
    """
    pack = own_json.decode_typed(payload)
    return _decode_any(payload) if pack is None else pack


def _decode_any(payload: bytes) -> Pack:
    if payload and payload[0] >= _ASCII:
        message = cbor.parse(payload)
        for one in _CBOR:
            if one.claims(message):
                return one.read(message)
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, "CBOR, but no pack of SenML")
    message = json_text.parse(payload)
    for one in _JSON:
        if one.claims(message):
            return one.read(message)
    return own_json.read(message)
