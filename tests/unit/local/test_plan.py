"""What `up` decides before it starts anything."""

from pathlib import Path

import pytest

from cityvitals.settings import load_settings
from deploy.local.note import Note, read_note, write_note
from deploy.local.plan import BROKER_PORT, Options, Plan, make_plan


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def _plan() -> Plan:
    return make_plan(load_settings(), Options())


def test_without_settings_broker_and_database_are_our_own() -> None:
    plan = _plan()
    assert plan.own_broker
    assert plan.own_database
    assert plan.broker_port == BROKER_PORT
    assert plan.page == "http://127.0.0.1:8080/"
    assert plan.data.is_absolute()


def test_a_port_alone_moves_the_embedded_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_BROKER__PORT", "1999")
    plan = _plan()
    assert plan.own_broker
    assert plan.environment("dsn")["CITYVITALS_BROKER__PORT"] == "1999"


def test_a_named_broker_is_used_on_its_usual_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_BROKER__HOST", "mqtt.example")
    plan = _plan()
    assert not plan.own_broker
    assert plan.broker_port == 1883
    assert plan.environment("dsn")["CITYVITALS_BROKER__HOST"] == "mqtt.example"


def test_a_named_database_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", "postgresql://db.example/x")
    assert not _plan().own_database


def test_a_setting_in_the_file_counts_like_one_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "cityvitals.toml").write_text('[broker]\nhost = "mqtt.example"\nport = 8883\n')
    plan = _plan()
    assert not plan.own_broker
    assert plan.broker_port == 8883


def test_workers_of_ingest_have_a_port_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_INGEST__WORKERS", "3")
    ports = [use.port for use in _plan().ports() if "health of ingest" in use.purpose]
    assert ports == [9101, 9111, 9121]


def test_workers_of_the_aggregator_have_a_port_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_AGGREGATOR__WORKERS", "2")
    ports = [use.port for use in _plan().ports() if "health of aggregate" in use.purpose]
    assert ports == [9102, 9112]


def test_each_port_names_what_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_AGGREGATOR__HEALTH_PORT", "9222")
    uses = {use.setting: use.port for use in _plan().ports()}
    assert uses == {
        "--port": 8080,
        "CITYVITALS_INGEST__HEALTH_PORT": 9101,
        "CITYVITALS_AGGREGATOR__HEALTH_PORT": 9222,
        "CITYVITALS_API__HEALTH_PORT": 9103,
    }


@pytest.mark.parametrize("own", [True, False])
def test_who_read_our_note_into_the_shell_means_our_own_servers(
    *, own: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "environment"
    noted = _plan().environment("postgresql://cityvitals:a'b c@127.0.0.1:25432/cityvitals")
    write_note(file, noted, own_broker=own, own_database=own)
    assert file.stat().st_mode & 0o077 == 0
    for name, value in noted.items():
        monkeypatch.setenv(name, value)
    plan = make_plan(load_settings(), Options(), read_note(file))
    assert (plan.own_broker, plan.own_database) == (own, own)
    assert plan.broker_port == BROKER_PORT
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", "postgresql://db.example/x")
    monkeypatch.setenv("CITYVITALS_BROKER__PORT", "1999")
    other = make_plan(load_settings(), Options(), read_note(file))
    assert (other.own_broker, other.own_database) == (False, False)


@pytest.mark.parametrize("text", ["", "CITYVITALS_BROKER__PORT=1883\n", "# something else\nA=1\n"])
def test_a_note_that_says_nothing_of_servers_names_none(text: str, tmp_path: Path) -> None:
    assert read_note(tmp_path / "environment") == Note()
    (tmp_path / "environment").write_text(text)
    assert read_note(tmp_path / "environment") == Note()
