"""Every scenario that ships, shortened, through the real service: all arrives and is derived."""

import itertools
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.server import create_database, drop_database
from simulator.city import scenario
from tests.servers import BrokerServer, PostgresServer
from tests.service import Service

pytestmark = pytest.mark.mosquitto

SHORTEN = "16"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared(
    postgres: PostgresServer, mosquitto: BrokerServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One service for all scenarios: each is a city of its own."""
    name = f"scenarios_{next(_numbers)}"
    postgres.call(create_database(postgres.dsn("postgres"), name, "template_cityvitals"))
    database = DatabaseSettings(dsn=SecretStr(postgres.dsn(name)))
    broker = BrokerSettings(port=mosquitto.port)
    found = Service(tmp_path_factory.mktemp("scenarios"), database, broker)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        postgres.call(drop_database(postgres.admin_dsn(), name))


@pytest.mark.parametrize("name", scenario.names())
def test_all_that_a_scenario_sends_is_stored_and_derived(shared: Service, name: str) -> None:
    done = shared.run(
        "simulate", "--scenario", name, "--shorten", SHORTEN, "--city", name, "--check", shared.api
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name}: as sent" in done.stdout
