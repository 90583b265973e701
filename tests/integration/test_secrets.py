"""No secret is in anything that a process says, above all when a secret is what is wrong."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cityvitals.settings import DatabaseSettings
from deploy.local.broker import find_mosquitto
from deploy.local.ports import free_port
from tests.servers import Background
from tests.tls_broker import SecureBroker

pytestmark = pytest.mark.mosquitto
HUSH = "hush-4711"
PLAIN = """cafile /etc/mosquitto/certs/ca.pem
certfile /etc/mosquitto/certs/server.pem
keyfile /etc/mosquitto/certs/server.key
tls_version tlsv1.2
"""


@pytest.fixture(scope="module")
def guarded(background: Background) -> Iterator[SecureBroker]:
    """A broker that asks for passwords, without TLS."""
    if not (find_mosquitto() and shutil.which("openssl") and shutil.which("mosquitto_passwd")):
        pytest.skip("no mosquitto or openssl here: apt-get install mosquitto openssl")
    broker = SecureBroker(background, {PLAIN: ""})
    broker.start()
    yield broker
    broker.discard()


def _said_by(process: str, folder: Path, **given: str) -> str:
    """All that a process says until it gives up, or for some seconds if it does not."""
    given = {f"CITYVITALS_{name}": value for name, value in given.items()}
    health = {f"CITYVITALS_{process.upper()}__HEALTH_PORT": str(free_port())}
    root = Path(__file__).parents[2]
    with (folder / "said").open("wb") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "cityvitals", process],
            env=os.environ | given | health | {"CITYVITALS_LOG__LEVEL": "DEBUG"},
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.terminate()
            running.wait(20)
    return (folder / "said").read_text()


def test_a_wrong_broker_password_is_told_without_it(
    guarded: SecureBroker, database: DatabaseSettings, tmp_path: Path
) -> None:
    dsn = database.dsn.get_secret_value()
    said = _said_by(
        "ingest",
        tmp_path,
        DATABASE__DSN=dsn,
        BROKER__PORT=str(guarded.service_port),
        BROKER__USERNAME="cityvitals",
        BROKER__PASSWORD=HUSH,
    )
    assert "Not authorized" in said
    assert HUSH not in said
    known = re.search("://[^:]+:([^@]+)@", dsn)
    assert known is not None
    assert known[1] not in said


def test_a_wrong_database_password_is_told_without_it(
    guarded: SecureBroker, database: DatabaseSettings, tmp_path: Path
) -> None:
    wrong = re.sub("(://[^:]+:)[^@]+@", rf"\g<1>{HUSH}@", database.dsn.get_secret_value())
    assert HUSH in wrong
    said = _said_by("ingest", tmp_path, DATABASE__DSN=wrong, BROKER__PORT=str(guarded.service_port))
    assert "password" in said
    assert HUSH not in said


def test_a_setting_that_is_wrong_is_told_without_secrets(tmp_path: Path) -> None:
    said = _said_by(
        "ingest",
        tmp_path,
        DATABASE__DSN=f"postgresql://u:{HUSH}@127.0.0.1/x",
        BROKER__PASSWORD=HUSH,
        BROKER__PORT="0",
    )
    assert "CITYVITALS_BROKER__PORT" in said
    assert HUSH not in said
