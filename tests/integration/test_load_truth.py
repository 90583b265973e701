"""What a load says must become of its readings is what the service makes of them."""

import json
from pathlib import Path

import pytest

from cityvitals.domain.outcome import Outcome
from cityvitals.settings import DatabaseSettings
from tests import state
from tests.service import Service, wait_for


@pytest.mark.mosquitto
@pytest.mark.parametrize("pack", [1, 37])
def test_the_ledger_shows_what_a_load_expects(
    service: Service, database: DatabaseSettings, tmp_path: Path, pack: int
) -> None:
    dsn, report = database.dsn.get_secret_value(), tmp_path / "report.json"
    service.start("ingest")
    options = ["--duplicates", "0.1", "--revisions", "0.1", "--poison", "0.2", "--reorder", "0.2"]
    sizes = ["--count", str(pack * 1500), "--pack", str(pack), "--sensors", "30", "--seq"]
    done = service.run("load", "--city", "trial", *options, *sizes, "--report", str(report))
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    expected = found["expected"]
    wait_for("all is booked", lambda: _received(dsn) >= expected["received"])
    books = state.ledger(dsn, "trial")
    assert books == {name: expected[name] for name in books}
    assert {outcome.value for outcome in Outcome} < books.keys()
    assert all(expected[outcome.value] for outcome in Outcome)
    assert state.readings(dsn) == expected["stored"]
    letters = state.fetch(dsn, "select reason, sum(times)::bigint from dead_letter group by 1")
    assert dict(map(tuple, letters)) == expected["rejected_by_reason"]
    assert found["complete"] is True
    assert found["unheard"] == found["sent_again"] == 0


def _received(dsn: str) -> int:
    return int(state.ledger(dsn, "trial")["received"])
