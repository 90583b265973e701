"""Feeds through a real broker: what a plain subscriber gets, across restarts and stops."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cityvitals.domain.times import US
from cityvitals.settings import BrokerSettings, Settings
from cityvitals.wire import meta, topic
from cityvitals.wire.formats import own_json
from simulator.city.spec import load_city
from simulator.city.town import Play, Town
from simulator.main import play, run
from simulator.mapping_load import load_mapping
from simulator.options import Options
from simulator.replay import Replay
from tests.unit.simulator import recorded

pytestmark = pytest.mark.mosquitto

_DEADLINE = 60.0


def until(condition: Callable[[], bool], what: str) -> None:
    end = monotonic() + _DEADLINE
    while not condition():
        assert monotonic() < end, f"waited {_DEADLINE:g} s for {what}"
        sleep(0.02)


class Mosquitto:
    """A broker of our own that keeps sessions and retained messages over a restart."""

    def __init__(self, program: str, folder: Path, *lines: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._program, self._config = program, folder / "mosquitto.conf"
        settings = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            *(lines or ("allow_anonymous true",)),
        ]
        if os.geteuid() == 0:
            settings.append("user root")
        self._config.write_text("\n".join(settings) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> BrokerSettings:
        return BrokerSettings(port=self.port)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, "mosquitto")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_DEADLINE)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Subscriber:
    """A plain subscriber with a session that the broker keeps."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self.readings: Counter[tuple[str, str, str, int, float]] = Counter()
        self.log: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, "plain", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()
        assert self._subscribed.wait(_DEADLINE)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def count(self) -> int:
        with self._lock:
            return sum(self.readings.values())

    @property
    def distinct(self) -> int:
        with self._lock:
            return len(self.readings)

    def topics(self) -> list[str]:
        with self._lock:
            return [name for name, _ in self.log]

    def statuses(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with self._lock:
            for name, payload in self.log:
                if isinstance(parsed := topic.parse(name), topic.Status):
                    found.setdefault(parsed.gateway, []).append(meta.decode_status(payload))
        return found

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe("city/v1/#", qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed.set()

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        with self._lock:
            self.log.append((message.topic, message.payload))
            parsed = topic.parse(message.topic)
            if isinstance(parsed, topic.Obs):
                pack = own_json.decode(message.payload)
                assert not pack.bad
                self.readings.update(
                    zip([parsed.device] * len(pack.q), pack.q, pack.ch, pack.t_us, pack.v,
                        strict=True)
                )  # fmt: skip


@pytest.fixture(name="mosquitto")
def _mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no mosquitto: sudo apt-get install mosquitto")
    broker = Mosquitto(program, tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(name="subscriber")
def _subscriber(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    subscriber = Subscriber(mosquitto.port)
    yield subscriber
    subscriber.close()


def expected(readings: recorded.Readings) -> Counter[tuple[str, str, str, int, float]]:
    return Counter(
        (*series, us, value) for series, own in readings.items() for us, value in own.items()
    )


def test_a_replay_delivers_every_reading_once_and_says_when_it_ends(
    mosquitto: Mosquitto, subscriber: Subscriber, tmp_path: Path, capsys: Any
) -> None:
    report = tmp_path / "report.json"
    options = Options(replay=recorded.BEIJING, mapping=Path("beijing"), report=report)
    assert run(Settings(broker=mosquitto.settings), options) == 0
    until(lambda: len(subscriber.statuses()) == 12, "statuses")
    until(lambda: all(said[-1] == "end" for said in subscriber.statuses().values()), "ends")
    wanted = expected(recorded.beijing())
    assert subscriber.readings == wanted
    summary = json.loads(report.read_text())
    assert summary["readings"] == sum(wanted.values())
    assert summary["complete"] and not summary["unacknowledged"] and not summary["unheard"]
    assert summary["by_quantity"]["pm2_5"] == sum(key[1] == "pm2_5" for key in wanted)
    assert summary["first"] == "2016-08-29T16:00:00Z"
    assert "beijing: " in capsys.readouterr().out


def test_city_gateways_and_devices_are_declared_before_any_reading(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    options = Options(replay=recorded.FERRARA, mapping=Path("ferrara"))
    assert run(Settings(broker=mosquitto.settings), options) == 0
    until(lambda: all(said[-1] == "end" for said in subscriber.statuses().values()), "ends")
    assert subscriber.readings == expected(recorded.ferrara())
    topics = subscriber.topics()
    first = next(index for index, name in enumerate(topics) if name.endswith("/obs"))
    assert topics[0] == "city/v1/ferrara/meta"
    assert Counter(name.rsplit("/", 1)[1] for name in topics[:first]) == {"meta": 11, "status": 10}
    declared = dict(subscriber.log)
    device = meta.decode_meta(declared["city/v1/ferrara/water/dma4/dma4/meta"])
    assert (device.zone, device.series[0].q, device.series[0].period_s) == (
        "dma4",
        "water_flow",
        3600.0,
    )
    city = meta.decode_city(declared["city/v1/ferrara/meta"])
    assert (city.time_zone, city.clock) == ("Europe/Rome", "replay")


def test_a_limit_stops_after_exactly_so_many_readings(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    options = Options(replay=recorded.STEEL, mapping=Path("steel"), limit=1001, city="other")
    assert run(Settings(broker=mosquitto.settings), options) == 0
    until(lambda: subscriber.statuses().get("plant", [])[-1:] == ["end"], "end")
    assert subscriber.count == 1001
    assert subscriber.topics()[0] == "city/v1/other/meta"


def test_nothing_is_lost_when_the_broker_restarts(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    replay = Replay(recorded.BEIJING, load_mapping(Path("beijing")))
    # About four seconds of wall time, so that the restart falls into the middle.
    options = Options(speed=14 * 86_400 / 4.0)

    async def played() -> Any:
        playing = asyncio.create_task(
            play(replay, Settings(broker=mosquitto.settings), options, asyncio.Event())
        )
        await asyncio.to_thread(until, lambda: subscriber.count > 3000, "the first readings")
        await asyncio.to_thread(mosquitto.stop)
        await asyncio.to_thread(mosquitto.start)
        return await playing

    summary = asyncio.run(played())
    wanted = expected(recorded.beijing())
    assert summary.readings == sum(wanted.values())
    assert not summary.unacknowledged
    until(lambda: subscriber.distinct >= len(wanted), "all readings")
    assert subscriber.readings.keys() == wanted.keys()
    until(lambda: all(said[-1] == "end" for said in subscriber.statuses().values()), "ends")


def test_a_paced_replay_takes_its_time(mosquitto: Mosquitto) -> None:
    replay = Replay(recorded.FERRARA, load_mapping(Path("ferrara")))
    options = Options(speed=86_400.0, limit=10 * 24 * 2)
    begin = monotonic()
    asyncio.run(play(replay, Settings(broker=mosquitto.settings), options, asyncio.Event()))
    assert 1.5 < monotonic() - begin < _DEADLINE


def test_the_seeded_city_sends_its_history_then_lives_until_stopped(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    city = Town(load_city(Path("vitalia")), 1, Play(round(time() * US), 3600 * US))

    async def played() -> Any:
        stop = asyncio.Event()
        settings = Settings(broker=mosquitto.settings)
        playing = asyncio.create_task(play(city, settings, Options(), stop))
        await asyncio.to_thread(until, lambda: subscriber.count > 60 * 100, "history and live")
        stop.set()
        return await playing

    summary = asyncio.run(played())
    assert not summary.complete and not summary.unacknowledged
    until(lambda: subscriber.count == summary.readings, "what was acknowledged")
    assert max(subscriber.readings.values()) == 1
    statuses = subscriber.statuses()
    assert len(statuses) == 8
    assert all(said == ["online", "offline"] for said in statuses.values())


def test_a_killed_simulator_leaves_its_gateways_offline(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    code = (
        "from cityvitals.settings import BrokerSettings, Settings;"
        "from simulator.main import run;"
        "from simulator.options import Options;"
        f"run(Settings(broker=BrokerSettings(port={mosquitto.port})), Options())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        until(lambda: subscriber.count > 0, "live readings")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(_DEADLINE)
    until(lambda: all(said[-1] == "offline" for said in subscriber.statuses().values()), "wills")
    assert len(subscriber.statuses()) == 8


def test_a_stop_before_the_broker_is_there_ends_at_once(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    city = Town(load_city(Path("vitalia")), 1, Play(round(time() * US), 0))

    async def played() -> Any:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        return await play(city, Settings(broker=mosquitto.settings), Options(), stop)

    begin = monotonic()
    summary = asyncio.run(played())
    assert monotonic() - begin < _DEADLINE / 2
    assert summary.readings == 0


def test_wrong_credentials_end_with_the_names_of_the_settings(tmp_path: Path, capsys: Any) -> None:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no mosquitto: sudo apt-get install mosquitto")
    broker = Mosquitto(program, tmp_path, "allow_anonymous false")
    broker.start()
    try:
        code = run(Settings(broker=broker.settings), Options())
    finally:
        broker.stop()
    assert code == 2
    assert "broker.username, broker.password" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(replay=recorded.STEEL), "--replay and --mapping: expected both or neither"),
        (Options(replay=Path("gone.csv"), mapping=Path("steel")), "no such file: gone.csv"),
        (Options(speed=0.0), "--speed: expected a number > 0"),
        (Options(speed=2.0), "--speed: expected with --replay only"),
        (Options(city="a b"), "--city: expected letters"),
        (Options(scale=0), "--scale: expected at least 1"),
    ],
)
def test_a_wrong_option_is_told(options: Options, message: str, capsys: Any) -> None:
    assert run(Settings(), options) == 2
    assert message in capsys.readouterr().err
