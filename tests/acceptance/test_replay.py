"""Recorded data of three cities through the whole service, against pandas on the same files."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cityvitals.settings import DatabaseSettings
from tests import state
from tests.service import Service, wait_for
from tests.twins import beijing, compare, ferrara, steel

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Recorded:
    mapping: str
    city: str
    expected: Any

    @property
    def path(self) -> Path:
        (found,) = (DATA / self.mapping).glob("*.csv.gz")
        return found


SETS = [
    Recorded("beijing", "beijing", beijing.expected),
    Recorded("ferrara", "ferrara", ferrara.expected),
    Recorded("steel", "gwangyang", steel.expected),
]


@pytest.mark.mosquitto
@pytest.mark.parametrize("one", SETS, ids=lambda one: one.mapping)
def test_a_replay_gives_what_pandas_gives(
    one: Recorded, service: Service, database: DatabaseSettings, tmp_path: Path
) -> None:
    dsn = database.dsn.get_secret_value()
    service.start("ingest", "aggregate")
    registry = service.run("registry", "apply", f"simulator/registries/{one.mapping}.toml")
    assert registry.returncode == 0, registry.stderr
    report = tmp_path / "report.json"
    played = service.run(
        "simulate", "--replay", str(one.path), "--mapping", one.mapping, "--report", str(report)
    )
    assert played.returncode == 0, played.stderr
    sent = json.loads(report.read_text())["readings"]

    wait_for("every window is final", lambda: state.is_settled(dsn, one.city))

    assert state.readings(dsn) == sent
    books = state.ledger(dsn, one.city)
    assert books == {"received": sent, "stored": sent, "duplicate": 0, "revised": 0, "rejected": 0}
    facts = "select zone, value from fact where city = $1 and name = 'population'"
    population = {row["zone"]: row["value"] for row in state.fetch(dsn, facts, one.city)}
    expected = (
        one.expected(one.path, population) if one.mapping != "beijing" else one.expected(one.path)
    )
    assert compare.differences(expected, asyncio.run(compare.stored(dsn, one.city))) == ""
    verified = service.run("verify", "--settled")
    assert verified.returncode == 0, verified.stdout
