"""One connection to the broker: paho-mqtt on the event loop's own thread, acks by hand.

paho connects, subscribes, publishes and keeps the connection alive; its hooks for external loops
say when its socket is to be watched. PUBLISH packets and their acknowledgements, nearly all of the
traffic, go past it: see `ingest.packets`.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from cityvitals.errors import Fenced, UnfitServer
from cityvitals.settings import BrokerSettings
from cityvitals.tls import client_context, explain, password_of
from ingest.buffered_socket import BufferedSocket
from ingest.dialing import open_socket
from ingest.packets import Published
from ingest.socket_client import SocketClient

ANSWER_S: Final = 5.0
"""How long the broker may take to answer."""
_MISC_S: Final = 1.0
_MOST_UNANSWERED: Final = 100
"""Messages of ours that the broker has not acknowledged."""
_FAILED: Final = 0x80
"""MQTT reason codes from here on are failures."""
_TAKEN_OVER: Final = 0x8E
_PUBACK: Final = 0x4002
"""Type and length of an acknowledgement without a reason: 0, success."""
_TRY_AGAIN: Final = frozenset({0x88, 0x89, 0x97, 0x9F})
"""Server unavailable, server busy, quota exceeded, connection rate exceeded."""
_T = TypeVar("_T")


class Access(NamedTuple):
    """What connecting takes besides an address, read from files once."""

    context: ssl.SSLContext | None
    password: str | None


def access_to(broker: BrokerSettings) -> Access:
    """What connecting to a broker takes.

    Raises:
        SettingsError: naming the setting and its file, never what is in it.
    """
    return Access(client_context(broker), password_of(broker))


class Link:
    """A connection to the broker, from CONNECT to its end; never used again.

    Args:
        broker: where it is, and who we are.
        client_id: the persistent session's name.
        on_publishes: takes messages in the loop's thread, as many as came at once.
        access: made of `broker` by `access_to`, once for all connections.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        on_publishes: Callable[[Sequence[Published]], None],
        access: Access | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._access = access or access_to(broker)
        self._loop = loop
        self._broker = broker
        self._on_publishes = on_publishes
        self._answered: asyncio.Future[bool] = loop.create_future()
        self._subscribed: asyncio.Future[None] = loop.create_future()
        self._unsubscribed: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._filters: Sequence[str] = ()
        self._is_mqtt5 = broker.protocol == "5"
        self._is_watching = True
        self._unanswered = 0
        self._client = self._make_client(client_id)

    async def connect(self, properties: Properties) -> bool:
        """Connect; whether the broker still had our session.

        Args:
            properties: what MQTT 5 lets us ask for; 3.1.1 has no way to.

        Raises:
            OSError: the broker is away, or did not answer.
            UnfitServer: the broker refuses MQTT 5, us, or shared subscriptions.
        """
        host, port = self._broker.host, self._broker.port
        async with asyncio.timeout(ANSWER_S):
            sock = await self._dial(host, port)
            self._client.ready = BufferedSocket(sock, properties=self._is_mqtt5)
            # MQTT 3.1.1 says by the client's `clean_session` what 5 says by `clean_start`.
            mqtt5: dict[str, Any] = {"clean_start": False, "properties": properties}
            self._client.connect(
                host, port, self._broker.keepalive_seconds, **(mqtt5 if self._is_mqtt5 else {})
            )
            return await self._answer(self._answered)

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe at QoS 1.

        Raises:
            OSError: the connection was lost.
            UnfitServer: the broker refuses a subscription.
        """
        self._filters = filters
        async with asyncio.timeout(ANSWER_S):
            qos: Any = SubscribeOptions(qos=1) if self._is_mqtt5 else 1
            self._client.subscribe([(one, qos) for one in filters])
            await self._answer(self._subscribed)

    async def until_lost(self) -> None:
        """Keep the connection alive until it ends.

        Raises:
            OSError: it was lost.
            Fenced: another process connected with our client id.
        """
        while not self._ended.done():
            await asyncio.wait([self._ended], timeout=_MISC_S)
            self._client.loop_misc()
        self._ended.result()

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of this connection, in order."""
        if not mids or self._client.socket() is None:
            return
        packets = np.empty((len(mids), 2), ">u2")
        packets[:, 0], packets[:, 1] = _PUBACK, mids
        self._client.ready.send(packets.tobytes())
        self._writable()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Publish at QoS 1; False where the connection is lost or too much is still unanswered."""
        if self._client.socket() is None or self._unanswered >= _MOST_UNANSWERED:
            return False
        self._unanswered += 1
        self._client.publish(topic, payload, qos=1)
        self._writable()
        return True

    def watch(self, *, on: bool) -> None:
        """Read from the socket, or leave what comes to the network's own buffers."""
        sock = self._client.socket()
        self._is_watching = on
        if sock is None:
            return
        if on:
            self._loop.add_reader(sock, self._readable)
            self._loop.call_soon(self._readable)
        else:
            self._loop.remove_reader(sock)

    async def leave(self) -> None:
        """Send what is still to be sent, then disconnect; the session stays with the broker."""
        if self._ended.done() or self._client.socket() is None:
            return
        self._client.leave()
        await asyncio.wait([self._ended], timeout=ANSWER_S)

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Get no more messages by these filters; what the session holds still comes.

        The answer comes behind all that the broker sent before: for filters that are gone already,
        this is a round trip.

        Raises:
            OSError: the connection was lost.
            UnfitServer: the broker refuses.
        """
        self._unsubscribed = self._loop.create_future()
        async with asyncio.timeout(ANSWER_S):
            self._client.unsubscribe(list(filters))
            await self._answer(self._unsubscribed)

    async def end_session(self) -> None:
        """Disconnect, and have the broker forget the session and all it holds.

        Only who holds the session at that moment can: somebody who took it over loses nothing.
        MQTT 3.1.1 cannot: the session stays, empty and subscribed to nothing.
        """
        if not self._is_mqtt5:
            await self.leave()
            return
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        self._client.leave(properties=properties)
        await asyncio.wait([self._ended], timeout=ANSWER_S)

    def abandon(self) -> None:
        """Leave nothing of the connection behind."""
        self._client.abandon()
        for future in (self._answered, self._subscribed, self._unsubscribed, self._ended):
            if future.done() and not future.cancelled():
                future.exception()  # looked at, so that nobody warns about it

    async def _dial(self, host: str, port: int) -> socket.socket:
        try:
            return await open_socket(host, port, self._access.context)
        except ssl.SSLError as error:
            raise ConnectionError(explain(self._broker, error)) from error

    def _make_client(self, client_id: str) -> SocketClient:
        client = SocketClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self._is_mqtt5 else False,
            protocol=(
                MQTTProtocolVersion.MQTTv5 if self._is_mqtt5 else MQTTProtocolVersion.MQTTv311
            ),
            manual_ack=True,
        )
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._access.password)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._suback
        client.on_unsubscribe = self._unsuback
        client.on_publish = self._published
        client.on_socket_open = self._opened
        client.on_socket_close = self._closing
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._has_written
        return client

    def _opened(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.add_reader(sock, self._readable)

    def _closing(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)

    def _wants_to_write(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.add_writer(sock, self._writable)

    def _has_written(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _readable(self) -> None:
        """Handle what has come."""
        try:
            self._client.ready.fill()
            self._handle()
        except Exception as error:  # noqa: BLE001 - the loop would log it and go on regardless
            self._end(error)
            return
        if self._is_watching and self._client.socket() and self._client.ready.has_more:
            self._loop.call_soon(self._readable)

    def _handle(self) -> None:
        """Hand on the messages that are all there; other packets are paho's."""
        ready = self._client.ready
        while self._client.socket() is not None:
            found = ready.take_publishes()
            if found:
                self._on_publishes(found)
            if not ready.grant():
                return
            self._client.loop_read()

    def _writable(self) -> None:
        """Send what waits, and the rest when the socket takes more."""
        self._client.loop_write()
        sock = self._client.socket()
        if sock is None:
            return
        try:
            if self._client.ready.flush():
                self._loop.remove_writer(sock)
            else:
                self._loop.add_writer(sock, self._writable)
        except OSError as error:
            self._end(error)

    def _connected(
        self,
        _client: Client,
        _data: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._answered.done():
            return
        if reason.value >= _FAILED:
            self._answered.set_exception(self._refusal(reason))
        elif getattr(properties, "SharedSubscriptionAvailable", 1) == 0:
            self._answered.set_exception(self._unfit("offers no shared subscriptions"))
        else:
            self._answered.set_result(flags.session_present)

    def _published(self, *_: Any) -> None:
        self._unanswered -= 1

    def _suback(
        self,
        _client: Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [
            f"{one} ({reason})"
            for one, reason in zip(self._filters, reasons, strict=False)
            if reason.value >= _FAILED
        ]
        if self._subscribed.done():
            return
        if refused:
            self._subscribed.set_exception(
                self._unfit(f"refuses the subscription {', '.join(refused)}")
            )
        else:
            self._subscribed.set_result(None)

    def _unsuback(
        self,
        _client: Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.value >= _FAILED]
        if self._unsubscribed.done():
            return
        if refused:
            self._unsubscribed.set_exception(self._unfit(f"refuses to unsubscribe us: {refused}"))
        else:
            self._unsubscribed.set_result(None)

    def _disconnected(
        self,
        _client: Client,
        _data: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.value == _TAKEN_OVER:
            self._end(Fenced("another process connected to the broker as this lane"))
        elif reason.value == 0 and not flags.is_disconnect_packet_from_server:
            self._end(None)
        else:
            self._end(ConnectionError(f"connection ended: {reason}"))

    def _end(self, error: Exception | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    async def _answer(self, wanted: "asyncio.Future[_T]") -> _T:
        """What the broker answers, unless the connection ends before."""
        either: list[asyncio.Future[Any]] = [wanted, self._ended]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        self._ended.result()
        raise ConnectionError("connection closed before the broker answered")

    def _refusal(self, reason: ReasonCode) -> Exception:
        if reason.value in _TRY_AGAIN:
            return ConnectionError(f"broker is not ready: {reason}")
        return self._unfit(f"refuses the connection: {reason}")

    def _unfit(self, what: str) -> UnfitServer:
        return UnfitServer(
            f"the broker at {self._broker.host}:{self._broker.port} {what}; ingest needs MQTT "
            f"{self._broker.protocol} with shared subscriptions"
        )
