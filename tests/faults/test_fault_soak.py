"""Faults of all kinds at random moments, seed after seed; every seed ends as every fault test.

CITYVITALS_SOAK_SEEDS says which: `200` the first two hundred, `120-200` goes on where one stopped.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.publisher import publishing
from tests.faults.stage import Stage
from tests.faults.workload import mixed
from tests.servers import BrokerServer, PostgresServer
from tests.service import wait_for

Fault = Callable[[Stage, PostgresServer, BrokerServer], None]


def _seeds() -> range:
    first, _, last = os.environ.get("CITYVITALS_SOAK_SEEDS", "200").rpartition("-")
    return range(int(first or 0), int(last))


def _kill_ingest(stage: Stage, *_: object) -> None:
    stage.service.kill("ingest")
    stage.service.launch("ingest")


def _stop_ingest(stage: Stage, *_: object) -> None:
    # One that has not begun to listen to signals yet just ends; it holds nothing then.
    assert stage.service.terminate("ingest") in {0, -signal.SIGTERM}
    stage.service.launch("ingest")


def _kill_aggregator(stage: Stage, *_: object) -> None:
    stage.service.kill("aggregate")
    stage.service.launch("aggregate")


def _kill_database(_: Stage, database: PostgresServer, __: BrokerServer) -> None:
    database.kill()
    database.start()


def _stop_database(_: Stage, database: PostgresServer, __: BrokerServer) -> None:
    database.stop()
    database.start()


def _restart_broker(_: Stage, __: PostgresServer, broker: BrokerServer) -> None:
    broker.stop()
    broker.start()


def _cut_broker(stage: Stage, *_: object) -> None:
    stage.broker_link.cut()


def _reset_store(stage: Stage, *_: object) -> None:
    stage.store_link.reset()


def _half_close_store(stage: Stage, *_: object) -> None:
    stage.store_link.half_close()


def _lose_answers(stage: Stage, *_: object) -> None:
    wait_for("ingest is ready", lambda: stage.service.is_ready("ingest"))
    stage.store_link.stall_downward()
    stage.service.until_waiting("ingest", "database")
    stage.store_link.reset()
    stage.store_link.flow()


def _stall_broker(stage: Stage, *_: object) -> None:
    stage.broker_link.stall_upward()
    stage.broker_link.reset()
    stage.broker_link.flow()


FAULTS: dict[str, Fault] = {
    "ingest killed": _kill_ingest,
    "ingest stopped": _stop_ingest,
    "aggregator killed": _kill_aggregator,
    "database killed": _kill_database,
    "database stopped": _stop_database,
    "broker restarted": _restart_broker,
    "broker cut": _cut_broker,
    "database reset": _reset_store,
    "database half closed": _half_close_store,
    "commit unanswered": _lose_answers,
    "acknowledgements lost": _stall_broker,
}


@pytest.fixture(scope="module")
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line at once: who waits for half an hour wants to see it."""
    plugins = request.config.pluginmanager
    reporter: Any = plugins.get_plugin("terminalreporter")
    capture: Any = plugins.get_plugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    return say


@pytest.fixture(scope="module")
def done(tell: Callable[[str], None]) -> Iterator[Counter[str]]:
    """What was done how often, told at the end."""
    counted: Counter[str] = Counter()
    yield counted
    tell(", ".join(f"{name} {count}" for name, count in sorted(counted.items())))


@pytest.mark.soak
@pytest.mark.mosquitto
@pytest.mark.parametrize("seed", _seeds())
def test_faults_at_random(
    frail_stage: Stage,
    frail_postgres: PostgresServer,
    own_broker: BrokerServer,
    done: Counter[str],
    tell: Callable[[str], None],
    city: str,
    seed: int,
) -> None:
    begun = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 (a repeatable choice)
    workload = mixed(city, seed)
    chosen = chance.sample(sorted(FAULTS), 3)
    frail_stage.use_proxies()
    frail_stage.open(workload)
    with publishing(frail_stage.broker_port, workload.messages, 200) as publisher:
        for part, name in zip(sorted(chance.random() * 0.9 for _ in chosen), chosen, strict=True):
            publisher.until(part)
            FAULTS[name](frail_stage, frail_postgres, own_broker)
            done[name] += 1
    frail_stage.close(workload)
    tell(f"seed {seed}: {', '.join(chosen)}: clean in {time.monotonic() - begun:.1f} s")
