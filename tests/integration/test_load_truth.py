"""What a load says must become of its readings is what the service makes of them."""

import json
import os
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


@pytest.mark.mosquitto
def test_a_soak_and_a_ramp_are_recorded_with_the_service_s_lag(
    service: Service, tmp_path: Path
) -> None:
    service.start("ingest", "aggregate", "api")
    report, page = tmp_path / "soak.json", tmp_path / "soak.html"
    aggregator = f"http://127.0.0.1:{service.health_port('aggregate')}"
    asked = ["--api", service.api, "--aggregator", aggregator]
    written = [*asked, "--report", str(report), "--page", str(page)]
    options = ["--city", "soak", "--rate", "400", "--duration", "11", "--soak", "--pack", "10"]
    done = service.run("load", *options, *written, "--watch", str(os.getpid()))
    found = json.loads(report.read_text())
    assert len(found["samples"]) >= 9
    lags = [one["lag"] for one in found["samples"]]
    assert 0 <= min(lags) < found["readings"]
    assert all(one["underived"] >= one["lag"] for one in found["samples"])
    assert min(one["underived"] for one in found["samples"]) < found["readings"]
    assert found["samples"][-1]["readings"] <= found["readings"]
    assert {one["name"].split()[0] for one in found["trends"]} >= {"acknowledged", "lag", "memory"}
    # On a machine that others use, too, it need not be flat: but then it must be told.
    flat = all(one["is_flat"] for one in found["trends"])
    assert (done.returncode == 0) == flat and ("NOT FLAT" in done.stdout) == (not flat)
    assert page.read_text().count("<svg") == 8

    options = ["--city", "ramp", "--ramp", "100:200:2", "--duration", "1.5", "--pack", "10"]
    done = service.run("load", *options, "--within-ms", "30000", *written)
    assert done.returncode == 0, done.stderr
    climbed = json.loads(report.read_text())
    steps = climbed["steps"]
    assert [step["asked"] for step in steps] == [100, 200][: len(steps)]
    assert done.stdout.splitlines()[-1] == climbed["knee"]
    assert climbed["knee_per_s"] in {None, 100, 200}
    assert "knee: " in page.read_text()


def _received(dsn: str) -> int:
    return int(state.ledger(dsn, "trial")["received"])
