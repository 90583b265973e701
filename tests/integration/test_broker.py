"""What we rely on in the brokers that `up` may start: MQTT 5 as far as ingest needs it."""

import time
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cityvitals.settings import BrokerSettings
from tests.servers import BrokerServer

FILTER = "$share/ingest/place/+/obs"


class Client:
    """A client whose session stays, with all that it was handed."""

    def __init__(self, port: int, name: str) -> None:
        self.payloads: list[bytes] = []
        self.session_present: bool | None = None
        self.granted: list[int] = []
        self.properties: dict[str, int] = {}
        self.refused = False
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._mqtt.on_connect = self._connected
        self._mqtt.on_message = lambda _client, _data, message: self.payloads.append(
            bytes(message.payload)
        )
        self._mqtt.on_subscribe = lambda _client, _data, _number, codes, _more: self.granted.extend(
            code.value for code in codes
        )
        self._mqtt.on_disconnect = self._disconnected
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 600
        self._mqtt.connect("127.0.0.1", port, clean_start=False, properties=properties)
        self._mqtt.loop_start()
        until(lambda: self.session_present is not None)

    def _connected(self, _client: object, _data: object, flags: object, *answer: object) -> None:
        properties = answer[1]
        if isinstance(properties, Properties):
            self.properties = properties.json()  # type: ignore[no-untyped-call]
        self.session_present = bool(getattr(flags, "session_present", None))

    def _disconnected(self, *_: object) -> None:
        self.refused = True

    def subscribe(self, topic: str) -> None:
        self._mqtt.subscribe(topic, 1)
        until(lambda: bool(self.granted))
        assert self.granted == [1]

    def publish(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        for payload in payloads:
            self._mqtt.publish(topic, payload, 1, retain=retain).wait_for_publish(10)

    def send(self, topic: str, payload: bytes) -> None:
        self._mqtt.publish(topic, payload, 1)

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(params=["broker", "embedded_broker"])
def port(request: pytest.FixtureRequest) -> int:
    """Port of a mosquitto, and of the broker that comes with us."""
    settings = request.getfixturevalue(request.param)
    assert isinstance(settings, BrokerSettings)
    return settings.port


@pytest.fixture
def connect(port: int) -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def one(name: str) -> Client:
        clients.append(Client(port, name))
        return clients[-1]

    yield one
    for client in clients:
        client.close()


def test_a_shared_subscription_hands_each_message_to_one_member(
    connect: Callable[[str], Client], city: str
) -> None:
    topic = FILTER.replace("+", city)
    members = [connect(f"{city}-a"), connect(f"{city}-b")]
    for member in members:
        member.subscribe(topic)
    sent = [b"%d" % number for number in range(40)]
    connect(f"{city}-gateway").publish(f"place/{city}/obs", *sent)
    until(lambda: sum(len(member.payloads) for member in members) >= len(sent))
    assert sorted(members[0].payloads + members[1].payloads) == sorted(sent)


def test_a_session_keeps_what_came_meanwhile(connect: Callable[[str], Client], city: str) -> None:
    first = connect(f"{city}-lane")
    first.subscribe(FILTER.replace("+", city))
    first.close()
    sent = [b"%d" % number for number in range(40)]
    connect(f"{city}-gateway").publish(f"place/{city}/obs", *sent)
    again = connect(f"{city}-lane")
    assert again.session_present
    until(lambda: set(again.payloads) >= set(sent))


def test_a_retained_message_reaches_who_comes_later(
    connect: Callable[[str], Client], city: str
) -> None:
    connect(f"{city}-gateway").publish(f"place/{city}/meta", b"declared", retain=True)
    late = connect(f"{city}-late")
    late.subscribe(f"place/{city}/meta")
    until(lambda: late.payloads == [b"declared"])


def test_messages_of_64_kib_pass_and_larger_ones_do_not(
    connect: Callable[[str], Client], city: str
) -> None:
    listener, sender = connect(f"{city}-in"), connect(f"{city}-out")
    listener.subscribe(f"place/{city}/obs")
    sender.publish(f"place/{city}/obs", b"x" * 60_000)
    until(lambda: len(listener.payloads) == 1)
    sender.send(f"place/{city}/obs", b"x" * 70_000)
    until(lambda: sender.refused)
    assert len(listener.payloads) == 1


def test_mosquitto_says_its_limits(broker: BrokerSettings, city: str) -> None:
    client = Client(broker.port, city)
    client.close()
    assert client.properties["ReceiveMaximum"] == 1000
    assert 65_536 <= client.properties["MaximumPacketSize"] < 70_000


def test_mosquitto_keeps_what_is_queued_over_its_restart(
    own_broker: BrokerServer, city: str
) -> None:
    lane = Client(own_broker.port, f"{city}-lane")
    lane.subscribe(f"place/{city}/obs")
    lane.close()
    gateway = Client(own_broker.port, f"{city}-gateway")
    gateway.publish(f"place/{city}/obs", b"kept")
    gateway.close()
    own_broker.stop()
    own_broker.start()
    again = Client(own_broker.port, f"{city}-lane")
    until(lambda: again.payloads == [b"kept"])
    again.close()
