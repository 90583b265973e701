"""Who may do what on the shipped broker, and what it keeps: real TLS, accounts and restarts."""

import asyncio
import gc
import os
import shutil
import signal
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.settings import BrokerSettings
from cityvitals.tls import client_context
from deploy.local.broker import find_mosquitto
from simulator.session import BrokerAway, Message, connected
from tests.servers import Background
from tests.tls_broker import ELSEWHERE, G1, G2, WILL, Authority, Peer, SecureBroker, until

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(
        not (find_mosquitto() and shutil.which("openssl") and shutil.which("mosquitto_passwd")),
        reason="no mosquitto or openssl here: apt-get install mosquitto openssl",
    ),
    # paho leaves the socket of a failed handshake to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SHARED = "$share/ingest/city/v1/+/+/+/+/obs"
OBS = f"city/v1/{G1}/d1/obs"
DENIED = "Not authorized"
Make = Callable[[dict[str, str]], SecureBroker]


@pytest.fixture(scope="module")
def secure(background: Background) -> Iterator[SecureBroker]:
    broker = SecureBroker(background)
    broker.start()
    yield broker
    broker.discard()


@pytest.fixture
def make(background: Background) -> Iterator[Make]:
    """Brokers of the test's own, with changes to the shipped files."""
    made: list[SecureBroker] = []

    def one(changes: dict[str, str]) -> SecureBroker:
        made.append(SecureBroker(background, changes))
        made[-1].start()
        return made[-1]

    yield one
    for broker in made:
        broker.discard()


def simulated(broker: BrokerSettings, topic: str = OBS) -> int:
    """Publish as the simulator does; the packet id that was acknowledged."""

    async def main() -> int:
        acknowledged: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def note(mid: int, _alone: bool) -> None:  # noqa: FBT001 (the session's callback)
            acknowledged.set_result(mid)

        async with connected(broker, "simulator-of-a-test", None, note) as (session, _):
            session.publish(Message(topic, b"{}"))
            either: set[asyncio.Future[Any]] = {acknowledged, session.lost}
            await asyncio.wait(either, timeout=60, return_when="FIRST_COMPLETED")
            return acknowledged.result() if acknowledged.done() else -1

    try:
        return asyncio.run(main())
    finally:
        gc.collect()  # in this test, and not in one that knows nothing of it


def test_the_broker_says_its_limits(secure: SecureBroker) -> None:
    with Peer(secure.gateway()) as gateway:
        assert gateway.told["ReceiveMaximum"] == 1000
        assert gateway.told["MaximumPacketSize"] == 65_536 + 1024


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_simulator_speaks_tls(secure: SecureBroker, host: str) -> None:
    assert simulated(secure.gateway(host=host)) == 1


def test_another_authority_is_not_trusted(
    secure: SecureBroker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Authority(tmp_path_factory.mktemp("ca"), "other")
    with pytest.raises(SettingsError, match=r"not trusted: .*broker\.ca_file is .*other\.pem"):
        simulated(secure.gateway(ca_file=other.file))


def test_a_certificate_of_another_host_is_not_trusted(make: Make) -> None:
    secure = make({"server.": "elsewhere."})
    with pytest.raises(SettingsError, match=r"not trusted: .*broker\.host is localhost"):
        simulated(secure.gateway())


def test_a_port_without_tls_is_named(broker: BrokerSettings, secure: SecureBroker) -> None:
    with pytest.raises(CityVitalsError, match=f"localhost:{broker.port}"):
        simulated(secure.gateway(port=broker.port))


def test_plain_mqtt_does_not_reach_a_tls_port(secure: SecureBroker) -> None:
    with pytest.raises(BrokerAway):
        simulated(BrokerSettings(port=secure.port))


def test_a_wrong_password_is_named_and_not_shown(secure: SecureBroker) -> None:
    with pytest.raises(SettingsError, match=r"broker\.password.*Not authorized") as found:
        simulated(secure.gateway(password=SecretStr("hush-hush")))
    assert "hush" not in str(found.value)


def test_a_password_of_one_door_opens_no_other(secure: SecureBroker) -> None:
    with Peer(secure.gateway(port=secure.service_port)) as gateway:
        assert gateway.answer == DENIED
    with Peer(secure.service(port=secure.port)) as service:
        assert service.answer == DENIED


def test_a_client_certificate_is_the_account_where_one_is_asked_for(make: Make) -> None:
    secure = make(
        {
            "require_certificate false\n# use_identity": "require_certificate true\nuse_identity",
        }
    )
    certificate, key = secure.authority.issue("g1", G1, "-passout", "pass:of-the-key")
    mine = secure.gateway(
        "whoever",
        client_cert_file=certificate,
        client_key_file=key,
        client_key_password=SecretStr("of-the-key"),
    )
    with Peer(mine) as gateway:
        assert gateway.answer == "Success"
        assert gateway.publish(OBS) in {"Success", "No matching subscribers"}
        assert gateway.publish(f"city/v1/{G2}/d1/obs") == DENIED
    with pytest.raises(CityVitalsError):
        simulated(secure.gateway())
    stranger = Authority(secure.etc, "stranger").issue("not-g1", G1)
    with pytest.raises(CityVitalsError):
        simulated(secure.gateway(client_cert_file=stranger[0], client_key_file=stranger[1]))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_gateway_publishes_for_itself_alone(secure: SecureBroker, protocol: str) -> None:
    denied = DENIED if protocol == "5" else "Success"  # 3.1.1 has no word for it
    own = [OBS, f"city/v1/{G1}/d1/meta", f"city/v1/{G1}/status"]
    foreign = [
        f"city/v1/{G2}/d1/obs",
        f"city/v1/{ELSEWHERE}/d1/obs",
        "city/v1/vitalia/water/g1/d1/obs",
        f"city/v1/{G1}/reject",
        "city/v1/vitalia/meta",
        "city/v1/vitalia/kpi/_/air.us_aqi",
    ]
    with Peer(secure.service()) as service, Peer(secure.gateway(protocol=protocol)) as gateway:
        for topic in (SHARED, "city/v1/+/+/+/+/meta", "city/v1/+/+/+/status", "city/v1/+/meta"):
            assert service.subscribe(topic) == "Granted QoS 1"
        assert {gateway.publish(topic) for topic in foreign} == {denied}
        assert {gateway.publish(topic) for topic in own} == {"Success"}
        until(lambda: len(service.messages) >= len(own))
        assert sorted(topic for topic, _ in service.messages) == sorted(own)


def test_who_publishes_elsewhere_is_answered_and_cut_off(secure: SecureBroker) -> None:
    """As mosquitto 2.0.11 does in MQTT 5; docs/gateways.md says so."""
    with Peer(secure.gateway()) as gateway:
        gateway.mqtt.reconnect_delay_set(60, 60)
        assert gateway.publish(f"city/v1/{G2}/d1/obs") == DENIED
        until(lambda: not gateway.mqtt.is_connected())


def test_a_gateway_hears_its_own_rejects_alone(secure: SecureBroker) -> None:
    with Peer(secure.gateway()) as gateway, Peer(secure.service()) as service:
        for topic in ("#", "city/v1/#", f"city/v1/{G2}/reject", SHARED, f"city/v1/{G1}/reject"):
            gateway.subscribe(topic)
        service.publish(f"city/v1/{G2}/reject", b"of another")
        with Peer(secure.gateway(G2)) as other:
            other.publish(f"city/v1/{G2}/d1/obs", b"of another")
        service.publish("city/v1/vitalia/kpi/_/air.us_aqi", b"of the city")
        service.publish(f"city/v1/{G1}/reject", b"own")
        until(lambda: bool(gateway.messages))
        assert {payload for _, payload in gateway.messages} == {b"own"}


def test_an_operator_sees_indicators_and_alerts_alone(secure: SecureBroker) -> None:
    kpi = "city/v1/vitalia/kpi/_/air.us_aqi"
    alert = "city/v1/vitalia/alert/_/eu.o3.alert"
    with Peer(secure.service("operator")) as operator:
        assert operator.publish(kpi) == DENIED
    with Peer(secure.service("operator")) as operator, Peer(secure.service()) as service:
        operator.subscribe("city/v1/#")
        service.publish(f"city/v1/{G1}/reject", b"rejects")
        service.publish(kpi, b"an indicator")
        service.publish(alert, b"an alert")
        until(lambda: len(operator.messages) > 1)
        assert operator.messages == [(kpi, b"an indicator"), (alert, b"an alert")]


def test_an_operator_sees_what_the_broker_drops(secure: SecureBroker) -> None:
    with Peer(secure.service("operator")) as operator:
        operator.subscribe("$SYS/broker/publish/messages/dropped")
        until(lambda: bool(operator.messages), 20.0)


def test_a_last_will_is_published_on_its_own_status_alone(secure: SecureBroker) -> None:
    with Peer(secure.service()) as service:
        service.subscribe("city/v1/+/+/+/status")
        service.messages.clear()  # what was retained before
        for name in (G2, G1):
            with Peer(secure.gateway(), will=f"city/v1/{name}/status") as gateway:
                gateway.drop()
                if name == G1:
                    until(lambda: (f"city/v1/{G1}/status", WILL) in service.messages)
        assert f"city/v1/{G2}/status" not in {topic for topic, _ in service.messages}


def test_no_gateway_takes_the_session_of_ingest(secure: SecureBroker) -> None:
    lane = "cityvitals-ingest-0"
    with Peer(secure.service(), lane) as ingest:
        ingest.subscribe(SHARED)
    with Peer(secure.gateway(), lane) as thief, Peer(secure.gateway(G2)) as other:
        assert thief.answer == "Success"
        other.publish(f"city/v1/{G2}/d1/obs", b"queued for ingest")
        assert not thief.messages
    with Peer(secure.service(), lane) as ingest:
        until(lambda: [payload for _, payload in ingest.messages] == [b"queued for ingest"])


def test_no_more_is_in_flight_than_ingest_asks_for(secure: SecureBroker) -> None:
    with Peer(secure.service(), "lane-in-flight", ReceiveMaximum=7) as ingest:
        ingest.mqtt.manual_ack_set(on=True)
        ingest.subscribe(OBS)
        with Peer(secure.gateway()) as gateway:
            for number in range(20):
                gateway.publish(OBS, b"%d" % number)
        until(lambda: len(ingest.messages) >= 7)
        with Peer(secure.service()) as probe:  # whatever was to come has come before this answer
            probe.publish("city/v1/vitalia/meta")
        assert len(ingest.messages) == 7


def test_what_a_full_queue_drops_is_acknowledged_all_the_same(make: Make) -> None:
    secure = make({"max_queued_messages 0": "max_queued_messages 5"})
    with Peer(secure.service(), "lane-full") as ingest:
        ingest.subscribe(SHARED)
    with Peer(secure.gateway()) as gateway:
        answers = {gateway.publish(OBS, b"%d" % number) for number in range(1100)}
    with Peer(secure.service(), "lane-full") as ingest:
        until(lambda: len(ingest.messages) >= 5)
        with Peer(secure.service()) as probe:
            probe.publish("city/v1/vitalia/meta")
        kept = [int(payload) for _, payload in ingest.messages]
    assert kept == list(range(len(kept)))
    assert len(kept) < 1100
    assert "Outgoing messages are being dropped for client lane-full" in secure.log
    assert answers == {"Success"}


def _queue(secure: SecureBroker, count: int) -> None:
    with Peer(secure.service(), "lane-kept") as ingest:
        ingest.subscribe(SHARED)
    with Peer(secure.gateway()) as gateway:
        for number in range(count):
            assert gateway.publish(OBS, b"%d" % number) == "Success"


def _kept(secure: SecureBroker) -> list[int]:
    """What the session of `_queue` still gets, up to a message published now."""
    with Peer(secure.service(), "lane-kept") as ingest:
        ingest.subscribe(SHARED)
        with Peer(secure.gateway()) as gateway:
            gateway.publish(OBS, b"-1")
        until(lambda: (OBS, b"-1") in ingest.messages)
        return [int(payload) for _, payload in ingest.messages if payload != b"-1"]


def test_what_is_queued_outlives_a_restart(make: Make) -> None:
    secure = make({})
    _queue(secure, 100)
    secure.stop()
    secure.start()
    assert _kept(secure) == list(range(100))


def test_kill_9_loses_what_came_since_the_last_save(make: Make) -> None:
    """The honest half: acknowledged to the gateway, gone with the broker."""
    secure = make({})
    _queue(secure, 100)
    database = secure.etc.parent / "broker" / "mosquitto.db"
    os.kill(secure.pid, signal.SIGUSR1)  # save now, as autosave_interval does in its time
    until(database.exists)
    with Peer(secure.gateway()) as gateway:
        for number in range(100, 200):
            assert gateway.publish(OBS, b"%d" % number) == "Success"
    os.kill(secure.pid, signal.SIGKILL)
    secure.stop()
    secure.start()
    assert _kept(secure) == list(range(100))


def test_tls_is_at_least_1_2(secure: SecureBroker) -> None:
    context = client_context(secure.gateway())
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert client_context(BrokerSettings()) is None
