"""The database stops, dies, refuses to write and runs out of disk: ingest waits, and goes on."""

import re
from pathlib import Path

import pytest

from tests import state
from tests.faults.publisher import publish, publishing
from tests.faults.stage import Stage
from tests.faults.workload import mixed
from tests.servers import BrokerServer, PostgresServer
from tests.service import Service, wait_for

pytestmark = pytest.mark.mosquitto
_AWAY_S = 10.0
_TERMINATE = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = $1 and pid <> pg_backend_pid()
"""


def _name(dsn: str) -> str:
    return dsn.rpartition("/")[2]


def _said_once(service: Service, least: int = 1) -> None:
    """A process that waits says so in lines of its own, never by a traceback."""
    log = service.log("ingest")
    assert log.count("store_away") >= least
    assert "Traceback" not in log and "exception" not in log, log[-3000:]


def test_database_stopped_for_ten_seconds(
    frail_stage: Stage, frail_postgres: PostgresServer, city: str
) -> None:
    workload = mixed(city, 10, packs=600)
    frail_stage.open(workload)
    with publishing(
        frail_stage.broker_port, workload.messages, len(workload.messages) / (_AWAY_S + 2)
    ) as publisher:
        publisher.until(0.1)
        frail_postgres.stop()
        said = frail_stage.service.until_waiting("ingest", "database")
        assert frail_stage.service.is_ready("ingest") is False and len(said) > len("database: ")
        publisher.until(0.1 + _AWAY_S / (_AWAY_S + 2))
        frail_postgres.start()
    wait_for("ingest is ready", lambda: frail_stage.service.is_ready("ingest"))
    frail_stage.close(workload)
    _said_once(frail_stage.service)


def test_database_killed_and_restarted(
    frail_stage: Stage, frail_postgres: PostgresServer, city: str
) -> None:
    workload = mixed(city, 11, packs=400)
    frail_stage.open(workload)
    with publishing(frail_stage.broker_port, workload.messages, 200) as publisher:
        for part in (0.2, 0.6):
            publisher.until(part)
            frail_postgres.kill()
            frail_stage.service.until_waiting("ingest", "database")
            frail_postgres.start()
    frail_stage.close(workload)
    _said_once(frail_stage.service)


def test_ingest_started_before_its_servers(
    frail_stage: Stage, frail_postgres: PostgresServer, own_broker: BrokerServer, city: str
) -> None:
    workload = mixed(city, 12)
    service = frail_stage.service
    frail_postgres.stop()
    own_broker.stop()
    try:
        service.launch("ingest")
        service.until_waiting("ingest", "database")
        own_broker.start()
        service.until_waiting("ingest", "database")
    finally:
        frail_postgres.start()
    wait_for("ingest is ready", lambda: service.is_ready("ingest"))
    service.start("aggregate")
    publish(frail_stage.broker_port, workload.declared)
    publish(frail_stage.broker_port, workload.messages)
    frail_stage.close(workload)
    _said_once(service)


def test_a_database_that_only_reads(postgres: PostgresServer, stage: Stage, city: str) -> None:
    workload = mixed(city, 13)
    name = _name(stage.dsn)
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 200) as publisher:
        publisher.until(0.3)
        state.fetch(stage.dsn, f'alter database "{name}" set default_transaction_read_only = on')
        state.fetch(stage.dsn, _TERMINATE, name)
        wait_for(
            "it says that it may not write",
            lambda: "read-only" in stage.service.until_waiting("ingest", "database"),
        )
        publisher.until(1)
        # A standby that was promoted ends its clients' connections; so does this.
        state.run(postgres.admin_dsn(), f'alter database "{name}" reset all')
        state.fetch(stage.dsn, _TERMINATE, name)
    stage.close(workload)


def test_a_database_that_only_reads_for_a_while_and_keeps_its_connections(
    postgres: PostgresServer, stage: Stage, city: str
) -> None:
    """Nobody ends the connections that began read-only: ingest finds its way all the same."""
    workload = mixed(city, 14)
    name = _name(stage.dsn)
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 200) as publisher:
        publisher.until(0.3)
        state.fetch(stage.dsn, f'alter database "{name}" set default_transaction_read_only = on')
        state.fetch(stage.dsn, _TERMINATE, name)
        stage.service.until_waiting("ingest", "database")
        publisher.until(1)
        state.run(postgres.admin_dsn(), f'alter database "{name}" reset all')
    stage.close(workload)


def test_a_full_disk(postgres: PostgresServer, small_disk: Path, stage: Stage, city: str) -> None:
    workload = mixed(city, 15, packs=2000, size=10)
    space = re.sub(r"\W", "_", city)
    admin = postgres.admin_dsn()
    state.run(admin, f"create tablespace {space} location '{small_disk}'")
    state.run(admin, f"grant create on tablespace {space} to public")
    state.run(stage.dsn, f'alter database "{_name(stage.dsn)}" set default_tablespace = {space}')
    ballast = small_disk / "ballast"
    try:
        stage.open(workload)
        publish(stage.broker_port, workload.messages[:500])
        wait_for("some are stored", lambda: state.readings(stage.dsn) > 0)
        _fill(ballast)
        with publishing(stage.broker_port, workload.messages[500:]) as publisher:
            publisher.until(1)
            said = stage.service.until_waiting("ingest", "database")
            assert "No space left" in said, said
            ballast.unlink()
        stage.close(workload)
    finally:
        ballast.unlink(missing_ok=True)
        stage.service.stop()
        dropped = f'drop database "{_name(stage.dsn)}" with (force)'
        state.run(admin, dropped)
        state.run(admin, f"drop tablespace {space}")


def _fill(ballast: Path) -> None:
    """Take all space that is left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return
