"""`verify` finds five faults that are planted in kernels, and none where there is none."""

import json
import os
import subprocess
import sys
from typing import Any, Final

import pytest

from cityvitals.settings import DatabaseSettings
from tests.integration.planted import FAULTS

SAID: Final = {
    "a counter's reset is a fall": "town/meter/electricity_energy 2026-11-23T15:45:00Z: increase",
    "a gap counts as covered however long": ": estimated: stored 0",
    "levels are averaged as they are": "rollup town/noise/noise_laeq",
    "nothing is late within its bucket": "air.pm2_5.hour (city) 2026-11-23T16:00:00Z: value",
    "windows lack their last bucket": "indicator town air.pm2_5.hour",
}


@pytest.fixture(scope="module")
def found(module_database: DatabaseSettings) -> dict[str, Any]:
    """What `verify` said of each fault."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.planted", module_database.dsn.get_secret_value()],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=400,  # seconds on a machine of its own, minutes on a shared one
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_without_a_fault_it_is_clean(found: dict[str, Any]) -> None:
    assert found["none"]["clean"], found["none"]["text"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, found: dict[str, Any]) -> None:
    assert not found[fault]["clean"]
    assert SAID[fault] in found[fault]["text"], found[fault]["text"]
