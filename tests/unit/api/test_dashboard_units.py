"""The dashboard's own unit tests, which Node runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_units_of_the_dashboard_pass() -> None:
    folder = ROOT / "api" / "dashboard"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    npm = shutil.which("npm", path=path)
    if npm is None or not (folder / "node_modules").exists():
        pytest.skip("the dashboard is not built here: make dashboard")
    done = subprocess.run(
        [npm, "test", "--silent", "--prefix", str(folder)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass" in done.stdout or "pass" in done.stdout
