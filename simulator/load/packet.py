"""As much of MQTT 5 as publishing takes, as bytes: pure."""

from collections.abc import Iterator
from typing import Final

_CONNECT: Final = 0x10
_CONNACK: Final = 0x20
_PUBLISH_QOS1: Final = 0x32
_PUBACK: Final = 0x40
_DISCONNECT: Final = 0xE0
_RECEIVE_MAXIMUM: Final = 0x21
_SIZES: Final = {
    0x11: 4,
    0x13: 2,
    0x22: 2,
    0x24: 1,
    0x25: 1,
    0x27: 4,
    0x28: 1,
    0x29: 1,
    0x2A: 1,
}
"""Bytes of the properties that brokers put before their Receive Maximum."""
_SEVEN_BITS: Final = 0x7F
_ANY_NUMBER: Final = 65_535
_KEEPALIVE_S: Final = 3600
"""No pings are sent: whoever is silent for longer is connected anew. rumqttd refuses 0."""
_CLEAN_START, _HAS_PASSWORD, _HAS_USERNAME = 0x02, 0x40, 0x80

DISCONNECT: Final = b"\xe0\x00"


class ProtocolError(Exception):
    """The broker sends what has no place here; carries what."""


def connect_packet(
    client_id: str, username: str | None = None, password: str | None = None
) -> bytes:
    """A CONNECT for a clean session."""
    flags = _CLEAN_START
    texts = [client_id]
    if username is not None:
        flags |= _HAS_USERNAME
        texts.append(username)
    if password is not None:
        flags |= _HAS_PASSWORD
        texts.append(password)
    body = b"\x00\x04MQTT\x05" + bytes([flags]) + _KEEPALIVE_S.to_bytes(2) + b"\x00"
    body += b"".join(_text(one) for one in texts)
    return bytes([_CONNECT]) + _length(len(body)) + body


def publish_packet(topic: str, payload: bytes, mid: int, *, retain: bool = False) -> bytes:
    """A PUBLISH of QoS 1."""
    body = _text(topic) + mid.to_bytes(2) + b"\x00" + payload
    return bytes([_PUBLISH_QOS1 | retain]) + _length(len(body)) + body


def packets(data: bytes) -> Iterator[bytes]:
    """The whole packets at the begin of what was received; what is left over is yours to keep.

    Raises:
        ProtocolError: a packet is longer than any that a publisher is sent.
    """
    at = 0
    while at + 2 <= len(data):
        size = data[at + 1]
        if size > _SEVEN_BITS:  # a length of several bytes: CONNACK with long properties
            if at + 3 > len(data):
                return
            if data[at + 2] > _SEVEN_BITS:
                raise ProtocolError(f"a packet of type {data[at] >> 4} of over 16 KiB")
            size = (size & _SEVEN_BITS) + (data[at + 2] << 7) + 1
        end = at + 2 + size
        if end > len(data):
            return
        yield data[at:end]
        at = end


def read_connack(packet: bytes) -> tuple[int, int]:
    """Reason code and Receive Maximum of a CONNACK.

    Raises:
        ProtocolError: it is none.
    """
    begin = 2 + (packet[1] > _SEVEN_BITS)
    if packet[0] != _CONNACK or len(packet) < begin + 2:
        raise ProtocolError(f"instead of CONNACK: {packet[:16].hex()}")
    start = begin + 3 if packet[begin + 2 : begin + 3] < b"\x80" else begin + 4
    return packet[begin + 1], _receive_maximum(packet[start:])


def read_puback(packet: bytes) -> tuple[int, int]:
    """Packet id and reason code of a PUBACK.

    Raises:
        ProtocolError: it is none.
    """
    if packet[0] == _DISCONNECT:
        raise ProtocolError(f"the broker disconnects: {packet[2:3].hex() or '00'}")
    if packet[0] != _PUBACK:
        raise ProtocolError(f"instead of PUBACK a packet of type {packet[0] >> 4}")
    return (packet[2] << 8) | packet[3], packet[4] if packet[1] > 2 else 0  # noqa: PLR2004 (with a reason)


def _receive_maximum(properties: bytes) -> int:
    at = 0
    while at < len(properties):
        if properties[at] == _RECEIVE_MAXIMUM:
            return int.from_bytes(properties[at + 1 : at + 3])
        size = _SIZES.get(properties[at])
        if size is None:  # a text: length and bytes
            size = 2 + int.from_bytes(properties[at + 1 : at + 3])
        at += 1 + size
    return _ANY_NUMBER


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2) + encoded


def _length(size: int) -> bytes:
    """A variable byte integer."""
    made = bytearray()
    while True:
        size, low = divmod(size, 128)
        made.append(low | (0x80 if size else 0))
        if not size:
            return bytes(made)
