"""A shard's memory as bytes and back."""

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.checkpoint import dump, load, rebuild
from aggregator.kernels.partial import BUCKET, NONE
from aggregator.shard import Shard
from cityvitals.domain.arrays import LOG_READING, LOG_SEEN, Records
from cityvitals.domain.logbody import encode_json, encode_readings
from cityvitals.domain.names import LogKind
from cityvitals.store.model import SeriesRow
from cityvitals.store.tail import Entry
from tests.unit.aggregator.small_city import HOUR, MINUTE, NOON, NORTH, model, rule, series

RULES = [rule("air.pm2_5.hour"), rule("air.pm2_5.day")]
SERIES = [series(1, places=NORTH), series(2, gateway=2), series(3)]
Reading = tuple[int, int, float]
"""Series 101 to 103, minutes after NOON, value."""


def shard(rows: list[SeriesRow] | None = None) -> Shard:
    made = Shard(7, RULES, 60)
    made.apply_model(model(rows or SERIES))
    return made


def readings(seq: int, rows: list[Reading]) -> Entry:
    said = np.zeros(len(rows), LOG_READING)
    said["series"] = [row[0] for row in rows]
    said["t"] = [NOON + row[1] * MINUTE for row in rows]
    said["v"] = [row[2] for row in rows]
    seen = np.zeros(2, LOG_SEEN)
    seen["gateway"], seen["observed_to"], seen["received"] = [1, 2], NOON + seq, NOON
    return Entry(7, "ingest-0", seq, LogKind.READINGS, encode_readings(seen, said))


def filled(rows: list[Reading]) -> Shard:
    """A shard that has something of everything to remember."""
    made = shard()
    made.absorb([readings(1, rows)])
    silent = encode_json({"gateway": 2, "silent": True})
    made.absorb([Entry(7, "aggregator", 1, LogKind.SILENCE, silent)])
    made.pending.touch(("c", "air.pm2_5.hour"), [NOON], [NOON + HOUR], 5)
    made.rederive.add("c", "air.pm2_5.day")
    made.rederive.take({"c": (0, NOON)}, {})
    return made


def memory(one: Shard) -> dict[str, Any]:
    """What has to outlive a process, rows by series id."""
    ids = one.table.ids.tolist()
    state = one.buckets.state
    return {
        "state": {ids[row]: state[row].tobytes() for row in range(len(ids))},
        "gateways": one.gateways.dump(),
        "pending": one.pending.dump(),
        "backlog": sorted((ids[row], low, high) for row, low, high in one.backlog.dump()),
        "rederive": one.rederive.dump(),
    }


READINGS = st.lists(
    st.tuples(st.integers(101, 103), st.integers(-90, 90), st.floats(-1e6, 1e6)), max_size=12
)


@given(READINGS, READINGS)
def test_a_restored_shard_goes_on_as_the_one_before(
    before: list[Reading], after: list[Reading]
) -> None:
    one, other = filled(before), shard([*reversed(SERIES), series(4)])
    assert load(other, dump(one), 99)
    restored = memory(other)
    fresh = restored["state"].pop(104)
    assert restored == memory(one)
    mine, theirs = one.absorb([readings(2, after)]), other.absorb([readings(2, after)])
    assert _by_key(theirs.closed) == _by_key(mine.closed)
    restored = memory(other)
    assert restored["state"].pop(104) == fresh
    assert restored == memory(one)


def _by_key(closed: list[Records]) -> list[bytes]:
    whole = np.concatenate(closed)
    return [row.tobytes() for row in whole[np.lexsort((whole["bucket"], whole["series"]))]]


def test_its_windows_were_touched_when_it_was_restored() -> None:
    other = shard()
    load(other, dump(filled([])), 99)
    key = ("c", "air.pm2_5.hour")
    assert other.pending.ripe(key, [NOON + HOUR], 98, 5) == []
    assert other.pending.ripe(key, [NOON + HOUR], 99, 5) == [NOON]


def _with(body: bytes, **changes: Any) -> bytes:
    with np.load(io.BytesIO(body)) as found:
        arrays = dict(found)
    rest = json.loads(arrays["rest"].tobytes()) | changes
    arrays["rest"] = np.frombuffer(json.dumps(rest).encode(), np.uint8)
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


WHOLE = dump(filled([(101, 0, 1.0)]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"once upon a time",
        WHOLE[:500],
        WHOLE[:-30],
        _with(WHOLE, format=99),
        _with(WHOLE, dtype="[('bucket', '<i4')]"),
        _with(WHOLE, format=None),
    ],
)
def test_what_cannot_be_read_changes_nothing(body: bytes) -> None:
    other = shard()
    before = memory(other)
    assert not load(other, body, 99)
    assert memory(other) == before


def test_to_rebuild_is_to_recompute_all_that_readings_reach() -> None:
    made = shard()
    extents = {101: (NOON, NOON + 5 * HOUR), 999: (NOON, NOON)}
    rebuild(made, extents, {101: (NOON - 7 * HOUR, NOON + 8 * HOUR)})
    ((row, low, high),) = made.backlog.dump()
    assert row == 0
    assert (low, high) == (NOON - 7 * HOUR, NOON + 8 * HOUR + BUCKET)
    state = made.buckets.state
    assert state["broken"].tolist() == [1, 0, 0]
    assert (state["oldest"][0], state["last_seen"][0]) == (NOON, NOON + 5 * HOUR)
    assert state["bucket"][0] == NONE
    (load_of_it,) = made.restoring()
    assert load_of_it.end == NOON + 5 * HOUR + 1
