"""What docs/operations.md says of a production database is done as it stands, on a real service."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.server import drop_database
from deploy.local.lodging import shipped_programs
from tests import state
from tests.faults.closing import close
from tests.faults.publisher import publish, publishing
from tests.faults.workload import mixed
from tests.roles import AGGREGATOR, READER, WRITER, as_role, set_passwords
from tests.servers import BrokerServer, PostgresServer
from tests.service import Service, wait_for

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
DATABASES = ("cityvitals", "restored")


def blocks(heading: str) -> list[str]:
    """The commands under a heading, block by block."""
    section = PAGE.split(f"### {heading}\n")[1]
    section = re.split(r"^##", section, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


class Operator:
    """Who types the page's commands into a shell, and has a `.pgpass`."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        place = urlsplit(server.admin_dsn())
        self._passwords = folder / "pgpass"
        self._passwords.write_text(f"*:*:*:postgres:{place.password}\n")
        self._passwords.chmod(0o600)
        bin_folder = Path(sys.executable).parent
        self._said = {"db.example": "127.0.0.1", ".venv/bin/": f"{bin_folder}/"}
        self._said["deploy/database/"] = f"{ROOT}/deploy/database/"
        self._exported: list[str] = []
        self._environment = {
            "PATH": f"{shipped_programs()}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(place.port),
            "PGUSER": "postgres",
            "PGPASSFILE": str(self._passwords),
        }

    def knows(self, passwords: dict[str, str]) -> None:
        with self._passwords.open("a") as file:
            file.writelines(f"*:*:*:{role}:{word}\n" for role, word in passwords.items())

    def types(self, commands: str) -> str:
        """Run a block, with what was exported before; what it prints."""
        for old, new in self._said.items():
            commands = commands.replace(old, new)
        exported = "\n".join(self._exported)
        self._exported += re.findall(r"^export .*$", commands, re.MULTILINE)
        done = subprocess.run(
            ["sh", "-e", "-c", f"{exported}\n{commands}"],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def operator(own_postgres: PostgresServer, tmp_path: Path) -> Operator:
    """On a server that has seen none of our roles, and no database of these names."""
    for name in DATABASES:
        own_postgres.call(drop_database(own_postgres.admin_dsn(), name))
    return Operator(own_postgres, tmp_path)


def service_on(server: PostgresServer, database: str, folder: Path, port: int) -> Service:
    """The three processes, each as its role."""
    folder.mkdir()

    def dsn(role: str) -> str:
        return as_role(server, database, role).dsn.get_secret_value()

    reader: DatabaseSettings = as_role(server, database, READER)
    service = Service(folder, reader, BrokerSettings(port=port))
    service.override("ingest", DATABASE__DSN=dsn(WRITER))
    service.override("aggregate", DATABASE__DSN=dsn(AGGREGATOR))
    return service


@pytest.mark.mosquitto
def test_set_up_backed_up_under_load_restored_and_going_on(
    operator: Operator,
    own_postgres: PostgresServer,
    own_broker: BrokerServer,
    tmp_path: Path,
    city: str,
) -> None:
    for block in blocks("Roles"):
        operator.types(block)
    operator.knows(set_passwords(own_postgres))
    (migrations,) = blocks("Migrations")
    assert operator.types(migrations).endswith("the schema is current\n")
    back_up, restore, check, _ = blocks("Backup and restore")

    workload = mixed(city, seed=9)
    half = len(workload.messages) // 2
    service = service_on(own_postgres, "cityvitals", tmp_path / "before", own_broker.port)
    try:
        service.start("ingest", "aggregate")
        publish(own_broker.port, workload.declared)
        with publishing(own_broker.port, workload.messages[:half], per_second=100):
            reader = as_role(own_postgres, "cityvitals", READER).dsn.get_secret_value()
            wait_for("something is stored", lambda: state.readings(reader) > 50)
            operator.types(back_up)
    finally:
        service.stop()
    restored = as_role(own_postgres, "restored", READER).dsn.get_secret_value()
    said = operator.types(restore)
    assert "the schema is current" in said and "it adds up" in said
    assert 50 < state.readings(restored) <= len(workload.truth)
    sequence = "select sum(next_seq) from lane where lane = 'ingest-0'"
    before = state.value(restored, sequence)

    service = service_on(own_postgres, "restored", tmp_path / "after", own_broker.port)
    try:
        service.start("aggregate")
        wait_for("the log is taken", lambda: state.is_taken(restored))
        operator.types(check)
        service.start("ingest", "api")
        publish(own_broker.port, workload.messages)
        close(service, restored, own_broker.port, workload)
        assert state.value(restored, sequence) > before
        assert service.get("/v1/cities")["items"][0]["id"] == city
    finally:
        service.stop()
