"""The Dockerfile: linted, and its steps done with what it copies, in a bare environment."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deploy.image.ready import ask
from deploy.local.ports import free_port
from tests import plain
from tests.service import wait_for

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/image/Dockerfile"
STEPS = FILE.read_text().replace("\\\n", " ").splitlines()
COPIED = [word for step in STEPS if re.match("COPY [^-]", step) for word in step.split()[1:-1]]
HADOLINT = Path(sys.executable).with_name("hadolint")


def test_the_linter_finds_nothing() -> None:
    if not HADOLINT.exists():
        pytest.skip("no wheel of hadolint for this machine")
    done = subprocess.run([HADOLINT, FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    if not HADOLINT.exists():
        pytest.skip("no wheel of hadolint for this machine")
    bad = tmp_path / "Dockerfile"
    bad.write_text(FILE.read_text().replace(":3.13.11-slim-bookworm", ""))
    assert subprocess.run([HADOLINT, bad], capture_output=True, check=False).returncode == 1


def test_what_is_copied_is_let_into_the_build() -> None:
    lines = FILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(COPIED)
    kept_out = [rule for rule in rules[1:] if not rule.startswith("!")]
    assert any(fnmatch("api/dashboard/dist", rule) for rule in kept_out)
    assert any(fnmatch("deploy/site", rule) for rule in kept_out), "passwords are there"


def test_it_runs_as_nobody_special_and_both_stages_have_the_same_python() -> None:
    assert [step for step in STEPS if step.startswith("USER")] == ["USER 10001:10001"]
    bases = {step.split()[1] for step in STEPS if step.startswith("FROM")}
    assert len(bases) == 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the Dockerfile makes of what it copies; caches of downloads are shared."""
    source = tmp_path_factory.mktemp("src")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *COPIED]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, place)
    (step,) = [step for step in STEPS if step.startswith("RUN sh ")]
    target = source / "opt"
    command = step.removeprefix("RUN ").replace("/opt/cityvitals", str(target))
    bare = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(source), "PYTHON": sys.executable}
    home = Path.home()
    caches = {
        "UV_CACHE_DIR": home / ".cache/uv",
        "PIP_CACHE_DIR": home / ".cache/pip",
        "npm_config_cache": home / ".npm",
    }
    environment = bare | {name: str(place) for name, place in caches.items()}
    done = subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    yield target
    shutil.rmtree(source)


def test_what_is_built_serves_the_dashboard_without_its_source(built: Path, tmp_path: Path) -> None:
    page, health = free_port(), free_port()
    environment = {
        "PATH": f"{built / 'bin'}:{os.defpath}",
        "CITYVITALS_API__PORT": str(page),
        "CITYVITALS_API__HEALTH_PORT": str(health),
        "CITYVITALS_DATABASE__DSN": f"postgresql://nobody@127.0.0.1:{free_port()}/nothing",
    }
    with (tmp_path / "api.log").open("wb") as log:
        api = subprocess.Popen(["cityvitals", "api"], env=environment, cwd=tmp_path, stderr=log)
    try:
        said = wait_for("health answers", lambda: _refused(health))
        assert "database" in said
        assert "<script" in plain.get(f"http://127.0.0.1:{page}/").text
    finally:
        api.terminate()
        assert api.wait(20) == 0
    assert ask(health)[1].startswith(f"port {health} does not answer")


def _refused(port: int) -> str:
    """Why a process says that it is not ready; empty while it says nothing."""
    is_ready, said = ask(port)
    assert not is_ready
    return "" if "does not answer" in said else said


def test_what_is_built_has_the_rules_and_none_of_the_tools(built: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [built / "bin" / "cityvitals", *words]
        return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)

    assert run("rules", "list").returncode == 0
    refused = run("up")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "needs the extra `local`" in refused.stderr
    assert not list(built.glob("lib/python3.*/site-packages/pytest*"))
