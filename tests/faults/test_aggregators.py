"""Several aggregators share the shards: who dies is replaced, who was asleep is fenced."""

import os
import signal
from typing import Final

import pytest

from cityvitals.settings import AggregatorSettings
from tests import state
from tests.faults.publisher import publish
from tests.faults.stage import Stage
from tests.faults.workload import Workload, mixed
from tests.service import wait_for

_TAKEN_OVER_S: Final = 5.0
_LEASE_S: Final = AggregatorSettings().lease_seconds
"""Who dies has renewed its lease before: it runs out no later than this after the death."""
_PARTS: Final = """
select owner, count(*) from shard where expires_at > clock_timestamp() group by owner
"""
_CITYS: Final = "select owner from shard where shard = (select min(shard) from city)"
_SECOND: Final = "aggregate-2"
_WATCH: Final = """
create table taken_over (waited interval);
create function note_taking() returns trigger language plpgsql as
$$ begin insert into taken_over values (clock_timestamp() - old.expires_at); return null; end $$;
create trigger note_taking after update on shard for each row
when (new.owner is distinct from old.owner and old.owner is not null)
execute function note_taking()
"""
"""The database itself looks at its clock: a test that is slow to look makes nobody late."""
_UNWATCH: Final = """
drop trigger note_taking on shard; drop function note_taking; drop table taken_over
"""
_WAITED: Final = "select count(*), extract(epoch from max(waited))::float8 from taken_over"


def parts(dsn: str) -> dict[str, int]:
    """How many shards each aggregator holds."""
    return {str(owner): int(count) for owner, count in state.fetch(dsn, _PARTS)}


def are_shared(dsn: str) -> bool:
    return sorted(parts(dsn).values()) == [32, 32]


def sole_owner(dsn: str) -> str:
    """Who holds all shards; "" while nobody does."""
    found = parts(dsn)
    return next(iter(found)) if list(found.values()) == [64] else ""


def open_with_two(stage: Stage, workload: Workload) -> tuple[str, str]:
    """Two aggregators that share; returns who has the city, and the other, by their commands."""
    stage.open(workload)
    first = wait_for("the first one holds all shards", lambda: sole_owner(stage.dsn))
    stage.service.add_aggregator(_SECOND)
    stage.service.start(_SECOND)
    wait_for("the two share", lambda: are_shared(stage.dsn))
    names = ["aggregate", _SECOND]
    first_has_it = state.value(stage.dsn, _CITYS) == first
    return (names[0], names[1]) if first_has_it else (names[1], names[0])


def has_taken_some(stage: Stage) -> bool:
    return bool(state.value(stage.dsn, "select count(*) from indicator"))


def knows(log: str) -> bool:
    """Whether a sleeper found its leases gone, or the connection that it slept on."""
    return "lost a shard" in log or "the store is away; trying again" in log


def watch(dsn: str) -> None:
    """Note from now on who takes a shard from somebody."""
    state.run(dsn, _WATCH)


def longest_wait_s(dsn: str) -> float:
    """How long a shard was nobody's after its lease ran out; the watch ends."""
    taken, waited_s = state.fetch(dsn, _WAITED)[0]
    assert taken == 32, "all that the other one held"
    state.run(dsn, _UNWATCH)
    return float(waited_s)


@pytest.mark.mosquitto
def test_a_killed_owners_shards_are_taken_over_within_five_seconds(stage: Stage, city: str) -> None:
    workload = mixed(city, 11)
    deriving, _ = open_with_two(stage, workload)
    half = len(workload.messages) // 2
    publish(stage.broker_port, workload.messages[:half])
    wait_for("something is derived", lambda: has_taken_some(stage))
    watch(stage.dsn)
    stage.service.kill(deriving)
    wait_for("the other one holds all shards", lambda: sole_owner(stage.dsn))
    assert _LEASE_S + longest_wait_s(stage.dsn) < _TAKEN_OVER_S
    publish(stage.broker_port, workload.messages[half:])
    stage.service.start(deriving)
    wait_for("who comes back has its part again", lambda: are_shared(stage.dsn))
    stage.close(workload)


@pytest.mark.mosquitto
def test_a_paused_owner_that_wakes_is_fenced(stage: Stage, city: str) -> None:
    workload = mixed(city, 12)
    deriving, _ = open_with_two(stage, workload)
    third = len(workload.messages) // 3
    publish(stage.broker_port, workload.messages[:third])
    wait_for("something is derived", lambda: has_taken_some(stage))
    watch(stage.dsn)
    stage.service.pause(deriving)
    # More comes while nobody looks: the sleeper finds it when it wakes, and so does the other.
    publish(stage.broker_port, workload.messages[third : 2 * third])
    wait_for("the other one holds all shards", lambda: sole_owner(stage.dsn))
    assert longest_wait_s(stage.dsn) < _TAKEN_OVER_S
    stage.service.wake(deriving)
    publish(stage.broker_port, workload.messages[2 * third :])
    wait_for("it knows that it has lost them", lambda: knows(stage.service.log(deriving)))
    wait_for("they share again", lambda: are_shared(stage.dsn))
    stage.close(workload)
    assert stage.service.is_ready(deriving)


@pytest.mark.mosquitto
def test_workers_of_one_command_share_and_who_is_killed_is_replaced(
    stage: Stage, city: str
) -> None:
    workload = mixed(city, 13)
    stage.service.override("aggregate", AGGREGATOR__WORKERS="2")
    stage.open(workload)
    wait_for("the two share", lambda: are_shared(stage.dsn))
    half = len(workload.messages) // 2
    publish(stage.broker_port, workload.messages[:half])
    wait_for("something is derived", lambda: has_taken_some(stage))
    deriving = str(state.value(stage.dsn, _CITYS))
    os.kill(int(deriving.split(":")[1]), signal.SIGKILL)
    wait_for(
        "another one has its part",
        lambda: are_shared(stage.dsn) and deriving not in parts(stage.dsn),
    )
    publish(stage.broker_port, workload.messages[half:])
    stage.close(workload)
