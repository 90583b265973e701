"""Fixtures: real servers, started once a session; a fresh database for every test that asks."""

import asyncio
import itertools
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from pydantic import SecretStr
from xdist.remote import Producer

from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import open_pool
from cityvitals.store.server import create_database
from deploy.local.broker import choose, find_mosquitto
from deploy.local.ports import share_ports
from tests.million import Million, load_million
from tests.servers import Background, BrokerServer, PostgresServer
from tests.service import Service
from tests.sharing import GroupScheduling, rank, suite_of
from tests.timescaledb.process import TimescaleServer, missing

BUDGETS = {
    "unit": 900.0,
    "integration": 3000.0,
    "conformance": 600.0,
    "deploy": 600.0,
    "timescaledb": 180.0,
    "faults": 1800.0,
    "acceptance": 2400.0,
}
"""Seconds that each suite may take: twice what it took on two cores that others used."""

_spent: dict[str, float] = {}
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    # A busy machine makes an example slow now and then: that is no finding.
    hypothesis.settings.register_profile("busy", deadline=None)
    hypothesis.settings.load_profile("busy")
    config.addinivalue_line("markers", "soak: takes many minutes; `make soak` runs it")
    # The processes that tests start keep what they compiled, or each compiles it all again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        share_ports(int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))


def pytest_xdist_setupnodes() -> None:
    """Compile kernels once, before there are workers whose tests would wait for it."""
    subprocess.run(
        [sys.executable, "-c", "from aggregator.warmup import warm_up; warm_up()"], check=True
    )


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """A test that configures logging leaves none of it to the next."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    loop = Background()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def postgres(background: Background) -> Iterator[PostgresServer]:
    server = PostgresServer(background, in_memory=True)
    server.start()
    background.call(prepare_template(server))
    yield server
    server.discard()


async def prepare_template(server: PostgresServer) -> None:
    """Migrate once; tests copy the result."""
    await create_database(server.dsn("postgres"), "template_cityvitals")
    await migrated(DatabaseSettings(dsn=SecretStr(server.dsn("template_cityvitals"))))


async def migrated(settings: DatabaseSettings) -> None:
    async with open_pool(settings, "tests") as pool, pool.acquire() as connection:
        await migrate(connection)


@pytest.fixture
def database(postgres_database: DatabaseSettings) -> DatabaseSettings:
    """A fresh, migrated database."""
    return postgres_database


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[DatabaseSettings]:
    """A fresh, migrated database of the embedded PostgreSQL."""
    name = f"test_{next(_numbers)}"
    postgres.copy("template_cityvitals", name)
    yield DatabaseSettings(dsn=SecretStr(postgres.dsn(name)))
    postgres.drop(name)


@pytest.fixture(scope="module")
def module_database(postgres: PostgresServer) -> Iterator[DatabaseSettings]:
    """A fresh, migrated database that the tests of a file share."""
    name = f"module_{next(_numbers)}"
    postgres.copy("template_cityvitals", name)
    yield DatabaseSettings(dsn=SecretStr(postgres.dsn(name)))
    postgres.drop(name)


@pytest.fixture(scope="session", params=["postgresql"])
def engine_database(postgres: PostgresServer, request: pytest.FixtureRequest) -> DatabaseSettings:
    """An empty, migrated database of the session on each engine that the store knows."""
    name = f"session_{request.param}"
    postgres.copy("template_cityvitals", name)
    return DatabaseSettings(dsn=SecretStr(postgres.dsn(name)))


@pytest.fixture(scope="session")
def million(engine_database: DatabaseSettings, background: Background) -> Million:
    """A million readings and what hangs on them: read only, or roll back."""
    return background.call(load_million(engine_database))


@pytest.fixture(scope="session")
def timescale() -> Iterator[TimescaleServer]:
    if reason := missing():
        pytest.skip(reason)
    server = TimescaleServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def timescaledb_database(timescale: TimescaleServer) -> DatabaseSettings:
    """The one database of the TimescaleDB, emptied and migrated anew."""
    timescale.empty()
    settings = DatabaseSettings(dsn=SecretStr(timescale.dsn))
    asyncio.run(migrated(settings))
    return settings


@pytest.fixture
def own_postgres(background: Background) -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, to be stopped and killed; database `cityvitals`, migrated."""
    server = PostgresServer(background, in_memory=True)
    server.start()
    background.call(prepare_template(server))
    server.drop("cityvitals")
    server.copy("template_cityvitals", "cityvitals")
    yield server
    server.discard()


@pytest.fixture(scope="session")
def mosquitto(background: Background) -> Iterator[BrokerServer]:
    if find_mosquitto() is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    server = BrokerServer(background)
    server.start()
    yield server
    server.discard()


@pytest.fixture
def broker(mosquitto: BrokerServer) -> BrokerSettings:
    """A mosquitto; shared by the session, so use ids that nobody else uses."""
    return BrokerSettings(port=mosquitto.port)


@pytest.fixture
def own_broker(background: Background) -> Iterator[BrokerServer]:
    """A mosquitto of the test's own, to be stopped and started."""
    if find_mosquitto() is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    server = BrokerServer(background)
    server.start()
    yield server
    server.discard()


@pytest.fixture(scope="session")
def iotcore(background: Background) -> Iterator[BrokerServer]:
    server = BrokerServer(background, choose(prefer_mosquitto=False))
    server.start()
    yield server
    server.discard()


@pytest.fixture
def embedded_broker(iotcore: BrokerServer) -> BrokerSettings:
    """The broker that comes with the project."""
    return BrokerSettings(port=iotcore.port)


@pytest.fixture
def service(
    tmp_path: Path, database: DatabaseSettings, own_broker: BrokerServer
) -> Iterator[Service]:
    """Ingest, aggregator and API as processes, to be started and killed by the test."""
    found = Service(tmp_path, database, BrokerSettings(port=own_broker.port))
    yield found
    found.stop()


@pytest.fixture
def city() -> str:
    """A city id that no other test uses."""
    return f"city-{os.getpid()}-{next(_numbers)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    return GroupScheduling(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    suite = suite_of(report.nodeid)
    _spent[suite] = _spent.get(suite, 0.0) + report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    over = [
        f"suite {suite} took {spent:.0f} s; its budget is {BUDGETS[suite]:.0f} s"
        for suite, spent in _spent.items()
        if spent > BUDGETS.get(suite, float("inf"))
    ]
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and os.environ.get("CITYVITALS_FAIL_ON_SKIP"):
        over.append(f"{skipped} tests were skipped, and here none may be")
    if over and reporter:
        reporter.write_line("")
        for line in over:
            reporter.write_line(line, red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
