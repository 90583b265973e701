"""The compose file: against its schema, its parts against each other, its scripts run for real."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from cityvitals import __version__
from cityvitals.cli import app
from cityvitals.settings import BrokerSettings, load_settings
from deploy.local.broker import find_mosquitto
from deploy.local.lodging import shipped_programs
from tests import state
from tests.roles import AGGREGATOR, OWNER, READER, WRITER
from tests.servers import Background, PostgresServer
from tests.tls_broker import Peer, SecureBroker

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GROUPS = {group.name for group in app.registered_groups}
COMMANDS = GROUPS | {one.callback.__name__ for one in app.registered_commands if one.callback}
OURS = ("migrate", "ingest", "aggregate", "api")
SECRET = re.compile(r"/run/secrets/([\w.]+)")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="prepare.sh is for root: run as root")
needs_broker = pytest.mark.skipif(
    not (find_mosquitto() and shutil.which("openssl") and shutil.which("mosquitto_sub")),
    reason="no mosquitto or openssl here: apt-get install mosquitto mosquitto-clients openssl",
)


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("check-jsonschema")
    command: list[str | Path] = [tool, "--builtin-schema", "vendor.compose-spec", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_what_the_schema_of_compose_files_allows(tmp_path: Path) -> None:
    done = checked(FILE)
    assert done.returncode == 0, done.stdout
    (tmp_path / "bad.yaml").write_text(FILE.read_text().replace("read_only:", "readonly:"))
    assert checked(tmp_path / "bad.yaml").returncode == 1


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_there(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    named = [one if isinstance(one, str) else one["source"] for one in service.get("secrets", ())]
    assert set(named) <= set(COMPOSE["secrets"])
    inside = {one if isinstance(one, str) else one["target"] for one in service.get("secrets", ())}
    values = (str(value) for value in service.get("environment", {}).values())
    assert {found for value in values for found in SECRET.findall(value)} <= inside
    for mount in service.get("volumes", ()):
        source = mount.partition(":")[0]
        if source.startswith("./site/"):
            continue  # prepare.sh makes it: see below
        assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), mount


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_pinned_and_may_little(name: str) -> None:
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.search(r":v?\d+\.\d+\.\d+(-pg\d+)?$", service["image"]), "an exact version"
    if name != "migrate":
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
        assert "healthcheck" in service
    if name != "database":  # its comment says why
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    published = [port for port in service.get("ports", ()) if not port.startswith("127.0.0.1:")]
    assert published == (["8883:8883"] if name == "broker" else [])


@pytest.mark.parametrize("name", OURS)
def test_settings_of_ours_are_known_and_each_has_its_role(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = SERVICES[name]
    assert service["image"] == f"cityvitals:{__version__}"
    monkeypatch.chdir(tmp_path)
    for key, value in service["environment"].items():
        monkeypatch.setenv(key, re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value))
    settings = load_settings()
    role = {"migrate": OWNER, "ingest": WRITER, "aggregate": AGGREGATOR, "api": READER}[name]
    dsn = urlsplit(settings.database.dsn.get_secret_value())
    assert (dsn.username, dsn.hostname, dsn.password) == (role, "database", None)
    (pgpass,) = (one for one in service["secrets"] if isinstance(one, dict))
    file = COMPOSE["secrets"][pgpass["source"]]["file"]
    assert file.endswith(f"pgpass.{role.removeprefix('cityvitals_')}")
    if name != "migrate":
        ports = {
            "ingest": settings.ingest.health_port,
            "aggregate": settings.aggregator.health_port,
            "api": settings.api.health_port,
        }
        assert service["healthcheck"]["test"][-1] == str(ports[name])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.sh makes."""
    place = tmp_path_factory.mktemp("deploy") / "site"
    prepare(place)
    return place


def prepare(site: Path) -> None:
    command: list[str | Path] = ["sh", DEPLOY / "prepare.sh", "localhost", site]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_root
def test_what_is_mounted_is_made_and_only_whom_it_is_for_may_read_it(site: Path) -> None:
    files = [site / one["file"].removeprefix("./site/") for one in COMPOSE["secrets"].values()]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o400"}
    owners = {file.name: file.stat().st_uid for file in files}
    assert {owners[f"pgpass.{role}"] for role in ("owner", "writer", "aggregator", "reader")} == {
        10001
    }
    assert owners["grafana_admin"] == owners["grafana_database"] == 472
    assert owners["owner"] == owners["postgres"] == 70
    assert oct(site.stat().st_mode & 0o777) == "0o700"
    for mount in SERVICES["broker"]["volumes"]:
        assert (site / mount.partition(":")[0].removeprefix("./site/")).stat().st_uid == 1883


@needs_root
def test_prepared_again_it_keeps_passwords_accounts_and_certificates(site: Path) -> None:
    account = site / "mosquitto/gateways.passwd"
    account.write_text("vitalia/air/g1:$7$101$x$y\n")
    kept = [*(site / "secrets").iterdir(), *(site / "mosquitto/certs").iterdir(), account]
    before = {file: file.read_bytes() for file in kept}
    (site / "mosquitto/gateways.acl").unlink()
    prepare(site)
    assert {file: file.read_bytes() for file in kept} == before
    assert (site / "mosquitto/gateways.acl").exists()


@needs_root
def test_the_database_is_made_with_its_roles_and_passwords(
    site: Path, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    place = urlsplit(own_postgres.admin_dsn())
    script = (DEPLOY / "database/init.sh").read_text()
    for old, new in {
        "/run/secrets": f"{site}/secrets",
        "/cityvitals/roles.sql": f"{DEPLOY}/database/roles.sql",
        "cityvitals --file": "composed --file",
    }.items():
        assert old in script
        script = script.replace(old, new)
    environment = {
        "PATH": f"{shipped_programs()}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(place.port),
        "PGPASSWORD": str(place.password),
    }
    command = ["sh", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    owner = f"postgresql://{OWNER}@127.0.0.1:{place.port}/composed"
    shutil.copy(site / "secrets/pgpass.owner", tmp_path / "pgpass")
    migrated = subprocess.run(
        [sys.executable, "-m", "cityvitals", "migrate"],
        env={**os.environ, "CITYVITALS_DATABASE__DSN": owner, "PGPASSFILE": f"{tmp_path}/pgpass"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr
    reader = (site / "secrets/grafana_database").read_text().strip()
    dsn = f"postgresql://{READER}:{reader}@127.0.0.1:{place.port}/composed"
    assert state.value(dsn, "select count(*) from city") == 0


@needs_root
@needs_broker
@pytest.mark.mosquitto
def test_the_broker_starts_with_what_was_made_and_answers_its_health_check(
    site: Path, background: Background, tmp_path: Path
) -> None:
    broker = SecureBroker(background, prepared=site / "mosquitto")
    broker.start()
    try:
        settings = BrokerSettings(
            host="localhost",
            port=broker.service_port,
            tls=True,
            ca_file=site / "secrets/ca.pem",
            username="cityvitals",
            password_file=site / "secrets/broker",
        )
        with Peer(settings) as service:
            assert service.answer == "Success"
        options = (site / "mosquitto/operator/mosquitto_sub").read_text()
        moved = options.replace("/etc/mosquitto", str(broker.etc))
        (tmp_path / "mosquitto_sub").write_text(moved.replace("8884", str(broker.service_port)))
        check = SERVICES["broker"]["healthcheck"]["test"][1:]
        done = subprocess.run(
            [word.replace("$$", "$") for word in check],
            env={"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "seconds" in done.stdout
    finally:
        broker.discard()


def test_grafana_is_told_where_the_others_are() -> None:
    folder = DEPLOY / "grafana/provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards/cityvitals.yml").read_text())["providers"]
    assert provider["options"]["path"] in {
        mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]
    }
    sources = yaml.safe_load((folder / "datasources/cityvitals.yml").read_text())["datasources"]
    hosts = {re.sub("http://|:.*", "", one["url"]) for one in sources}
    assert hosts == {"prometheus", "database"}
    for one in sources:
        networks = SERVICES[re.sub("http://|:.*", "", one["url"])]["networks"]
        assert set(networks) & set(SERVICES["grafana"]["networks"])
    used = {
        uid
        for file in DEPLOY.glob("grafana/dashboards/*.json")
        for uid in re.findall(r'"uid": "(cityvitals-(?:metrics|database))"', file.read_text())
    }
    assert used == {one["uid"] for one in sources}
    (secret,) = SECRET.findall(str(sources))
    assert secret in SERVICES["grafana"]["secrets"]


def docker_lines() -> Iterator[str]:
    """The commands with docker that the pages tell people to type, none of which can run here."""
    for page in ("docs/operations.md", "docs/gateways.md", "README.md"):
        yield from re.findall(r"^docker compose .*$", (ROOT / page).read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(docker_lines())))
def test_a_command_of_the_page_names_what_there_is(line: str) -> None:
    words = line.replace("docker compose", "").split("#")[0].split()
    verb = words[0]
    assert verb in {"build", "up", "stop", "exec", "run", "kill", "restart", "ps"}
    named = [word for word in words[1:] if not word.startswith("-")]
    if verb in {"exec", "run"}:
        named = [word for word in named if word in SERVICES][:1]
        assert named, line
    if verb == "run" and named[0] in OURS:
        told = words[words.index(named[0]) + 1 :]
        assert not told or told[0] in COMMANDS, line
    if verb == "kill":
        named = named[1:]  # after the signal
    assert set(named) <= set(SERVICES), line
