"""`verify` finds five faults that are planted in kernels, and none where there is none."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from cityvitals.settings import AggregatorSettings, DatabaseSettings, Settings
from cityvitals.verify.main import CLEAN, DIFFERENT, run
from kpi_rules.load import load_all
from tests.integration.planted import FAULTS, RULE_IDS, rules

SAID = {
    "a counter's reset is a fall": "town/meter/electricity_energy 2026-11-23T15:45:00Z: increase",
    "a gap counts as covered however long": ": estimated: stored 0",
    "levels are averaged as they are": "town/noise/noise_laeq",
    "nothing is late": "town/air/pm2_5",
    "windows lack their last bucket": "energy.electricity.hour",
}


pytestmark = pytest.mark.soak  # kernels as plain Python: minutes each


@pytest.fixture(autouse=True)
def _three_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(load_all(), rules=rules(), problems=())
    monkeypatch.setattr("cityvitals.verify.main.load_all", lambda _: found)


def derive(database: DatabaseSettings, fault: str) -> Settings:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.planted", fault, database.dsn.get_secret_value()],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=400,  # seconds on a machine of its own, minutes on a shared one
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Settings(database=database, aggregator=AggregatorSettings(only=tuple(RULE_IDS)))


def test_without_a_fault_it_is_clean(
    database: DatabaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = derive(database, "none")
    code = run(settings)
    assert code == CLEAN, capsys.readouterr().out


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "none"])
def test_a_fault_is_found(
    fault: str, database: DatabaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = derive(database, fault)
    assert run(settings) == DIFFERENT
    out = capsys.readouterr().out
    assert SAID[fault] in out, out
