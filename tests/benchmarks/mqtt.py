"""As much of MQTT 5 as publishing takes: bytes out, acknowledgements counted.

paho costs a publisher as much as ingest costs the receiver. On the machine that it measures a load
generator must be the cheapest part, so this one sends whole stretches of ready packets at once.
"""

import select
import socket
from typing import Final

_CONNECT: Final = 0x10
_PUBLISH_QOS1: Final = 0x32
_CONNACK: Final = 0x20
_PUBACK: Final = 0x40
_RECEIVE_MAXIMUM: Final = 0x21
_KEEPALIVE_S: Final = 3600
_FAILED: Final = 0x80
_WINDOW: Final = 500


def publish_packet(topic: str, payload: bytes, mid: int, *, retain: bool = False) -> bytes:
    """A PUBLISH of QoS 1."""
    name = topic.encode()
    body = len(name).to_bytes(2) + name + mid.to_bytes(2) + b"\x00" + payload
    return bytes([_PUBLISH_QOS1 | retain]) + _length(len(body)) + body


def _length(size: int) -> bytes:
    """A variable byte integer."""
    made = bytearray()
    while True:
        size, low = divmod(size, 128)
        made.append(low | (0x80 if size else 0))
        if not size:
            return bytes(made)


class Publisher:
    """A connection that publishes.

    Bounded: `window` messages are unacknowledged at most, far fewer than packet ids exist.

    Raises:
        OSError: the broker is away.
    """

    def __init__(self, port: int, client_id: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""
        self.window = _WINDOW
        self.sent = 0
        self.acknowledged = 0
        self._shake_hands(client_id)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    @property
    def room(self) -> int:
        """Messages that may be sent now."""
        return self.window - (self.sent - self.acknowledged)

    def send(self, packets: bytes, count: int) -> None:
        """Send so many whole packets."""
        self._socket.sendall(packets)
        self.sent += count

    def collect(self, wait_s: float) -> None:
        """Count acknowledgements; wait so long for the first."""
        while select.select([self._socket], [], [], wait_s)[0]:
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionError("the broker closed the load's connection")
            self._count(received)
            wait_s = 0.0

    def drain(self, seconds: float = 30.0) -> None:
        """Wait until everything is acknowledged.

        Raises:
            TimeoutError: it was not.
        """
        self._socket.settimeout(seconds)
        while self.acknowledged < self.sent:
            self._count(self._socket.recv(1 << 16) or b"\xe0\x00")

    def close(self) -> None:
        """Take leave."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def _count(self, received: bytes) -> None:
        data = self._pending + received
        at = 0
        while at + 2 <= len(data) and at + 2 + data[at + 1] <= len(data):
            size = data[at + 1]
            if data[at] != _PUBACK:
                raise ConnectionError(f"the broker sent a packet of type {data[at] >> 4}")
            if size > 2 and data[at + 4] >= _FAILED:
                raise ConnectionError(f"the broker refuses a message: {data[at + 4]:#x}")
            self.acknowledged += 1
            at += 2 + size
        self._pending = data[at:]

    def _shake_hands(self, client_id: str) -> None:
        name = client_id.encode()
        body = b"\x00\x04MQTT\x05\x02" + _KEEPALIVE_S.to_bytes(2) + b"\x00"
        body += len(name).to_bytes(2) + name
        self._socket.sendall(bytes([_CONNECT]) + _length(len(body)) + body)
        answer = b""
        while len(answer) < 2 or len(answer) < 2 + answer[1]:
            answer += self._socket.recv(256) or b"\xe0\x00"
        if answer[0] != _CONNACK or answer[3]:
            raise ConnectionError(f"the broker refuses the load's connection: {answer.hex()}")
        self.window = min(self.window, _receive_maximum(answer[5:]))


def _receive_maximum(properties: bytes) -> int:
    """What CONNACK says; its properties begin with this one where mosquitto has a limit."""
    sizes = {0x11: 4, 0x24: 1, 0x25: 1, 0x27: 4, 0x22: 2, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2}
    at = 0
    while at < len(properties):
        if properties[at] == _RECEIVE_MAXIMUM:
            return int.from_bytes(properties[at + 1 : at + 3])
        at += 1 + sizes.get(properties[at], len(properties))
    return 65_535
