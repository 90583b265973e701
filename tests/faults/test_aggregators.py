"""Several aggregators share the shards: who dies is replaced, who was asleep is fenced."""

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
_OWNERS: Final = """
select count(*), count(distinct owner), min(owner) from shard where expires_at > clock_timestamp()
"""
_EPOCH: Final = "select max(epoch) from shard"
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


def sole_owner(dsn: str) -> str:
    """Who holds all shards; "" while nobody does."""
    held, owners, name = state.fetch(dsn, _OWNERS)[0]
    return str(name) if (held, owners) == (64, 1) else ""


def open_with_two(stage: Stage, workload: Workload) -> str:
    """The first aggregator holds all shards, and the second waits; returns the first's name."""
    stage.open(workload)
    first = wait_for("the first one holds all shards", lambda: sole_owner(stage.dsn))
    stage.service.add_aggregator(_SECOND)
    stage.service.start(_SECOND)
    assert sole_owner(stage.dsn) == first
    return first


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
    assert taken == 64
    state.run(dsn, _UNWATCH)
    return float(waited_s)


@pytest.mark.mosquitto
def test_a_killed_owners_shards_are_taken_over_within_five_seconds(stage: Stage, city: str) -> None:
    workload = mixed(city, 11)
    first = open_with_two(stage, workload)
    half = len(workload.messages) // 2
    publish(stage.broker_port, workload.messages[:half])
    wait_for("something is derived", lambda: has_taken_some(stage))
    watch(stage.dsn)
    stage.service.kill("aggregate")
    second = wait_for(
        "the other one holds all shards",
        lambda: (found := sole_owner(stage.dsn)) != first and found,
    )
    assert _LEASE_S + longest_wait_s(stage.dsn) < _TAKEN_OVER_S
    publish(stage.broker_port, workload.messages[half:])
    stage.service.start("aggregate")
    stage.close(workload)
    assert sole_owner(stage.dsn) == second, "who comes back takes nothing away"


@pytest.mark.mosquitto
def test_a_paused_owner_that_wakes_is_fenced(stage: Stage, city: str) -> None:
    workload = mixed(city, 12)
    first = open_with_two(stage, workload)
    third = len(workload.messages) // 3
    publish(stage.broker_port, workload.messages[:third])
    wait_for("something is derived", lambda: has_taken_some(stage))
    watch(stage.dsn)
    stage.service.pause("aggregate")
    # More comes while nobody looks: the sleeper finds it when it wakes, and so does the other.
    publish(stage.broker_port, workload.messages[third : 2 * third])
    wait_for("the lease runs out", lambda: sole_owner(stage.dsn) != first)
    second = wait_for(
        "the other one holds all shards",
        lambda: (found := sole_owner(stage.dsn)) != first and found,
    )
    assert longest_wait_s(stage.dsn) < _TAKEN_OVER_S
    epoch = state.value(stage.dsn, _EPOCH)
    stage.service.wake("aggregate")
    publish(stage.broker_port, workload.messages[2 * third :])
    wait_for("it knows that it has lost them", lambda: knows(stage.service.log("aggregate")))
    stage.close(workload)
    assert sole_owner(stage.dsn) == second
    assert state.value(stage.dsn, _EPOCH) == epoch, "nobody took them back"
    assert stage.service.is_ready("aggregate"), "it goes on, for the day that it is needed"
