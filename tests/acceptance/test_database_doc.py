"""What docs/operations.md says of a production database is done as it stands, on a real service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cityvitals.settings import BrokerSettings
from cityvitals.store.server import drop_database
from tests import state
from tests.acceptance.operator_shell import Operator, blocks
from tests.faults.closing import close
from tests.faults.publisher import publish, publishing
from tests.faults.workload import mixed
from tests.roles import AGGREGATOR, READER, WRITER, as_role, set_passwords
from tests.servers import BrokerServer, PostgresServer
from tests.service import Service, wait_for

DATABASES = ("cityvitals", "restored")
RULES = json.dumps(["air.no2.hour", "air.no2.day", "air.eu2030.no2.year", "air.us_aqi.nowcast"])
"""What becomes of the database is the same whatever is derived in it."""
SEQUENCE = "select sum(next_seq) from lane where lane = 'ingest-0'"


@pytest.fixture
def operator(own_postgres: PostgresServer, tmp_path: Path) -> Operator:
    """On a server that has seen none of our roles, and no database of these names."""
    for name in DATABASES:
        own_postgres.call(drop_database(own_postgres.admin_dsn(), name))
    return Operator(own_postgres.admin_dsn(), tmp_path)


@contextmanager
def service_on(server: PostgresServer, database: str, folder: Path, port: int) -> Iterator[Service]:
    """The three processes, each as its role, until the end of the block."""
    folder.mkdir()
    reader, broker = as_role(server, database, READER), BrokerSettings(port=port)
    service = Service(folder, reader, broker, AGGREGATOR__ONLY=RULES)
    for process, role in (("ingest", WRITER), ("aggregate", AGGREGATOR)):
        dsn = as_role(server, database, role).dsn.get_secret_value()
        service.override(process, DATABASE__DSN=dsn)
    try:
        yield service
    finally:
        service.stop()


def set_up(operator: Operator, server: PostgresServer) -> None:
    for block in blocks("Roles"):
        operator.types(block)
    operator.knows(set_passwords(server))
    (migrations,) = blocks("Migrations")
    assert operator.types(migrations).endswith("the schema is current\n")


@pytest.mark.mosquitto
def test_set_up_backed_up_under_load_restored_and_going_on(
    operator: Operator,
    own_postgres: PostgresServer,
    own_broker: BrokerServer,
    tmp_path: Path,
    city: str,
) -> None:
    set_up(operator, own_postgres)
    operator.sets(CITYVITALS_AGGREGATOR__ONLY=RULES)
    back_up, restore, check, _ = blocks("Backup and restore")
    workload, port = mixed(city, seed=9), own_broker.port
    half = workload.messages[: len(workload.messages) // 2]
    with service_on(own_postgres, "cityvitals", tmp_path / "before", port) as service:
        service.start("ingest", "aggregate")
        publish(port, workload.declared)
        with publishing(port, half, per_second=100):
            reader = as_role(own_postgres, "cityvitals", READER).dsn.get_secret_value()
            wait_for("something is stored", lambda: state.readings(reader) > 50)
            operator.types(back_up)

    restored = as_role(own_postgres, "restored", READER).dsn.get_secret_value()
    said = operator.types(restore)
    assert "the schema is current" in said and "it adds up" in said
    assert 50 < state.readings(restored) <= len(workload.truth)
    before = state.value(restored, SEQUENCE)

    with service_on(own_postgres, "restored", tmp_path / "after", port) as service:
        service.start("aggregate")
        wait_for("the log is taken", lambda: state.is_taken(restored))
        operator.types(check)
        service.start("ingest", "api")
        publish(port, workload.messages)
        close(service, restored, port, workload)
        assert state.value(restored, SEQUENCE) > before
        assert service.get("/v1/cities")["items"][0]["id"] == city
