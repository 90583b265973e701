"""`cityvitals up` as its user meets it: it serves, keeps, tells, and leaves nothing behind."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.local.clean import clean
from tests.acceptance.operator_shell import blocks
from tests.acceptance.up_run import PATIENCE_S, Ports, Run, gone, running, until

HISTORY = ("--history-hours", "3")
PARTS = {"postgres", "ingest", "aggregate", "api", "simulate"}


@contextmanager
def place() -> Iterator[Path]:
    """A data folder; one that root's PostgreSQL can live in, and so goes away as a whole."""
    with tempfile.TemporaryDirectory(prefix="cityvitals-up-") as folder:
        Path(folder).chmod(0o711)
        path = Path(folder) / "var"
        yield path
        clean(path)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder of the test's own."""
    with place() as found:
        yield found


def _has_indicators(run: Run) -> bool:
    cities = run.get("/v1/cities")["items"]
    if not cities:
        return False
    found = run.get("/v1/cities/vitalia/indicators")["items"]
    return any(item["value"] is not None for item in found)


def _verified(data: Path) -> None:
    """Join in as the README says, and recompute what was derived."""
    line = f"set -a; . {data}/environment; exec {sys.executable} -m cityvitals verify"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _backed_up_and_restored(data: Path) -> None:
    """As docs/operations.md says, in one shell."""
    programs = sysconfig.get_path("purelib")
    typed = "\n".join(blocks("Backup with make up"))
    for old, new in {
        ". var/": f". {data}/",
        '"$PWD"/.venv/lib/python3.*/site-packages': programs,
        "cityvitals.dump": f"{data.parent}/cityvitals.dump",
        ".venv/bin/": f"{Path(sys.executable).parent}/",
    }.items():
        assert old in typed
        typed = typed.replace(old, new)
    done = subprocess.run(["sh", "-ec", typed], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the schema is current" in done.stdout
    assert done.stdout.endswith("it adds up\n")


def _read_into_the_shell(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `set -a; . var/environment` leaves in a shell."""
    for word in shlex.split((data / "environment").read_text(), comments=True):
        name, _, value = word.partition("=")
        monkeypatch.setenv(name, value)


def test_it_serves_live_indicators_keeps_them_and_leaves_no_process(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = Ports()
    with running(data, ports, *HISTORY) as run:
        run.until_said("CityVitals is up: http://127.0.0.1:")
        until(lambda: set(run.children()) >= PARTS, lambda: f"{run.children()}")
        until(lambda: _has_indicators(run), run.said)
        run.until_said("readings/s")
        assert (data / "environment").stat().st_mode & 0o077 == 0
        _verified(data)
        _backed_up_and_restored(data)
        family = run.family()
        assert run.stop() == 0
        assert gone(family)
        assert "stopped; the data stays in" in run.said()
        assert not list((data / "run").glob("*.pid"))
    _read_into_the_shell(data, monkeypatch)
    with running(data, ports, "--no-simulator") as again:
        again.until_said("CityVitals is up")
        assert _has_indicators(again)
        assert "simulate" not in again.children()
        assert "postgres" in again.children()
        assert again.stop(signal.SIGINT) == 0


def test_killed_itself_it_takes_everything_with_it(data: Path) -> None:
    with running(data, Ports(), *HISTORY) as run:
        run.until_said("CityVitals is up")
        family = run.family()
        run.stop(signal.SIGKILL)
        until(lambda: gone(family), lambda: str(family))


def test_a_child_that_hangs_does_not_keep_it_from_stopping(data: Path) -> None:
    with running(data, Ports(), "--no-simulator") as run:
        run.until_said("CityVitals is up")
        family = run.family()
        until(lambda: "api" in run.children(), run.said)
        run.children()["api"].suspend()
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(PATIENCE_S) == 0
        assert gone(family)
    clean(data)
    assert not data.exists()


def _refusal(data: Path, ports: Ports) -> str:
    """What an `up` says that cannot start."""
    with running(data, ports, "--no-simulator") as run:
        assert run.process.wait(PATIENCE_S) == 2
        assert "Traceback" not in run.said()
        return run.said()


@pytest.mark.parametrize("which", ["page", "database", "broker"])
def test_a_taken_port_is_told_with_what_changes_it(data: Path, which: str) -> None:
    ports = Ports()
    setting = {
        "page": "--port",
        "database": "--database-port",
        "broker": "CITYVITALS_BROKER__PORT",
    }
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", getattr(ports, which)))
        holder.listen()
        said = _refusal(data, ports)
    assert f"port {getattr(ports, which)} for " in said
    assert f"(process {os.getpid()})" in said
    assert f"choose another one with {setting[which]}" in said


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with running(tmp_path / "file" / "var", Ports()) as run:
        assert run.process.wait(PATIENCE_S) == 2
        assert "make it writable, or choose another one with --data" in run.said()


class Quiet(NamedTuple):
    """One without a simulator, in a folder that is closed to others, and where its data is."""

    run: Run
    data: Path


@pytest.fixture(scope="module")
def quiet() -> Iterator[Quiet]:
    """Several tests ask something of it, and each leaves it running."""
    with place() as data:
        closed = data.parent / "closed"
        closed.mkdir(mode=0o700)
        with running(closed / "var", Ports(), "--no-simulator") as run:
            run.until_said("CityVitals is up")
            yield Quiet(run, closed / "var")
            assert run.stop() == 0
        clean(closed / "var")
        assert not (closed / "var").exists()


def test_folders_above_the_data_keep_their_permissions(quiet: Quiet) -> None:
    assert quiet.data.parent.stat().st_mode & 0o777 == 0o700


def test_a_part_that_dies_is_told_and_started_again(quiet: Quiet) -> None:
    run = quiet.run
    until(lambda: "ingest" in run.children(), run.said)
    before = run.children()["ingest"].pid
    os.kill(before, signal.SIGKILL)
    run.until_said("ingest was ended by signal 9; starting it again in 0.5 s")
    until(lambda: "ingest" in run.children(), run.said)
    assert run.children()["ingest"].pid != before


def test_a_second_one_on_the_same_folder_is_refused(quiet: Quiet) -> None:
    with running(quiet.data, Ports(), "--no-simulator") as second:
        assert second.process.wait(PATIENCE_S) == 2
        assert f"is in use by process {quiet.run.process.pid}: stop that one" in second.said()


def test_clean_refuses_what_is_in_use(quiet: Quiet) -> None:
    command = [sys.executable, "-m", "deploy.local.clean", str(quiet.data)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "is in use by process" in refused.stderr
    assert quiet.run.process.poll() is None
