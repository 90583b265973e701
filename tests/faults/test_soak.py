"""Everything that `up` runs is killed over and over while a city speaks: nothing goes wrong."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.clean import clean
from tests.acceptance.up_run import Ports, Run, running, until

MINUTES = float(os.environ.get("CITYVITALS_SOAK_MINUTES", "10"))
REST_S = (2.0, 12.0)
"""Between two kills: less than some parts take to come back, and more than others."""


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cityvitals-soak-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "var"
        clean(Path(folder) / "var")


def _kill_one(run: Run, chance: random.Random) -> str:
    name, process = chance.choice(sorted(run.children().items()))
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return ""
    return name


def _verified(data: Path) -> bool:
    """Whether all that was derived is what the stored readings say."""
    line = f"set -a; . {data}/environment; exec {sys.executable} -m cityvitals verify"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode < 2, done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.soak
def test_killed_over_and_over_it_comes_back_and_verifies(data: Path) -> None:
    chance = random.Random(20261123)  # noqa: S311 (a repeatable choice)
    killed: list[str] = []
    with running(data, Ports(), "--history-hours", "6") as run:
        run.until_said("CityVitals is up")
        end = time.monotonic() + 60 * MINUTES
        while time.monotonic() < end:
            killed.append(_kill_one(run, chance))
            time.sleep(chance.uniform(*REST_S))
        until(lambda: "lag 0 · errors" in run.said().splitlines()[-1], run.said)
        until(lambda: _verified(data), run.said)
        assert run.stop() == 0
        assert "Traceback" not in run.said(), run.said()
    assert len(killed) > 4 * MINUTES
