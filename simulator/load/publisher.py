"""A connection that publishes: bytes out, acknowledgements in, and nothing in between.

paho costs a publisher as much as ingest costs the receiver. On the machine that it measures a load
generator must be the cheapest part, so this one sends whole stretches of ready packets at once.
"""

import contextlib
import select
import socket
import ssl
import time
from typing import Final

from cityvitals.errors import SettingsError
from cityvitals.settings import BrokerSettings
from cityvitals.tls import explain, password_of
from simulator.load.packet import (
    AT_LEAST_ONCE,
    DISCONNECT,
    MQTT_3,
    MQTT_5,
    Answer,
    Delivery,
    ProtocolError,
    connect_packet,
    packets,
    pubrel_packet,
    read_answer,
    read_connack,
)
from simulator.session import BrokerAway, BrokerRefused

_CONNECT_S: Final = 5.0
_READ: Final = 1 << 16
_FAILED: Final = 0x80
_CREDENTIALS: Final = {MQTT_5: frozenset({0x86, 0x87}), MQTT_3: frozenset({4, 5})}
_NO_SUBSCRIBER: Final = 0x10
_WINDOW: Final = 500
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Publisher:
    """An open connection.

    Bounded: `window` messages are unacknowledged at most (the smaller of what is asked for and the
    broker's Receive Maximum), far fewer than packet ids exist; who sends looks at `room` first.
    What the socket does not take at once waits in memory, no more than those messages.
    Of QoS 0 nothing is heard: a message counts as acknowledged when the socket has taken all.

    Raises:
        BrokerAway: nobody is there, or it does not answer.
        SettingsError: it does not know the credentials, or the certificates do not fit.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        in_flight: int = _WINDOW,
        tls: ssl.SSLContext | None = None,
        delivery: Delivery = AT_LEAST_ONCE,
    ) -> None:
        self._delivery = delivery
        self.place = f"broker {broker.host}:{broker.port}"
        self.sent = 0
        self.acknowledged = 0
        self.unheard = 0
        """Messages that the broker took while nobody was subscribed to their topic."""
        self._pending = b""
        self._unwritten = bytearray()
        try:
            self._socket = _opened(broker, tls)
        except ssl.SSLError as error:  # a certificate does not mend itself
            raise SettingsError(explain(broker, error)) from None
        except OSError as error:
            raise BrokerAway(f"{self.place}: {error}") from None
        self.window = min(in_flight, self._greeted(broker, client_id))
        self._socket.settimeout(0)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    @property
    def room(self) -> int:
        """Messages that may be sent now."""
        return self.window - (self.sent - self.acknowledged)

    @property
    def wants_write(self) -> bool:
        """Whether the socket has yet to take something."""
        return bool(self._unwritten)

    def send(self, stretch: bytes, count: int) -> None:
        """Send so many whole packets.

        Raises:
            BrokerAway: the connection is lost.
        """
        self.sent += count
        self._unwritten += stretch
        self.flush()

    def flush(self) -> None:
        """Hand the socket what it takes without waiting.

        Raises:
            BrokerAway: the connection is lost.
        """
        try:
            while self._unwritten:
                del self._unwritten[: self._socket.send(self._unwritten)]
        except _BLOCKED:
            return
        except OSError as error:
            raise BrokerAway(f"{self.place}: {error}") from None

    def collect(self, wait_s: float) -> list[int]:
        """Packet ids acknowledged, in order; waits so long for the socket to say or take something.

        Raises:
            BrokerAway: the connection is lost.
            BrokerRefused: the broker will not take a message.
        """
        if wait_s > 0:
            select.select([self], [self] if self._unwritten else [], [], wait_s)
        self.flush()
        mids: list[int] = []
        while received := self._receive():
            mids += self._count(received)
        if not self._delivery.qos and not self._unwritten:
            self.acknowledged = self.sent
        return mids

    def drain(self, seconds: float = 30.0) -> None:
        """Wait until everything is acknowledged.

        Raises:
            BrokerAway: it was not in time, or the connection is lost.
        """
        end_s = time.monotonic() + seconds
        while self.acknowledged < self.sent:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                missing = self.sent - self.acknowledged
                raise BrokerAway(f"{self.place}: {missing} messages are not acknowledged")
            self.collect(left_s)

    def close(self) -> None:
        """Take leave, as far as the socket still lets."""
        with contextlib.suppress(OSError):
            self._socket.send(DISCONNECT)
        self._socket.close()

    def _receive(self) -> bytes:
        try:
            received = self._socket.recv(_READ)
        except _BLOCKED:
            return b""
        except OSError as error:
            raise BrokerAway(f"{self.place}: {error}") from None
        if not received:
            raise BrokerAway(f"{self.place}: closed the connection")
        return received

    def _count(self, received: bytes) -> list[int]:
        data = self._pending + received
        mids, taken = [], 0
        try:
            for packet in packets(data):
                mids += self._take(read_answer(packet))
                taken += len(packet)
        except ProtocolError as error:
            raise BrokerAway(f"{self.place}: {error}") from None
        self._pending = data[taken:]
        self.acknowledged += len(mids)
        return mids

    def _take(self, answer: Answer) -> list[int]:
        """The packet id that is done with by an answer, if one is."""
        if answer.reason >= _FAILED:
            raise BrokerRefused(f"{self.place}: refuses a message: reason {answer.reason:#x}")
        self.unheard += answer.reason == _NO_SUBSCRIBER
        if not answer.again:
            return [answer.mid]
        self._unwritten += pubrel_packet(answer.mid)
        self.flush()
        return []

    def _greeted(self, broker: BrokerSettings, client_id: str) -> int:
        """The broker's Receive Maximum; a connection that it does not want is closed."""
        try:
            return self._shake_hands(broker, client_id)
        except ssl.SSLError as error:  # TLS 1.3 refuses a client's certificate only now
            self._socket.close()
            raise SettingsError(explain(broker, error)) from None
        except (OSError, ProtocolError) as error:
            self._socket.close()
            raise BrokerAway(f"{self.place}: {error}") from None
        except SettingsError:
            self._socket.close()
            raise

    def _shake_hands(self, broker: BrokerSettings, client_id: str) -> int:
        """The broker's Receive Maximum."""
        hello = connect_packet(client_id, broker.username, password_of(broker), self._delivery)
        self._socket.sendall(hello)
        answer, packet = b"", b""
        while not packet:
            received = self._socket.recv(_READ)
            if not received:
                raise ProtocolError("closed the connection instead of CONNACK")
            answer += received
            packet = next(packets(answer), b"")
        reason, receive_maximum = read_connack(packet, self._delivery)
        if reason in _CREDENTIALS[self._delivery.level]:
            raise SettingsError(
                f"broker.username, broker.password: {self.place} says {reason:#x}: not authorised"
            )
        if reason:
            raise ProtocolError(f"refuses the connection: reason {reason:#x}")
        return receive_maximum


def _opened(broker: BrokerSettings, tls: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection((broker.host, broker.port), _CONNECT_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if tls is None:
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname=broker.host)
    except OSError:
        plain.close()
        raise
