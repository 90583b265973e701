"""Several workers: killed, restarted, made fewer; nothing is stranded at the broker."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from deploy.local.ports import free_port, listens
from tests import plain, state
from tests.servers import BrokerServer
from tests.service import Service, wait_for

ROOT = Path(__file__).parents[2]
BEGIN_US = 1_700_000_000_000_000
STOP_S = 60
pytestmark = pytest.mark.mosquitto


class Publisher:
    """Sends readings, each of another second, at QoS 1 until stopped."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        self._stop = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """Begin, once somebody has subscribed: what nobody wants the broker forgets."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self.send()

    def send(self) -> None:
        reading = Reading(BEGIN_US + self.sent * 1_000_000, "no2", 1.0, "ug/m3")
        topic = f"city/v1/town/air/gw/dev{self.sent % 7}/obs"
        self._client.publish(topic, encode([reading]), 1).wait_for_publish(30)
        self.sent += 1

    def stop(self) -> int:
        """How many readings the broker has taken."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(40)
        return self.sent

    def close(self) -> None:
        self.stop()
        self._client.disconnect()
        self._client.loop_stop()


class Ingest:
    """`cityvitals ingest --workers N` on a broker and database."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self.dsn = service.environment["CITYVITALS_DATABASE__DSN"]
        self._log = folder / "ingest.log"
        self._port = self._free_ports()
        self.environment = service.environment | {
            "CITYVITALS_INGEST__HEALTH_PORT": str(self._port),
            "CITYVITALS_INGEST__ORPHAN_AFTER_SECONDS": "2",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _free_ports() -> int:
        while True:
            port = free_port()
            if port < 65_000 and not any(listens(port + step) for step in (10, 20)):
                return port

    def start(self, workers: int) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cityvitals", "ingest", "--workers", str(workers)],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        for number in range(workers):
            wait_for(f"worker {number}", lambda number=number: self.is_ready(number))  # type: ignore[misc]

    def is_ready(self, number: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log[-2000:]
        try:
            answer = plain.get(f"http://127.0.0.1:{self._port + 10 * number}/readyz", timeout=30)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    def workers(self) -> list[psutil.Process]:
        assert self._process is not None
        return list(psutil.Process(self._process.pid).children())

    def signal(self, number: signal.Signals) -> int:
        """Send a signal to the parent alone; how it ended, and all its workers with it."""
        assert self._process is not None
        workers = self.workers()
        self._process.send_signal(number)
        code = self._process.wait(STOP_S)
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self._service.stop()

    def is_verified(self) -> bool:
        """Whether all that is derived of it is right; an aggregator must run."""
        return state.is_taken(self.dsn) and self._service.run("verify").returncode == 0

    def verify(self) -> None:
        """Have everything derived, and verify find nothing."""
        self._service.start("aggregate")
        # Differences may be work to come, but not for long.
        wait_for("verify agrees", self.is_verified, every=0.5)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def drained(self) -> list[str]:
        """Lanes that the log says are drained."""
        said = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return sorted(one["lane"] for one in said if one["event"] == "lane_drained")

    def lanes(self) -> list[str]:
        rows = state.fetch(self.dsn, "select lane from lane_worker order by lane")
        return [row["lane"] for row in rows]


@pytest.fixture
def ingest(
    tmp_path: Path, database: DatabaseSettings, own_broker: BrokerServer
) -> Iterator[Ingest]:
    service = Service(tmp_path, database, BrokerSettings(port=own_broker.port))
    found = Ingest(service, tmp_path)
    yield found
    found.close()


@pytest.fixture
def publisher(own_broker: BrokerServer) -> Iterator[Publisher]:
    found = Publisher(own_broker.port)
    yield found
    found.close()


def all_is_stored(ingest: Ingest, sent: int) -> None:
    wait_for(f"{sent} readings", lambda: state.readings(ingest.dsn) >= sent)
    books = state.ledger(ingest.dsn, "town")
    assert books["stored"] == state.readings(ingest.dsn) == sent
    assert books["revised"] == books["rejected"] == 0


@pytest.mark.parametrize(
    ("workers", "ending"),
    [(3, signal.SIGKILL), pytest.param(2, signal.SIGTERM, marks=pytest.mark.soak)],
)
def test_from_several_workers_to_one_strands_nothing(
    ingest: Ingest, publisher: Publisher, workers: int, ending: signal.Signals
) -> None:
    ingest.start(workers)
    publisher.start()
    wait_for("some readings", lambda: state.readings(ingest.dsn) > 200)
    assert ingest.signal(ending) == (0 if ending == signal.SIGTERM else -signal.SIGKILL)
    before = publisher.sent
    wait_for("messages that wait", lambda: publisher.sent > before + 300)
    ingest.start(1)
    gone = [f"ingest-{number}" for number in range(1, workers)]
    wait_for("lanes drained", lambda: ingest.drained() == gone)
    wait_for("rows gone", lambda: ingest.lanes() == ["ingest-0"])
    all_is_stored(ingest, publisher.stop())
    for _ in range(50):
        publisher.send()
    all_is_stored(ingest, publisher.sent)
    ingest.verify()


def test_a_worker_that_is_killed_is_started_again(ingest: Ingest, publisher: Publisher) -> None:
    ingest.start(2)
    publisher.start()
    wait_for("some readings", lambda: state.readings(ingest.dsn) > 100)
    for killed in ingest.workers():
        killed.kill()
    wait_for("both are told", lambda: ingest.log.count('"worker_ended"') == 2)
    wait_for("both run again", lambda: ingest.log.count('"lane_taken"') == 4)
    wait_for("both are ready", lambda: ingest.is_ready(0) and ingest.is_ready(1))
    all_is_stored(ingest, publisher.stop())
    assert ingest.signal(signal.SIGTERM) == 0
    assert "lane_drained" not in ingest.log
    ingest.verify()


def test_workers_that_cannot_start_end_the_parent(ingest: Ingest) -> None:
    wrong = {"CITYVITALS_DATABASE__DSN": ingest.dsn.replace("/test_", "/none_")}
    ended = subprocess.run(
        [sys.executable, "-m", "cityvitals", "ingest", "--workers", "2"],
        env=ingest.environment | wrong,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 2
    assert "CITYVITALS_DATABASE__DSN" in ended.stderr
    assert "ended because of a wrong setting" in ended.stderr
