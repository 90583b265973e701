"""The inverse of `cityvitals.wire.cbor`: what packs of readings need, in as few bytes; pure."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

_UINT, _NEGATIVE, _TEXT, _ARRAY, _MAP = 0, 1, 3, 4, 5
_DIRECT: Final = 24


def write(given: Any) -> bytes:
    """The bytes that hold a whole number, float, text, array or map; `cbor.parse` gives it back."""
    match given:
        case int():
            return _head(_UINT, given) if given >= 0 else _head(_NEGATIVE, -1 - given)
        case float():
            return b"\xfb" + struct.pack(">d", given)
        case str():
            text = given.encode()
            return _head(_TEXT, len(text)) + text
        case Mapping():
            parts = [write(part) for pair in given.items() for part in pair]
            return _head(_MAP, len(given)) + b"".join(parts)
        case Sequence():
            return _head(_ARRAY, len(given)) + b"".join(map(write, given))
    msg = f"{type(given).__name__} is not written as CBOR here"
    raise ValueError(msg)


def _head(major: int, argument: int) -> bytes:
    if argument < _DIRECT:
        return bytes([major << 5 | argument])
    width = next(width for width in range(4) if argument < 1 << (8 << width))
    return bytes([major << 5 | _DIRECT + width]) + argument.to_bytes(1 << width, "big")
