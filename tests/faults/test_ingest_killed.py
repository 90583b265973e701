"""Ingest is killed and stopped while readings flow: nothing lost, nothing counted twice."""

import random

import pytest

from tests import state
from tests.faults.closing import books, until_stored
from tests.faults.publisher import publish, publishing
from tests.faults.stage import Stage
from tests.faults.workload import mixed
from tests.service import wait_for

pytestmark = pytest.mark.mosquitto
HELD = "cityvitals_ingest_messages_unacked"


@pytest.mark.parametrize("seed", range(5))
def test_ingest_killed_at_random_moments(stage: Stage, city: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a repeatable choice)
    workload = mixed(city, seed)
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 250) as publisher:
        for part in sorted(chance.uniform(0.05, 0.95) for _ in range(2)):
            publisher.until(part)
            stage.service.kill("ingest")
            stage.service.start("ingest")
    stage.close(workload)


def test_a_clean_stop_under_load_puts_away_what_it_holds(stage: Stage, city: str) -> None:
    workload = mixed(city, 6, packs=400)
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 500) as publisher:
        publisher.until(0.5)
        assert stage.service.terminate("ingest") == 0
    before = books(stage.dsn)["received"]
    assert 0 < before < workload.readings
    stage.service.start("ingest")
    until_stored(stage.dsn, workload)
    # Not one reading more than was published: nothing that was committed came again.
    assert books(stage.dsn)["received"] == workload.readings
    stage.close(workload)


def test_one_of_two_workers_killed_and_restarted(stage: Stage, city: str) -> None:
    workload = mixed(city, 7, packs=400)
    stage.service.add_worker("ingest-1")
    stage.open(workload, "ingest-1")
    with publishing(stage.broker_port, workload.messages, 500) as publisher:
        for part, worker in ((0.2, "ingest-1"), (0.4, "ingest"), (0.7, "ingest-1")):
            publisher.until(part)
            stage.service.kill(worker)
            stage.service.start(worker)
    stage.close(workload)
    lanes = state.fetch(stage.dsn, "select lane from ledger where stored > 0 group by lane")
    assert sorted(row["lane"] for row in lanes) == ["ingest-0", "ingest-1"]


def test_a_worker_killed_with_messages_unacked_gets_them_again(stage: Stage, city: str) -> None:
    """The broker holds what a worker had not acknowledged; its restart takes it."""
    first, second = mixed(city, 8, packs=60), mixed(city, 8)
    stage.service.add_worker("ingest-1")
    stage.service.override("ingest-1", INGEST__FLUSH_AFTER_SECONDS="3600")
    stage.open(first, "ingest-1")
    publish(stage.broker_port, second.messages)
    held = wait_for("a worker holds messages", lambda: stage.service.metric("ingest-1", HELD))
    assert held > 0
    stage.service.kill("ingest-1")
    stage.service.override("ingest-1", INGEST__FLUSH_AFTER_SECONDS="0.02")
    stage.service.start("ingest-1")
    stage.close(second)


def test_killed_between_commit_and_acknowledgement(stage: Stage, city: str) -> None:
    """Commits go through while acknowledgements cannot: all of those come again, as duplicates."""
    workload = mixed(city, 9)
    stage.use_proxies()
    stage.open(workload)
    publish(stage.broker_port, workload.messages[:50])
    wait_for("the first are stored", lambda: books(stage.dsn)["received"] > 100)
    stage.broker_link.stall_upward()
    publish(stage.broker_port, workload.messages[50:])
    until_stored(stage.dsn, workload)
    stage.service.kill("ingest")
    stage.broker_link.reset()  # the acknowledgements under way are lost with the connection
    stage.broker_link.flow()
    stage.service.start("ingest")
    publish(stage.broker_port, workload.messages[:1])
    wait_for("all came again", lambda: books(stage.dsn)["received"] > workload.readings + 100)
    stage.close(workload)
