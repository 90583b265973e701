"""The network between ingest and its servers is cut, stalled, slowed; the broker restarts."""

import random
from collections.abc import Callable

import pytest

from tests.faults.publisher import publishing
from tests.faults.stage import Stage
from tests.faults.workload import mixed
from tests.proxy import Proxy
from tests.servers import BrokerServer
from tests.service import wait_for

pytestmark = pytest.mark.mosquitto
CUTS: list[Callable[[Proxy], None]] = [Proxy.cut, Proxy.reset, Proxy.half_close]


def test_broker_restarted_twice(stage: Stage, own_broker: BrokerServer, city: str) -> None:
    workload = mixed(city, 20, packs=400)
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 200) as publisher:
        for part in (0.2, 0.6):
            publisher.until(part)
            own_broker.stop()
            stage.service.until_waiting("ingest", "broker")
            own_broker.start()
    stage.close(workload)


@pytest.mark.parametrize("seed", range(2))
def test_either_connection_cut_at_random_moments(stage: Stage, city: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a repeatable choice)
    workload = mixed(city, 30 + seed, packs=400)
    stage.use_proxies()
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 150) as publisher:
        for part in sorted(chance.uniform(0, 0.95) for _ in range(8)):
            publisher.until(part)
            cut = chance.choice(CUTS)
            cut(chance.choice((stage.broker_link, stage.store_link)))
    stage.close(workload)


def test_slow_connections(stage: Stage, city: str) -> None:
    workload = mixed(city, 40)
    stage.use_proxies()
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 200) as publisher:
        publisher.until(0.2)
        stage.store_link.delay(0.1)
        publisher.until(0.5)
        stage.broker_link.delay(0.1)
        publisher.until(0.8)
        stage.store_link.delay(0)
        stage.broker_link.delay(0)
    stage.close(workload)


def test_connections_that_say_nothing_any_more(stage: Stage, city: str) -> None:
    """Nothing is closed, nothing comes: noticed by a time limit, and survived."""
    workload = mixed(city, 41)
    stage.use_proxies()
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 200) as publisher:
        publisher.until(0.3)
        stage.store_link.stall()
        stage.service.until_waiting("ingest", "database")
        stage.store_link.flow()
        wait_for("ingest is ready", lambda: stage.service.is_ready("ingest"))
        publisher.until(0.6)
        stage.broker_link.stall()
        stage.service.until_waiting("ingest", "broker")
        stage.broker_link.flow()
    wait_for("ingest is ready", lambda: stage.service.is_ready("ingest"))
    stage.close(workload)


def test_commits_whose_answer_is_lost(stage: Stage, city: str) -> None:
    """The database hears the commit, ingest hears nothing: it asks, and does not count twice."""
    workload = mixed(city, 42)
    stage.use_proxies()
    stage.open(workload)
    with publishing(stage.broker_port, workload.messages, 150) as publisher:
        for part in (0.1, 0.3, 0.5, 0.7, 0.9):
            publisher.until(part)
            stage.store_link.stall_downward()
            stage.service.until_waiting("ingest", "database")
            stage.store_link.reset()
            stage.store_link.flow()
    stage.close(workload)
