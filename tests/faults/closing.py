"""How every fault test ends: the ledger closes, stored is what was published, verify is clean."""

from typing import Final

from tests import state
from tests.faults.publisher import publish
from tests.faults.workload import Workload
from tests.service import Service, wait_for

_SUMS: Final = """
select coalesce(sum(received), 0)::bigint as received, coalesce(sum(stored), 0)::bigint as stored,
       coalesce(sum(duplicate), 0)::bigint as duplicate,
       coalesce(sum(revised), 0)::bigint as revised,
       coalesce(sum(rejected), 0)::bigint as rejected,
       (select count(*) from dead_letter)::bigint as dead
from ledger
"""
_VALUES: Final = """
select s.sensor, extract(epoch from r.observed_at)::bigint, r.value
from reading r join series s on s.id = r.series_id
"""


def books(dsn: str) -> dict[str, int]:
    """The ledger's sums, and how many dead letters there are."""
    return dict(state.fetch(dsn, _SUMS)[0])


def until_stored(dsn: str, workload: Workload) -> None:
    """Wait until everything published is committed."""

    def is_stored() -> bool:
        found = books(dsn)
        return (
            found["received"] >= workload.readings
            and found["stored"] >= len(workload.truth)
            and found["revised"] >= workload.revised
            and found["dead"] >= workload.dead
        )

    try:
        wait_for("everything is stored", is_stored)
    except AssertionError as error:
        error.add_note(f"books: {books(dsn)}; published: {workload.readings} readings")
        raise


def close(service: Service, dsn: str, port: int, workload: Workload) -> None:
    """Wait until all is stored and derived, then check that nothing was lost or counted twice."""
    until_stored(dsn, workload)
    publish(port, workload.farewell)
    wait_for("every window is final", lambda: state.is_settled(dsn, workload.city))
    found = books(dsn)
    became = found["stored"] + found["duplicate"] + found["revised"] + found["rejected"]
    assert found["received"] == became
    assert found["stored"] == len(workload.truth)
    assert found["revised"] == workload.revised
    assert found["dead"] == workload.dead
    stored = {(sensor, t): value for sensor, t, value in state.fetch(dsn, _VALUES)}
    assert stored == workload.truth
    verified = service.run("verify", "--settled")
    assert verified.returncode == 0, verified.stdout + verified.stderr
