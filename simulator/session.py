"""One MQTT 5 connection from CONNECT to its loss: paho's socket, driven by the event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple

from paho.mqtt.client import Client, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.settings import BrokerSettings
from cityvitals.tls import client_context, explain, password_of

_CONNECT_SECONDS: Final = 5.0
_CREDENTIALS: Final = frozenset({0x86, 0x87})
_TAKEN_OVER: Final = 0x8E
_NO_SUBSCRIBER: Final = 0x10
_ANY_NUMBER: Final = 65_535


class BrokerAway(CityVitalsError):
    """The broker cannot be reached, or the connection to it broke: try again."""


class BrokerRefused(CityVitalsError):
    """The broker will not do what the simulator is there for: tell the user, and stop."""


class Message(NamedTuple):
    """What is published, at QoS 1; `readings` is how many it holds."""

    topic: str
    payload: bytes
    retain: bool = False
    readings: int = 0


class Session:
    """An open connection. `lost` gets the error that ended it; nothing is sent again here.

    Args:
        client: a connected paho client, not yet driven by anything.
        acknowledged: called for each PUBACK with packet id, and whether nobody is subscribed.
    """

    def __init__(self, client: Client, acknowledged: Callable[[int, bool], None]) -> None:
        self._client = client
        self._acknowledged = acknowledged
        self._loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[int] = self._loop.create_future()
        self.lost: asyncio.Future[CityVitalsError] = self._loop.create_future()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_written
        sock: Any = client.socket()  # paho's type leaves out that sockets have a file number
        self._loop.add_reader(sock, self._readable)

    def publish(self, message: Message) -> int | None:
        """Hand a message to the socket; its packet id, or None on a connection already lost."""
        if self.lost.done():
            return None
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        return info.mid if info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS else None

    async def serve(self) -> CityVitalsError:
        """Keep the connection alive until it is lost; returns why."""
        while not self.lost.done():
            self._client.loop_misc()
            await asyncio.wait({self.lost}, timeout=1.0)
        return self.lost.result()

    def close(self) -> None:
        """Take leave: the broker then publishes no last will."""
        if not self.lost.done():
            self._end(BrokerAway("closed"))
            self._client.disconnect()
            self._client.loop_write()
        sock: Any = self._client.socket()
        if sock is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            sock.close()

    def _readable(self) -> None:
        """Handle what has come; TLS may have read ahead, of which the socket tells nobody."""
        self._client.loop_read()
        while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._client.loop_read()

    def _end(self, error: CityVitalsError) -> None:
        if not self.connected.done():
            self.connected.set_exception(error)
        if not self.lost.done():
            self.lost.set_result(error)

    def _on_connect(
        self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, given: Properties | None
    ) -> None:
        if code.value in _CREDENTIALS:
            self._end(SettingsError(f"broker.username, broker.password: the broker says {code}"))
        elif code.is_failure:
            self._end(BrokerAway(f"the broker says {code}"))
        elif not self.connected.done():
            self.connected.set_result(getattr(given, "ReceiveMaximum", _ANY_NUMBER))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _given: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server and code.value == _TAKEN_OVER:
            self._end(BrokerRefused("another simulator plays this city: it took over the session"))
        self._end(BrokerAway(f"connection lost: {code}"))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, code: ReasonCode, _given: Any
    ) -> None:
        if code.is_failure:
            self._end(BrokerRefused(f"the broker refuses a message: {code}"))
        else:
            self._acknowledged(mid, code.value == _NO_SUBSCRIBER)

    def _on_socket_close(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _on_want_write(self, client: Client, _data: Any, sock: Any) -> None:
        self._loop.add_writer(sock, client.loop_write)

    def _on_written(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)


@contextlib.asynccontextmanager
async def connected(
    broker: BrokerSettings,
    client_id: str,
    will: Message | None,
    acknowledged: Callable[[int, bool], None],
) -> AsyncIterator[tuple[Session, int]]:
    """A connection, and how many messages the broker takes unacknowledged at a time.

    Raises:
        BrokerAway: nobody is there, or it does not answer.
        SettingsError: it does not know the credentials, or we do not trust it.
    """
    client = _client(broker, client_id, will)
    try:
        # Name lookup and TCP connect block; the socket's own work does not.
        await asyncio.to_thread(
            client.connect, broker.host, broker.port, broker.keepalive_seconds, clean_start=True
        )
    except ssl.SSLError as error:  # a certificate does not mend itself
        raise SettingsError(explain(broker, error)) from None
    except OSError as error:
        raise BrokerAway(f"broker {broker.host}:{broker.port}: {error}") from None
    if client.socket() is None:  # TLS 1.3: a certificate is refused after the handshake
        place = f"broker {broker.host}:{broker.port}"
        raise BrokerAway(f"{place}: it hung up at once (does it want broker.client_cert_file?)")
    session = Session(client, acknowledged)
    try:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                receive_maximum = await session.connected
        except TimeoutError:
            place = f"{broker.host}:{broker.port}"
            raise BrokerAway(f"broker {place}: no answer in {_CONNECT_SECONDS:g} s") from None
        yield session, receive_maximum
    finally:
        session.close()


def _client(broker: BrokerSettings, client_id: str, will: Message | None) -> Client:
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    client.connect_timeout = _CONNECT_SECONDS
    # The link bounds what is in flight; paho's own bound walks through all of it at every PUBACK.
    client.max_inflight_messages_set(0)
    if broker.username is not None:
        client.username_pw_set(broker.username, password_of(broker))
    context = client_context(broker)
    if context is not None:
        client.tls_set_context(context)
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
    return client
