"""The walk of docs/api.md: a newcomer types its commands one by one, and sees what it says."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from api.schema_alerts import Alerts
from api.schema_explain import Explanation
from deploy.local.clean import clean
from tests.acceptance.up_run import Ports, Run, running, until

ROOT: Final = Path(__file__).parents[2]
WALK: Final = (ROOT / "docs" / "api.md").read_text().split("## A walk")[1].split("\n## ")[0]
BLOCKS: Final = re.findall(r"^```sh\n(.*?)^```", WALK, re.MULTILINE | re.DOTALL)
_TIMED_OUT: Final = 28
"""What curl says where `--max-time` ended it."""


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cityvitals-walk-") as folder:
        Path(folder).chmod(0o711)
        path = Path(folder) / "var"
        yield path
        clean(path)


class Newcomer:
    """Who types commands into one shell after the other; what was exported stays."""

    def __init__(self, run: Run, data: Path) -> None:
        self._replaced = {
            "127.0.0.1:8080": f"127.0.0.1:{run.port}",
            "var/environment": f"{data}/environment",
            ".venv/bin/": f"{Path(sys.executable).parent}/",
        }
        self._before: list[str] = []

    def types(self, line: str) -> str:
        """What a command prints; it must do what it is for."""
        for old, new in self._replaced.items():
            line = line.replace(old, new)
        script = "\n".join([*self._before, line])
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode in {0, _TIMED_OUT}, f"{line}\n{done.stdout}\n{done.stderr}"
        if line.startswith(("set ", "export ")):
            self._before.append(line)
        return done.stdout


def items(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["items"]
    assert found
    return found


def has_history(run: Run) -> bool:
    if not run.get("/v1/cities")["items"]:
        return False
    path = "/v1/cities/vitalia/indicators/air.pm2_5.hour/history?zone=altstadt"
    found = run.get(path)["items"]
    return sum(one["value"] is not None for one in found) > 1


def test_the_walk_shows_what_it_says(data: Path) -> None:
    with running(data, Ports(), "--history-hours", "3") as run:
        until(lambda: "is up" in run.said() and has_history(run), run.said)
        newcomer = Newcomer(run, data)
        said = [[newcomer.types(line) for line in block.splitlines()] for block in BLOCKS]
        assert run.stop() == 0
    (
        (cities, now),
        (table, shapes),
        (history, sensors, series),
        (why,),
        (alerts,),
        (stream,),
        facts,
    ) = said
    assert [one["id"] for one in items(cities)] == ["vitalia"]
    assert {one["domain"] for one in items(now)} == {"air"}
    assert table.startswith("rule,zone,") and "air.pm2_5.hour,altstadt," in table
    assert {one["id"] for one in json.loads(shapes)["features"]} >= {"altstadt"}
    assert all(one["rule"] == "air.pm2_5.hour" for one in items(history))
    assert {one["zone"] for one in items(sensors)} == {"altstadt"}
    assert {one["quantity"] for one in items(series)} == {"pm2_5"}
    explained = Explanation.model_validate_json(why)
    assert explained.derivation.with_numbers and explained.derivation.inputs[0].stations
    Alerts.model_validate_json(alerts)
    assert "event: snapshot" in stream and "event: value" in stream
    assert json.loads(facts[2])["changes"] == 1
    assert [one["value"] for one in items(facts[3])] == [612.0]
