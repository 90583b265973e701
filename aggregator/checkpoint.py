"""A shard's memory as bytes and back: arrays by numpy, the rest as JSON; no code in either."""

import io
import json
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from aggregator.columns import STATE
from aggregator.shard import Ranges, Shard
from cityvitals.domain.arrays import Records

FORMAT: Final = 1
"""Raised whenever the bytes change their meaning; another format is not read, but rebuilt."""


def dump(shard: Shard) -> bytes:
    """What a shard must know to go on from its cursors."""
    rest = {
        "format": FORMAT,
        "dtype": repr(STATE.descr),
        "gateways": shard.gateways.dump(),
        "pending": shard.pending.dump(),
        "backlog": [
            [int(shard.table.ids[row]), low, high] for row, low, high in shard.backlog.dump()
        ],
        "rederive": shard.rederive.dump(),
        "rules": _in_force(shard),
        "waiting": shard.waiting.dump(),
    }
    out = io.BytesIO()
    np.savez(
        out,
        ids=shard.table.ids,
        state=shard.buckets.state,
        rest=np.frombuffer(json.dumps(rest).encode(), np.uint8),
    )
    return out.getvalue()


def _in_force(shard: Shard) -> list[list[Any]]:
    return [[rule.id, rule.revision] for rule in shard.rules]


def load(shard: Shard, body: bytes, now_us: int) -> bool:
    """Take up a checkpoint into a shard whose model is there; returns whether it could be read.

    What rules that are no longer in force left to do is dropped. One that came back did not see
    what happened meanwhile, so it is derived again for all time.
    """
    try:
        ids, state, rest = _read(body)
    except (_Unreadable, ValueError, KeyError, EOFError, OSError, BadZipFile):
        return False
    rows = shard.table.rows(ids)
    shard.buckets.state[rows[rows >= 0]] = state[rows >= 0]
    shard.gateways.load(rest["gateways"])
    shard.pending.load(rest["pending"], now_us)
    shard.rederive.load(rest["rederive"])
    shard.waiting.load(rest.get("waiting", ()))  # one of before derived all at once
    _take_rules(shard, rest.get("rules"))
    for series, low, high in rest["backlog"]:
        row = int(shard.table.rows(np.array([series], np.int32))[0])
        shard.mark(row, low, high)
    return True


def _take_rules(shard: Shard, before: list[list[Any]] | None) -> None:
    """Compare the rules in force with those of the checkpoint; one of before names none."""
    shard.rules_changed = before != _in_force(shard)
    ids = {rule.id for rule in shard.rules}
    shard.pending.keep(ids)
    shard.rederive.keep(ids)
    shard.waiting.keep(ids)
    if before is None:
        return
    known = {(rule, revision) for rule, revision in before}
    for plan in shard.plan.rules:
        if (plan.rule.id, plan.rule.revision) not in known:
            shard.rederive.add(plan.city.id, plan.rule.id)


class _Unreadable(Exception):
    """It was written by another version."""


def _read(body: bytes) -> tuple[NDArray[np.int32], Records, dict[str, Any]]:
    """Series ids, their state, and the rest."""
    with np.load(io.BytesIO(body), allow_pickle=False) as found:
        rest = json.loads(found["rest"].tobytes())
        if rest["format"] != FORMAT or rest["dtype"] != repr(STATE.descr):
            raise _Unreadable
        return found["ids"], found["state"], rest


def rebuild(shard: Shard, extents: Ranges, stored: Ranges) -> None:
    """Have everything folded again from stored readings, where no checkpoint tells of them.

    Args:
        shard: with its model, and nothing folded.
        extents: oldest and newest observed time by series id.
        stored: where its first and its last rollup begin, by series id.
    """
    for series, (first, last) in extents.items():
        row = int(shard.table.rows(np.array([series], np.int32))[0])
        if row < 0:
            continue
        state = shard.buckets.state[row]
        state["oldest"], state["last_seen"], state["broken"] = first, last, True
        shard.mark_all(row, stored)
