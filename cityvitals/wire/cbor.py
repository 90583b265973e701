"""CBOR (RFC 8949) as far as packs of readings need it, strictly; both ways, pure.

Read are whole numbers, floats of all three widths, text, bytes, arrays, maps with whole numbers or
text as keys, the definite and the indefinite way, false, true, null and undefined. A tag is skipped
and what it marks stands for itself (a big number stays bytes, and so is no number to anyone), but
for decimal fractions (tag 4), which SenML allows as numbers. Refused are two values of one key,
other simple values, bytes after the end, and more than `DEEPEST` levels. A length is believed only
as far as there are bytes, so that nothing is set aside for elements that never come.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload

DEEPEST: Final = 16

_SIMPLE: Final = {20: False, 21: True, 22: None, 23: None}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_INDEFINITE, _DIRECT = 31, 24
_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_DECIMAL_FRACTION: Final = 4
_BREAK: Final = object()


def parse(payload: bytes) -> Any:
    """The one value that bytes hold.

    Raises:
        MalformedPayload: `undecodable`.
    """
    reader = _Reader(payload)
    try:
        found = reader.value(0)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise _wrong("it ends early, or text is not UTF-8") from None
    if found is _BREAK or reader.at != len(payload):
        raise _wrong(f"it ends at byte {reader.at} of {len(payload)}")
    return found


def write(given: Any) -> bytes:
    """The bytes that hold a whole number, float, text, array or map; `parse` gives it back."""
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


class _Reader:
    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.at = 0

    def value(self, depth: int) -> Any:
        """The next value, or _BREAK; IndexError where the bytes end."""
        first = self._payload[self.at]
        self.at += 1
        major, argument = first >> 5, first & 31
        if major > _TAG:
            return self._simple(argument)
        if argument >= _DIRECT:
            argument = self._argument(major, argument)
        if major <= _NEGATIVE:
            return argument if major == _UINT else -1 - argument
        if major <= _TEXT:
            text = self._bytes(argument) if argument >= 0 else self._chunks(major)
            return text.decode() if major == _TEXT else text
        if depth >= DEEPEST:
            raise _wrong(f"more than {DEEPEST} levels at byte {self.at}")
        if major == _ARRAY:
            return self._array(argument, depth + 1)
        return self._map(argument, depth + 1) if major == _MAP else self._tag(argument, depth + 1)

    def _argument(self, major: int, short: int) -> int:
        """A head's longer argument; -1 for an indefinite length."""
        if short == _INDEFINITE and major in {_BYTES, _TEXT, _ARRAY, _MAP}:
            return -1
        if short > _DIRECT + 3:
            raise _wrong(f"no such head at byte {self.at - 1}")
        return int.from_bytes(self._bytes(1 << (short - _DIRECT)), "big")

    def _bytes(self, count: int) -> bytes:
        found = self._payload[self.at : self.at + count]
        if len(found) < count:
            raise _wrong(f"it ends early, after byte {self.at}")
        self.at += count
        return found

    def _chunks(self, major: int) -> bytes:
        chunks = []
        while (first := self._payload[self.at]) != 0xFF:  # noqa: PLR2004 - the break
            self.at += 1
            length = first & 31
            if first >> 5 != major or length == _INDEFINITE:
                raise _wrong(f"a chunk of another kind at byte {self.at - 1}")
            chunks.append(
                self._bytes(length if length < _DIRECT else self._argument(major, length))
            )
        self.at += 1
        return b"".join(chunks)

    def _array(self, count: int, depth: int) -> list[Any]:
        found: list[Any] = []
        while len(found) != count:
            one = self.value(depth)
            if one is _BREAK:
                if count < 0:
                    break
                raise _wrong(f"a break out of place at byte {self.at - 1}")
            found.append(one)
        return found

    def _map(self, count: int, depth: int) -> dict[int | str, Any]:
        found: dict[int | str, Any] = {}
        while len(found) != count:
            key = self.value(depth)
            if key is _BREAK and count < 0:
                break
            if isinstance(key, bool) or not isinstance(key, int | str) or key in found:
                raise _wrong(f"a key that is no text or number, or twice, before byte {self.at}")
            found[key] = value = self.value(depth)
            if value is _BREAK:
                raise _wrong(f"a break out of place at byte {self.at - 1}")
        return found

    def _tag(self, tag: int, depth: int) -> Any:
        found = self.value(depth)
        if found is _BREAK:
            raise _wrong(f"a break out of place at byte {self.at - 1}")
        if tag == _DECIMAL_FRACTION:
            match found:
                case [int(exponent), int(mantissa)]:
                    return float(f"{int(mantissa)}e{int(exponent)}")
            raise _wrong(f"no decimal fraction before byte {self.at}")
        return found

    def _simple(self, argument: int) -> Any:
        if argument in _FLOATS:
            code = _FLOATS[argument]
            return struct.unpack(code, self._bytes(struct.calcsize(code)))[0]
        if argument == _INDEFINITE:
            return _BREAK
        if argument not in _SIMPLE:
            raise _wrong(f"no such simple value at byte {self.at - 1}")
        return _SIMPLE[argument]


def _wrong(what: str) -> MalformedPayload:
    return MalformedPayload(Reason.UNDECODABLE, f"not CBOR as taken here: {what}")
