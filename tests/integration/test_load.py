"""`cityvitals load` against a sink that tells what it gets, and brokers that go and come."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cityvitals.settings import BrokerSettings
from simulator.load.coding import Coding
from simulator.load.fleet import Fleet, Share, divided
from simulator.load.generator import Generator, Pace, Progress
from simulator.load.main import declare
from simulator.load.order import Shares
from simulator.load.packet import MQTT_3, MQTT_5, Delivery
from simulator.load.plan import Plan
from simulator.load.truth import Truth
from simulator.session import BrokerAway
from tests.mqtt_sink import Sink
from tests.servers import BrokerServer
from tests.service import wait_for

Sent = tuple[str, bytes]


def plan(city: str, readings: int, **options: Any) -> Plan:
    given = {"sensors": 20, "pack": 10} | options
    return Plan.ending_at(time.time_ns() // 1000, city=city, readings=readings, **given)


def sent_by(made: Plan) -> Counter[Sent]:
    return Counter((one.topic, one.payload) for one in made)


@contextmanager
def subscribed(port: int, city: str, qos: int = 1) -> Iterator[list[Sent]]:
    """What a subscriber with a session of its own gets, also across a restart."""
    heard: list[Sent] = []
    ready = threading.Event()
    client = Client(
        CallbackAPIVersion.VERSION2, f"heard-{city}", protocol=MQTTProtocolVersion.MQTTv5
    )
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    kept.SessionExpiryInterval = 3600
    client.on_message = lambda _client, _data, one: heard.append((one.topic, bytes(one.payload)))
    client.on_subscribe = lambda *_: ready.set()
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", port, clean_start=False, properties=kept)
    client.loop_start()
    client.subscribe(f"city/v1/{city}/#", qos=qos)
    assert ready.wait(10)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def running(
    generator: Generator, stop: threading.Event | None = None
) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=generator.run, args=((stop or threading.Event()).is_set,))
    thread.start()
    yield thread
    thread.join(60)
    assert not thread.is_alive()


def test_never_more_than_so_many_are_unacknowledged(city: str) -> None:
    with Sink() as sink:
        sink.withholds = True
        pace = Pace(in_flight=37, connections=2, drain_s=0.2)
        generator, stop = (
            Generator(plan(city, 10_000), BrokerSettings(port=sink.port), pace),
            threading.Event(),
        )
        with running(generator, stop):
            wait_for("both are full", lambda: sink.published >= 74)
            assert generator.outstanding == 74
            stop.set()
        assert sink.published == 74
        assert generator.outstanding == 74
        assert generator.truth.messages == 74


def test_a_broker_that_takes_fewer_gets_fewer(city: str) -> None:
    with Sink(receive_maximum=5) as sink:
        sink.withholds = True
        generator, stop = (
            Generator(plan(city, 10_000), BrokerSettings(port=sink.port), Pace(drain_s=0.2)),
            threading.Event(),
        )
        with running(generator, stop):
            wait_for("it is full", lambda: sink.published >= 5)
            stop.set()
        assert sink.published == 5


def test_more_messages_than_packet_ids_all_arrive(city: str) -> None:
    with Sink() as sink:
        generator = Generator(plan(city, 70_000, pack=1), BrokerSettings(port=sink.port), Pace())
        generator.run()
        assert sink.published == generator.truth.messages == 70_000
        assert generator.outstanding == 0
        assert len(generator.latency) == 70_000


def test_bytes_reach_the_broker_as_planned(city: str) -> None:
    made = plan(city, 5_000, shares=Shares(0.1, 0.1, 0.1, 0.2), seed=5)
    with Sink(keeps=True) as sink:
        Generator(made, BrokerSettings(port=sink.port), Pace()).run()
        assert sink.payloads == [(one.topic, one.payload) for one in made]
        assert sink.mids == list(range(1, len(sink.mids) + 1))


def test_what_was_not_acknowledged_is_sent_again_in_order_and_first(city: str) -> None:
    made = plan(city, 2_000)
    with Sink(keeps=True) as sink:
        sink.withholds = True
        generator = Generator(made, BrokerSettings(port=sink.port), Pace(in_flight=20))
        with running(generator):
            wait_for("it is full", lambda: sink.published == 20)
            sink.withholds = False
            sink.cut()
        assert sink.connected == 2
        assert generator.sent_again == 20
        planned = [(one.topic, one.payload) for one in made]
        assert sink.payloads == planned[:20] + planned


def test_a_stall_shows_in_every_message_that_was_due_meanwhile(city: str) -> None:
    with Sink() as sink:
        made = plan(city, 2_000)
        generator = Generator(made, BrokerSettings(port=sink.port), Pace(rate=4000, in_flight=20))
        with running(generator):
            wait_for("it runs", lambda: sink.published >= 10)
            sink.withholds = True
            stalled = time.monotonic()
            wait_for("time passes", lambda: time.monotonic() > stalled + 0.3)
            sink.withholds = False
            sink.cut()
        assert generator.truth.messages == 200
        assert generator.lateness.quantile(0.75) > 0.05
        assert generator.latency.largest >= 0.3


def test_a_rate_is_kept_over_the_whole_run(city: str) -> None:
    with Sink() as sink:
        pace = Pace(rate=20_000, duration_s=1.0)
        generator = Generator(plan(city, 10**6), BrokerSettings(port=sink.port), pace)
        generator.run()
        assert generator.truth.messages == sink.published == 2001
        assert generator.seconds >= 1.0


def test_nobody_there_is_said_at_once(city: str) -> None:
    with Sink() as sink:
        port = sink.port
    with pytest.raises(BrokerAway, match=f"broker 127.0.0.1:{port}"):
        Generator(plan(city, 10), BrokerSettings(port=port), Pace()).run()


@pytest.mark.mosquitto
def test_a_subscriber_hears_what_was_planned(broker: BrokerSettings, city: str) -> None:
    made = plan(city, 5_000, shares=Shares(0.1, 0.1, 0.1, 0.1))
    with subscribed(broker.port, city) as heard:
        declare(broker, made.town.declarations(), f"declare-{city}")
        wait_for("all is declared", lambda: len(heard) >= 1 + made.town.size)
        heard.clear()
        generator = Generator(made, broker, Pace(connections=2), f"load-{city}")
        generator.run()
        wait_for("all is heard", lambda: len(heard) >= generator.truth.messages)
    assert Counter(heard) == sent_by(made)
    assert generator.unheard == 0


def test_the_embedded_broker_takes_it_too(embedded_broker: BrokerSettings, city: str) -> None:
    generator = Generator(plan(city, 5_000), embedded_broker, Pace(), f"load-{city}")
    generator.run()
    assert generator.outstanding == 0
    assert generator.sent_again == 0


@pytest.mark.mosquitto
def test_everything_arrives_at_least_once_though_the_broker_restarts(
    own_broker: BrokerServer, city: str
) -> None:
    made = plan(city, 30_000)
    settings = BrokerSettings(port=own_broker.port)
    generator = Generator(made, settings, Pace(rate=15_000), f"load-{city}")
    with subscribed(own_broker.port, city) as heard:
        with running(generator) as thread:
            wait_for("it runs", lambda: len(heard) > 200)
            own_broker.stop()
            assert thread.is_alive()
            own_broker.start()
        assert generator.outstanding == 0
        assert generator.truth.messages == 3000
        planned = sent_by(made)
        wait_for("all is heard", lambda: planned.keys() <= set(heard))
    assert set(heard) == planned.keys()


@pytest.mark.mosquitto
def test_the_command_tells_its_truth_and_ends_by_a_signal(
    broker: BrokerSettings, city: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    options = ["--city", city, "--rate", "2000", "--poison", "0.2", "--seq", "--pack", "20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cityvitals", "load", *options, "--report", str(report)],
        env={**os.environ, "CITYVITALS_BROKER__PORT": str(broker.port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with subscribed(broker.port, city) as heard:
        wait_for("it sends", lambda: sum(one.endswith("/obs") for one, _ in heard) > 20)
        assert process.stderr is not None
        assert "readings/s" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
        found = json.loads(report.read_text())
        wait_for("all is heard", lambda: _observed(heard) >= found["messages"])
    assert process.returncode == 0
    assert said.startswith(f"{city}: ")
    assert _observed(heard) == found["messages"]
    assert found["complete"] is False
    assert found["unacknowledged"] == found["sent_again"] == 0
    expected = found["expected"]
    assert expected["received"] == expected["stored"] + expected["rejected"] == found["readings"]
    assert sum(expected["rejected_by_reason"].values()) == expected["rejected"] > 0


def _observed(heard: list[Sent]) -> int:
    return sum(one.endswith("/obs") for one, _ in heard)


@pytest.mark.mosquitto
@pytest.mark.parametrize("name", ["senml_cbor", "thingsboard_gateway"])
def test_messages_of_many_sizes_arrive(broker: BrokerSettings, city: str, name: str) -> None:
    made = replace(plan(city, 5_000, shares=Shares(0.1, 0.1, 0.0, 0.1)), coding=Coding(name))
    with subscribed(broker.port, city) as heard:
        generator = Generator(made, broker, Pace(connections=2), f"load-{city}")
        generator.run()
        wait_for("all is heard", lambda: len(heard) >= generator.truth.messages)
    assert Counter(heard) == sent_by(made)


@pytest.mark.mosquitto
@pytest.mark.parametrize("level", [MQTT_3, MQTT_5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_way_of_delivery_arrives(
    broker: BrokerSettings, city: str, qos: int, level: int
) -> None:
    delivery = Delivery(qos, level)
    made = replace(plan(city, 5_000, shares=Shares(0.1, 0.1, 0.1, 0.1)), delivery=delivery)
    with subscribed(broker.port, city, qos=2) as heard:
        declare(broker, made.town.declarations(), f"declare-{city}", level=level)
        wait_for("all is declared", lambda: len(heard) >= 1 + made.town.size)
        heard.clear()
        generator = Generator(made, broker, Pace(connections=2, in_flight=20), f"load-{city}")
        generator.run()
        assert generator.outstanding == 0
        assert len(generator.latency) == generator.truth.messages
        wait_for("all is heard", lambda: len(heard) >= generator.truth.messages)
    assert Counter(heard) == sent_by(made)


def test_what_was_under_way_without_acknowledgement_is_given_up(city: str) -> None:
    made = replace(plan(city, 400_000, pack=500), delivery=Delivery(0))
    with Sink() as sink:
        sink.reads = False
        generator = Generator(made, BrokerSettings(port=sink.port), Pace(in_flight=500))
        with running(generator):
            wait_for("the socket is full", lambda: generator.outstanding > 100)
            sink.cut()
        assert sink.connected == 2
        assert generator.given_up > 100
        assert generator.sent_again == generator.outstanding == 0


@pytest.mark.mosquitto
def test_processes_send_one_load_together(broker: BrokerSettings, city: str) -> None:
    made = plan(city, 4_001, shares=Shares(0.1, 0.1, 0.1, 0.1))
    told: list[Progress] = []
    with subscribed(broker.port, city) as heard:
        fleet = Fleet(made, broker, Pace(rate=2_000), f"load-{city}", 3)
        done = fleet.run(lambda: False, told.append)
        wait_for("all is heard", lambda: len(heard) >= done.truth.messages)
    parts = divided(made, 3)
    assert Counter(heard) == sum((sent_by(one) for one in parts), Counter())
    assert done.truth.messages == made.messages == len(done.latency)
    assert done.truth == sum((one.truth for part in parts for one in part), Truth())
    assert done.outstanding == done.sent_again == 0
    assert 1.9 < done.seconds < 30
    assert told
    assert told[-1].readings <= done.truth.readings


def test_processes_say_what_is_wrong(city: str) -> None:
    with Sink() as sink:
        port = sink.port
    fleet = Fleet(plan(city, 100), BrokerSettings(port=port), Pace(), f"load-{city}", 2)
    with pytest.raises(BrokerAway, match=f"broker 127.0.0.1:{port}"):
        fleet.run(lambda: False)


def test_processes_stop_together_and_one_that_dies_is_missed(city: str) -> None:
    with Sink() as sink:
        stop = threading.Event()
        broker, pace = BrokerSettings(port=sink.port), Pace(rate=1_000, drain_s=5.0)
        fleet = Fleet(plan(city, 10**6), broker, pace, f"load-{city}", 2)
        found: list[Share] = []
        thread = threading.Thread(target=lambda: found.append(fleet.run(stop.is_set)))
        thread.start()
        wait_for("it sends", lambda: sink.published > 20)
        stop.set()
        thread.join(30)
        assert found[0].truth.messages == sink.published
        fleet = Fleet(plan(city, 10**6), broker, pace, f"load-{city}", 2)
        with pytest.raises(BrokerAway, match="a process ended with -9"):
            fleet.run(lambda: _killed_one(sink.connected > 2))


def _killed_one(there: bool) -> bool:  # noqa: FBT001 (the condition)
    """Kill a child of ours once they are there; never asks to stop."""
    children = psutil.Process().children()
    if there and len(children) > 1:
        next(one for one in children if "spawn_main" in " ".join(one.cmdline())).kill()
    return False
