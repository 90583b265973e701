"""A million readings wait while the database is away: ingest's memory stays small and flat."""

import sys
import time
from typing import Final

import pytest

from tests import state
from tests.faults.publisher import publish, publishing
from tests.faults.stage import Stage
from tests.faults.workload import BEGIN_S, Workload, plain
from tests.service import wait_for

pytestmark = pytest.mark.mosquitto
MOST_MB: Final = 250.0
FLAT_MB: Final = 20.0
_WRONG: Final = """
select count(*) from reading
where value <> mod(extract(epoch from observed_at)::bigint, 97) / 2.0
"""
_SPAN: Final = """
select series_id, count(*), max(extract(epoch from observed_at))::bigint
from reading group by series_id
"""


def _when_full(stage: Stage) -> float:
    """Ingest's memory once it takes no more messages: their number stands still for a second."""
    service = stage.service
    seen: list[tuple[float, float]] = []

    def stands_still() -> bool:
        now = time.monotonic(), service.metric("ingest", "cityvitals_ingest_messages_unacked")
        if seen and seen[-1][1] != now[1]:
            seen.clear()
        seen.append(now)
        return now[0] - seen[0][0] > 1

    wait_for("ingest takes no more", stands_still)
    return service.memory_mb("ingest")


def _offer(
    stage: Stage, workload: Workload, full_at: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Take the database away, offer everything, and look at memory meanwhile.

    Args:
        full_at: the part of all after which ingest is expected to hold what it ever will.
    """
    service = stage.service
    stage.use_proxies()
    service.start("ingest")
    publish(stage.broker_port, workload.declared)
    wait_for("the gateway is known", lambda: state.fetch(stage.dsn, "select from gateway"))
    stage.store_link.refuse()
    with publishing(stage.broker_port, workload.messages) as publisher:
        publisher.until(full_at)
        assert service.until_waiting("ingest", "database")
        early = _when_full(stage)
        publisher.until(1)
    late = _when_full(stage)
    assert service.until_waiting("ingest", "database")
    with capsys.disabled():
        size = max(len(payload) for _, payload in workload.messages)
        sys.stdout.write(
            f"\n{workload.readings} readings in packs of {size} bytes offered: "
            f"{early:.0f} MB, then {late:.0f} MB resident\n"
        )
    assert late < MOST_MB, f"{late:.0f} MB"
    assert late - early < FLAT_MB, f"{early:.0f} MB, then {late:.0f} MB"


def _take_all(stage: Stage, workload: Workload) -> None:
    """Bring the database back: everything is stored once, and memory stays small."""
    stage.store_link.accept()
    peak = 0.0

    def is_stored() -> bool:
        nonlocal peak
        peak = max(peak, stage.service.memory_mb("ingest"))
        books = state.ledger(stage.dsn, workload.city)
        return books["stored"] >= workload.readings

    wait_for("everything is stored", is_stored, 300)
    assert peak < MOST_MB, f"{peak:.0f} MB while catching up"
    books = state.ledger(stage.dsn, workload.city)
    assert books["stored"] == workload.readings
    assert books["received"] == books["stored"] + books["duplicate"]
    each = workload.readings // 4
    found = [tuple(row)[1:] for row in state.fetch(stage.dsn, _SPAN)]
    assert found == [(each, BEGIN_S + each - 1)] * 4
    assert state.value(stage.dsn, _WRONG) == 0


def test_a_million_readings_wait_in_the_broker(
    stage: Stage, city: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = plain(city, packs=20_000, size=50)
    _offer(stage, workload, 0.25, capsys)
    _take_all(stage, workload)
    stage.service.start("aggregate")
    publish(stage.broker_port, workload.farewell)
    wait_for("every window is final", lambda: state.is_settled(stage.dsn, city))
    verified = stage.service.run("verify", "--settled")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_the_largest_packs_wait_in_the_broker(
    stage: Stage, city: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages of nearly 64 KiB, more than Receive Maximum of them."""
    workload = plain(city, packs=1200, size=1800)
    assert 63_000 < max(len(payload) for _, payload in workload.messages) <= 65_536
    _offer(stage, workload, 0.9, capsys)
    stage.service.kill("ingest")  # a clean stop would wait for the database; the broker has it all
