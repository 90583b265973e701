"""kill -9 in the middle of a replay: nothing lost, nothing doubled, everything derived again."""

import json
import subprocess
from pathlib import Path

import pytest

from cityvitals.settings import DatabaseSettings
from tests import state
from tests.service import Service, wait_for

DATA = Path(__file__).parent.parent / "data" / "beijing"
ROWS = """
select rule, zone, window_begin, value, numerator, denominator, coverage, observed, reason
from (
    select distinct on (rule, zone, window_begin) * from indicator
    where city = 'beijing' order by rule, zone, window_begin, revision desc
) newest order by rule, zone, window_begin
"""

DERIVED = "select count(*) from indicator"


def replay(service: Service, report: Path, *options: str) -> subprocess.Popen[bytes]:
    (path,) = DATA.glob("*.csv.gz")
    return service.simulate(
        "--replay", str(path), "--mapping", "beijing", "--report", str(report), *options
    )


def finish(service: Service, dsn: str, report: Path, player: subprocess.Popen[bytes]) -> None:
    """Wait until all is derived; check the books, what is stored, and everything derived."""
    assert player.wait(120) == 0
    sent = json.loads(report.read_text())["readings"]
    wait_for("all is stored", lambda: state.readings(dsn) >= sent)
    wait_for("every window is final", lambda: state.is_settled(dsn, "beijing"))
    assert state.readings(dsn) == sent
    books = state.ledger(dsn, "beijing")
    assert books["stored"] == sent
    assert books["revised"] == books["rejected"] == 0
    assert books["received"] == books["stored"] + books["duplicate"]
    verified = service.run("verify", "--settled")
    assert verified.returncode == 0, verified.stdout


# Two weeks of event time in about three seconds, so that there is a middle to kill in.
SLOW = ("--speed", "400000")


@pytest.mark.mosquitto
def test_ingest_killed_in_the_middle_loses_and_doubles_nothing(
    service: Service, database: DatabaseSettings, tmp_path: Path
) -> None:
    dsn = database.dsn.get_secret_value()
    service.start("ingest", "aggregate")
    report = tmp_path / "report.json"
    player = replay(service, report, *SLOW)
    for part in (2_000, 9_000):
        wait_for("some readings", lambda part=part: state.readings(dsn) > part)  # type: ignore[misc]
        service.kill("ingest")
        service.start("ingest")
    finish(service, dsn, report, player)


@pytest.mark.mosquitto
def test_aggregator_killed_in_the_middle_derives_the_same(
    service: Service, database: DatabaseSettings, tmp_path: Path
) -> None:
    dsn = database.dsn.get_secret_value()
    service.start("ingest", "aggregate")
    report = tmp_path / "report.json"
    player = replay(service, report, *SLOW)
    for part in (500, 3_000):
        wait_for("indicators", lambda part=part: state.value(dsn, DERIVED) > part)  # type: ignore[misc]
        service.kill("aggregate")
        service.start("aggregate")
    finish(service, dsn, report, player)


@pytest.mark.mosquitto
def test_a_replay_played_twice_changes_nothing(
    service: Service, database: DatabaseSettings, tmp_path: Path
) -> None:
    dsn = database.dsn.get_secret_value()
    service.start("ingest", "aggregate")
    report = tmp_path / "report.json"
    finish(service, dsn, report, replay(service, report))
    before = state.fetch(dsn, ROWS)
    stored = state.ledger(dsn, "beijing")
    assert replay(service, report).wait(120) == 0
    sent = json.loads(report.read_text())["readings"]
    wait_for(
        "all are seen again",
        lambda: state.ledger(dsn, "beijing")["received"] == stored["received"] + sent,
    )
    wait_for("settled again", lambda: state.is_settled(dsn, "beijing"))
    assert state.ledger(dsn, "beijing")["duplicate"] == stored["duplicate"] + sent
    assert state.fetch(dsn, ROWS) == before
