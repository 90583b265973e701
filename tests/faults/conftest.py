"""Fixtures of fault tests: a database that may be stopped, and proxies in front of the servers."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from pydantic import SecretStr

from cityvitals.settings import BrokerSettings, DatabaseSettings
from tests.conftest import prepare_template
from tests.faults.stage import Stage
from tests.proxy import Proxy
from tests.servers import Background, BrokerServer, PostgresServer
from tests.service import Service

_DISK = "16m"
_RULES = (
    "air.no2.hour",
    "air.no2.day",
    "air.eaqi.no2.hour",
    "air.eu2030.no2.year",
    "air.eu2008.o3.target",
    "air.who.o3.peak_season",
    "air.us_aqi.nowcast",
    "air.us_aqi.pm2_5.nowcast",
    "air.us_aqi.o3.nowcast",
    "air.us_aqi.pm10.nowcast",
)
"""Of each kind of window some: that all others are derived alike is tested without faults."""


def _service(folder: Path, database: DatabaseSettings, broker: BrokerServer) -> Service:
    found = BrokerSettings(port=broker.port)
    return Service(folder, database, found, AGGREGATOR__ONLY=json.dumps(_RULES))


@pytest.fixture
def service(
    tmp_path: Path, database: DatabaseSettings, own_broker: BrokerServer
) -> Iterator[Service]:
    """Ingest, aggregator and API as processes, to be started and killed by the test."""
    found = _service(tmp_path, database, own_broker)
    yield found
    found.stop()


def _stage(background: Background, folder: Path, dsn: str, broker: BrokerServer) -> Stage:
    database = DatabaseSettings(dsn=SecretStr(dsn))
    return Stage(
        _service(folder, database, broker),
        dsn,
        broker.port,
        Proxy(background, broker.port),
        Proxy(background, urlsplit(dsn).port or 5432),
    )


@pytest.fixture
def stage(
    tmp_path: Path, background: Background, database: DatabaseSettings, own_broker: BrokerServer
) -> Iterator[Stage]:
    """A service on a database of its own; the server is shared by the session."""
    made = _stage(background, tmp_path, database.dsn.get_secret_value(), own_broker)
    yield made
    made.end()


@pytest.fixture(scope="session")
def frail_postgres(background: Background) -> Iterator[PostgresServer]:
    """A PostgreSQL that tests stop and kill, and leave running."""
    server = PostgresServer(background, in_memory=True)
    server.start()
    background.call(prepare_template(server))
    yield server
    server.discard()


@pytest.fixture
def frail_stage(
    tmp_path: Path,
    background: Background,
    frail_postgres: PostgresServer,
    own_broker: BrokerServer,
    city: str,
) -> Iterator[Stage]:
    """A service on a server that may be stopped."""
    name = city.replace("-", "_")
    frail_postgres.copy("template_cityvitals", name)
    made = _stage(background, tmp_path, frail_postgres.dsn(name), own_broker)
    yield made
    made.end()
    frail_postgres.drop(name)


@pytest.fixture
def small_disk(postgres: PostgresServer) -> Iterator[Path]:
    """A disk of 16 MB that PostgreSQL may write to; only root can make one, and not everywhere."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk can only be mounted by root")
    assert postgres.pid is not None
    owner = psutil.Process(postgres.pid).uids().real
    with tempfile.TemporaryDirectory(prefix="cityvitals-disk-") as folder:
        Path(folder).chmod(0o711)  # ours: so root's server reaches what is below
        disk = Path(folder) / "disk"
        disk.mkdir()
        options = f"size={_DISK},uid={owner},mode=0700"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
        yield disk
        subprocess.run(["umount", str(disk)], check=True)
