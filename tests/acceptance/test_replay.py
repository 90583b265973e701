"""Recorded data of four cities through the whole service, against pandas on the same files."""

import json
from pathlib import Path

import pytest

from cityvitals.settings import BrokerSettings, DatabaseSettings
from tests import state
from tests.servers import BrokerServer
from tests.service import Service
from tests.twins import compare
from tests.twins.recorded import SETS
from tests.twins.stage import Stage

DATA = Path(__file__).parent.parent / "data"
EXTRACTS = {name: path for name in SETS for path in (DATA / name).glob("*.csv.gz")}
"""METR-LA is not ours to copy: `python -m tests.twins metr_la FILE` plays it."""
_PATIENCE_S = 300.0


def test_every_set_that_may_be_copied_is_here() -> None:
    assert set(SETS) - set(EXTRACTS) == {"metr_la"}


@pytest.mark.mosquitto
@pytest.mark.parametrize("name", EXTRACTS)
def test_a_replay_gives_what_pandas_gives(
    name: str, tmp_path: Path, database: DatabaseSettings, own_broker: BrokerServer
) -> None:
    one, path = SETS[name], EXTRACTS[name]
    expected = one.expected(path)
    # Rules without a twin would be derived for nobody to compare.
    only = json.dumps(sorted(compare.rules_of(expected)))
    broker = BrokerSettings(port=own_broker.port)
    service = Service(tmp_path, database, broker, AGGREGATOR__ONLY=only)
    try:
        stage = Stage(service, database.dsn.get_secret_value())

        found = stage.replay(name, one.city, path, patience=_PATIENCE_S)

        assert compare.differences(expected, found) == ""
        assert state.ledger(stage.dsn, one.city)["rejected"] == 0
        verified = service.run("verify", "--settled")
        assert verified.returncode == 0, verified.stdout
    finally:
        service.stop()
