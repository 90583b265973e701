"""As much of MQTT 5 and 3.1.1 as publishing takes, as bytes: pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_CONNECT: Final = 0x10
_CONNACK: Final = 0x20
_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_PUBREC: Final = 0x50
_PUBREL: Final = 0x62
_PUBCOMP: Final = 0x70
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
MQTT_3: Final = 4
"""Protocol level of MQTT 3.1.1."""
MQTT_5: Final = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """How messages are delivered.

    Attributes:
        qos: 0: sent once, and nothing is heard of it; 1: until acknowledged; 2: until acknowledged,
            and taken once.
        level: protocol level, MQTT_3 or MQTT_5.
    """

    qos: int = 1
    level: int = MQTT_5

    @property
    def mid_before(self) -> int:
        """How far before the payload the packet id stands; QoS 0 has none."""
        return 3 if self.level == MQTT_5 else 2

    @property
    def no_properties(self) -> bytes:
        """What stands where properties may be."""
        return b"\x00" if self.level == MQTT_5 else b""


AT_LEAST_ONCE: Final = Delivery()


class Answer(NamedTuple):
    """What a broker says of a message.

    Attributes:
        again: it wants to be told that it was heard (PUBREC of QoS 2), before it has done.
    """

    mid: int
    reason: int
    again: bool = False


class ProtocolError(Exception):
    """The broker sends what has no place here; carries what."""


def connect_packet(
    client_id: str,
    username: str | None = None,
    password: str | None = None,
    delivery: Delivery = AT_LEAST_ONCE,
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
    body = b"\x00\x04MQTT" + bytes([delivery.level, flags]) + _KEEPALIVE_S.to_bytes(2)
    body += delivery.no_properties
    body += b"".join(_text(one) for one in texts)
    return bytes([_CONNECT]) + _length(len(body)) + body


def publish_packet(
    topic: str,
    payload: bytes,
    mid: int,
    delivery: Delivery = AT_LEAST_ONCE,
    *,
    retain: bool = False,
) -> bytes:
    """A PUBLISH; its packet id is left out where QoS 0 has none."""
    numbered = mid.to_bytes(2) if delivery.qos else b""
    body = _text(topic) + numbered + delivery.no_properties + payload
    return bytes([_PUBLISH | delivery.qos << 1 | retain]) + _length(len(body)) + body


def pubrel_packet(mid: int) -> bytes:
    """A PUBREL: a message of QoS 2 may be passed on."""
    return bytes([_PUBREL, 2]) + mid.to_bytes(2)


def number_packet(packet: bytearray, mid: int) -> None:
    """Write the packet id into a PUBLISH, of QoS 1 or 2, that has room for it."""
    at = _behind_topic(packet)
    packet[at : at + 2] = mid.to_bytes(2)


def payload_of(packet: bytes, delivery: Delivery = AT_LEAST_ONCE) -> bytes:
    """What a PUBLISH carries."""
    mid = 2 if delivery.qos else 0
    return packet[_behind_topic(packet) + mid + len(delivery.no_properties) :]


def _behind_topic(packet: bytes | bytearray) -> int:
    at = 1
    while packet[at] > _SEVEN_BITS:
        at += 1
    return at + 3 + int.from_bytes(packet[at + 1 : at + 3])


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


def read_connack(packet: bytes, delivery: Delivery = AT_LEAST_ONCE) -> tuple[int, int]:
    """Reason code and Receive Maximum of a CONNACK; MQTT 3.1.1 knows no maximum.

    Raises:
        ProtocolError: it is none.
    """
    begin = 2 + (packet[1] > _SEVEN_BITS)
    if packet[0] != _CONNACK or len(packet) < begin + 2:
        raise ProtocolError(f"instead of CONNACK: {packet[:16].hex()}")
    if delivery.level != MQTT_5:
        return packet[begin + 1], _ANY_NUMBER
    start = begin + 3 if packet[begin + 2 : begin + 3] < b"\x80" else begin + 4
    return packet[begin + 1], _receive_maximum(packet[start:])


def read_answer(packet: bytes) -> Answer:
    """What a PUBACK, PUBREC or PUBCOMP says.

    Raises:
        ProtocolError: it is none.
    """
    if packet[0] == _DISCONNECT:
        raise ProtocolError(f"the broker disconnects: {packet[2:3].hex() or '00'}")
    if packet[0] not in {_PUBACK, _PUBREC, _PUBCOMP}:
        raise ProtocolError(f"instead of an acknowledgement a packet of type {packet[0] >> 4}")
    reason = packet[4] if packet[1] > 2 else 0  # noqa: PLR2004 (with a reason)
    return Answer((packet[2] << 8) | packet[3], reason, packet[0] == _PUBREC)


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
