"""What docs/gateways.md tells a vendor works: its program is run against the shipped broker."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cityvitals.catalogue.gases import refusal
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.pool import open_pool
from cityvitals.wire import meta, payload
from deploy.local.broker import find_mosquitto
from tests.integration.test_ingest import configured, has_stored, published, running
from tests.integration.test_ingest import until as until_true
from tests.servers import Background
from tests.tls_broker import GATEWAYS, Peer, SecureBroker, until

PAGE = Path(__file__).parents[2] / "docs" / "gateways.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"mosquitto_pub .*? -t (\S+) -m '(.*?)'", PAGE.read_text(), re.DOTALL)
TYPED = re.findall(r"^mosquitto_pub .*?'$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
ACCOUNT = "vitalia/air/g1"
BASE = f"city/v1/{ACCOUNT}"

pytestmark = pytest.mark.mosquitto


@pytest.fixture(scope="module")
def secure(background: Background) -> Iterator[SecureBroker]:
    if not (find_mosquitto() and shutil.which("openssl") and shutil.which("mosquitto_passwd")):
        pytest.skip("no mosquitto or openssl here: apt-get install mosquitto openssl")
    broker = SecureBroker(background)
    broker.start()
    yield broker
    broker.discard()


def _run(program: str, secure: SecureBroker) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_ACCOUNT": ACCOUNT,
        "GATEWAY_PASSWORD": GATEWAYS[ACCOUNT],
        "GATEWAY_CA_FILE": str(secure.authority.file),
        "GATEWAY_BROKER": f"localhost:{secure.port}",
    }
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=[f"python-{n}" for n in range(len(PROGRAMS))])
def test_a_program_of_the_page_sends_what_we_can_take(program: str, secure: SecureBroker) -> None:
    with Peer(secure.service()) as service:
        for topic in ("city/v1/+/+/+/+/obs", "city/v1/+/+/+/+/meta", "city/v1/+/+/+/status"):
            service.subscribe(topic)
        service.publish(f"{BASE}/reject", b"{}")  # for nobody yet: the gateway's first session
        done = _run(program, secure)
        assert done.returncode == 0, done.stderr
        until(lambda: (f"{BASE}/status", b'{"status": "offline"}') in service.messages)
        got = {topic: sent for topic, sent in service.messages if not topic.endswith("status")}
    pack = payload.decode(got[f"{BASE}/d1/obs"])
    assert not pack.bad
    assert set(pack.q) == {"no2", "air_temperature"}
    assert {one.q for one in meta.decode_meta(got[f"{BASE}/d1/meta"]).series} == {"no2"}


def test_a_reject_finds_the_gateway_after_its_absence(secure: SecureBroker) -> None:
    assert _run(PROGRAMS[0], secure).returncode == 0
    with Peer(secure.service()) as service:
        service.publish(f"{BASE}/reject", b"told while away")
    assert "told while away" in _run(PROGRAMS[0], secure).stdout


@pytest.mark.parametrize("typed", TYPED, ids=["own", "senml", "thingsboard"])
def test_a_command_of_the_page_sends_its_message(typed: str, secure: SecureBroker) -> None:
    if not shutil.which("mosquitto_pub"):
        pytest.skip("no mosquitto_pub here: apt-get install mosquitto-clients")
    here = {"mqtt.example": "localhost", "8883": f"{secure.port}", "vitalia/air/gw-1": ACCOUNT}
    here["ca.pem"] = str(secure.authority.file)
    for old, new in here.items():
        assert old in typed
        typed = typed.replace(old, new)
    environment = {"PATH": os.environ["PATH"], "GATEWAY_PASSWORD": GATEWAYS[ACCOUNT]}
    with Peer(secure.service()) as service:
        for topic in ("city/v1/+/+/+/+/obs", "city/v1/+/+/+/obs"):
            service.subscribe(topic)
        done = subprocess.run(
            ["sh", "-c", typed], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        until(lambda: bool(service.messages))
        assert not payload.decode(service.messages[0][1]).bad


@pytest.mark.parametrize(("topic", "message"), SHELL)
def test_a_message_of_the_page_can_be_taken(topic: str, message: str) -> None:
    pack = payload.decode(message.encode())
    assert topic.endswith("/obs")
    assert pack.q
    assert not pack.bad


def test_ingest_stores_what_the_page_sends(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    settings = configured(database, broker, city)
    messages = [(topic, message.encode()) for topic, message in SHELL]

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            await published(settings, messages)
            await until_true(lambda: has_stored(pool, 4))
            rows = await pool.fetch(
                "select s.sensor, r.value, r.flags from reading r join series s on s.id = series_id"
            )
            assert sorted(tuple(row) for row in rows) == [
                ("d1", 23.4, 0),
                ("d1", 23.4, 0),
                ("d1", 23.4, 0),
                ("d2", 19.8, 0),
            ]

    asyncio.run(main())


def test_the_reject_of_the_page_says_what_ingest_says() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (one,) = json.loads(shown)["rejected"]
    assert one["reason"] == Reason.BAD_UNIT
    assert one["detail"] == refusal(load_catalogue(), "no2", "furlong")


def test_the_page_has_examples_in_three_payloads() -> None:
    assert PROGRAMS
    assert len(SHELL) == 3
