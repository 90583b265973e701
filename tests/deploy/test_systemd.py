"""The units: verified by systemd's own tool, and as closed as they claim to be."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from cityvitals.cli import app
from cityvitals.settings import load_settings

SHIPPED = Path(__file__).parents[2] / "deploy/systemd"
UNITS = sorted(SHIPPED.glob("*.service"))
PROGRAM = Path(sys.executable).with_name("cityvitals")
pytestmark = pytest.mark.skipif(
    which("systemd-analyze") is None, reason="no systemd-analyze here: apt-get install systemd"
)


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--man=no", "--generators=no", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def installed(folder: Path, old: str = "", new: str = "") -> list[Path]:
    """The units with their program where this machine has it, and a change in them."""
    copies = []
    for file in (*UNITS, SHIPPED / "cityvitals.target"):
        text = file.read_text().replace("/opt/cityvitals/bin/cityvitals", str(PROGRAM))
        copies.append(folder / file.name)
        copies[-1].write_text(text.replace(old, new))
    return copies


def test_systemd_has_nothing_to_say_against_them(tmp_path: Path) -> None:
    done = analyze("verify", *installed(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_line_would_be_noticed(tmp_path: Path) -> None:
    done = analyze("verify", *installed(tmp_path, "RestartSec=", "RestartSecs="))
    assert "'RestartSecs'" in done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_may_little(unit: Path) -> None:
    """Systemd rates from 0, closed, to 10."""
    done = analyze("security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_there_is_and_is_part_of_the_target(unit: Path) -> None:
    text = unit.read_text()
    (command,) = re.findall(r"^ExecStart=/opt/cityvitals/bin/cityvitals (\w+)$", text, re.MULTILINE)
    assert unit.stem == f"cityvitals-{command}"
    assert command in {one.callback.__name__ for one in app.registered_commands if one.callback}
    assert "WantedBy=cityvitals.target" in text
    assert "PartOf=cityvitals.target" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_settings_on_the_page_are_settings(
    unit: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (SHIPPED.parents[1] / "docs/operations.md").read_text()
    blocks = re.findall(
        r"^```ini\n# (/etc/cityvitals/\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    )
    files = dict(blocks)
    read = re.findall(r"^EnvironmentFile=-(\S+)$", unit.read_text(), re.MULTILINE)
    assert set(read) <= set(files)
    monkeypatch.chdir(tmp_path)
    own = re.findall(r"^Environment=(\w+=\S+)$", unit.read_text(), re.MULTILINE)
    lines = [line for file in read for line in files[file].splitlines()]
    for line in lines + own:
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert "db.example" in settings.database.dsn.get_secret_value()
    assert settings.broker.tls


def test_they_name_nothing_that_is_not_installed() -> None:
    named = {
        place
        for unit in (*UNITS, SHIPPED / "cityvitals.target")
        for place in re.findall(r"/opt/cityvitals[\w/.]*", unit.read_text())
    }
    assert named == {"/opt/cityvitals/bin/cityvitals"}


@pytest.mark.skipif(which("systemd-sysusers") is None, reason="no systemd-sysusers here")
def test_the_user_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    command: list[str | Path] = [
        "systemd-sysusers",
        f"--root={tmp_path}",
        SHIPPED / "cityvitals.conf",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^cityvitals:.*nologin$", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)
