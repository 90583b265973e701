"""The commands that the documentation tells people to type exist, and the cheap ones are run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from api.app import create_app
from cityvitals.settings import Settings
from deploy.local.lodging import shipped_programs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVED = re.compile(r"`(/[\w./-]*)` of a running service")
LINK = re.compile(r"\]\(([^)#:]+)\)")
BIN = Path(sys.executable).parent


def _commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in FENCED.findall(page.read_text()):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(page.name, line) for line in lines if line and not line.startswith("#")]
    return list(dict.fromkeys(found))


def _targets(more: str = "") -> set[str]:
    """The Makefile's targets; those listed by `make help` have a sentence after ##."""
    return set(re.findall(f"^([a-z-]+):.*{more}", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _subcommand(words: list[str]) -> list[str]:
    """The words that name a subcommand: those before the first option or file."""
    named = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    grouped = {"registry", "deadletters", "migrate", "rules", "token"}
    return named if named[:1] and named[0] in grouped else named[:1]


@pytest.mark.parametrize(("page", "line"), _commands())
def test_command_exists(page: str, line: str) -> None:
    for part in re.split("&&|;", line):
        words = shlex.split(part)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        is_root = words[:1] == ["sudo"]
        words = words[is_root:]
        program = words[0] if words else "export"
        if program == ".":
            continue  # a file that a running service wrote
        if program == "make":
            assert words[1] in _targets(), f"{page}: {line}"
        elif Path(program).name == "cityvitals":
            _runs([str(BIN / "cityvitals"), *_subcommand(words[1:]), "--help"], line)
        elif program.startswith(".venv/bin/"):
            assert (BIN / Path(program).name).exists(), f"{page}: {line}"
        elif program in {"psql", "pg_dump", "pg_restore"}:
            assert (shipped_programs() / program).exists(), f"{page}: {line}"
        elif program == "sh":
            assert (ROOT / words[1]).exists(), f"{page}: {line}"
        elif is_root:
            assert program in {"apt-get", "systemctl", "systemd-sysusers", "install", "cp"}
            files = [word for word in words if word.startswith("deploy/")]
            assert all((ROOT / file).exists() for file in files), f"{page}: {line}"
        else:
            assert program in {"curl", "export", "set"}, f"{page}: {line}"


@pytest.mark.parametrize("command", [["make"], ["make", "help"]])
def test_make_lists_its_verbs(command: list[str]) -> None:
    said = _runs(command, " ".join(command))
    assert {f"make {verb}" for verb in _targets("## ")} <= set(re.findall(r"make [a-z-]+", said))
    verbs = {"up", "dashboard", "test", "check", "bench", "bench-peers", "soak", "clean", "help"}
    assert _targets("## ") == verbs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


def test_addresses_of_a_running_service_are_there() -> None:
    routes = {getattr(route, "path", "") for route in create_app(Settings()).routes}
    named = {path for page in PAGES for path in SERVED.findall(page.read_text())}
    assert named
    assert named <= routes


def _runs(command: list[str], line: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout
