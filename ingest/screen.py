"""From read messages to a batch, pure: conversion, limits on time, and what they turn away."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import US, iso
from cityvitals.store.batch import Batch, Rejection
from ingest.arrival import Arrival
from ingest.burst import SENT
from ingest.intake import Held
from ingest.parts import Part
from ingest.routes import Routes

EARLIEST_TAKEN_US: Final = -2_208_988_800 * US
"""1900-01-01T00:00Z."""
LATEST_TAKEN_US: Final = 7_258_118_400 * US
"""2200-01-01T00:00Z."""
_REASONS: Final = list(Reason)


def screen(held: Held, parts: Sequence[Part], routes: Routes, future_us: int) -> Batch:
    """The batch of messages whose routes are all found, in order of arrival.

    Args:
        held: the messages.
        parts: those of them that were read one by one.
        routes: the table that slots point into.
        future_us: how far a live reading's end may lie after its arrival.
    """
    arrivals = held.arrivals
    sent = _sent(held, parts)
    readings, ends, sender = _readings(arrivals, sent, routes)
    reasons = _reasons(readings, ends, sender, routes, future_us)
    rejected = [rejection for part in parts for rejection in part.rejections]
    bad = np.flatnonzero(reasons)
    for row in bad.tolist():
        arrival = arrivals[sent[row]["message"]]
        rejected.append(_rejection(arrival, sent[row], routes, int(sender[row]), reasons[row]))
    good = reasons == 0 if len(bad) else slice(None)
    taking, compact = np.unique(sender[good], return_inverse=True)
    return Batch(
        readings[good],
        ends[good],
        compact.astype(np.int32),
        tuple(routes.senders[one] for one in taking.tolist()),
        rejected,
        _numbers(sent["seq"][good]),
    )


def _sent(held: Held, parts: Sequence[Part]) -> Records:
    """All readings as they were sent, `message` being the position among all messages."""
    together = [burst.readings for burst in held.bursts]
    apart = [_of_part(part) for part in parts if part.pack.t_us]
    sent: Records = np.concatenate([np.empty(0, SENT), *together, *apart])
    sizes = [len(piece) for piece in together]
    sent["message"][: sum(sizes)] += np.repeat(np.array(held.starts(), np.int32), sizes)
    # What came later must win, so what was read apart goes back to where it came.
    return sent[np.argsort(sent["message"], kind="stable")] if apart else sent


def _of_part(part: Part) -> Records:
    pack = part.pack
    sent = np.empty(len(pack.t_us), SENT)
    sent["t"], sent["v"], sent["rev"] = pack.t_us, pack.v, pack.rev
    sent["seq"] = [-1 if one is None else one for one in pack.seq]
    sent["slot"], sent["message"], sent["index"] = part.slots, part.message, pack.index
    return sent


def _readings(
    arrivals: Sequence[Arrival], sent: Records, routes: Routes
) -> tuple[Records, NDArray[np.int64], NDArray[np.int32]]:
    """READING records in canonical units, when each was complete, and its sender."""
    route = routes.table[sent["slot"]]
    readings = np.zeros(len(sent), READING)
    for name in ("t", "rev"):
        readings[name] = sent[name]
    readings["series"] = route["series"]
    received = np.array([arrival.received_us for arrival in arrivals], np.int64)
    readings["received"] = received[sent["message"]]
    for row in np.flatnonzero(route["dated"]).tolist():
        found = routes.at(int(sent["slot"][row]), int(sent["t"][row]))
        route["scale"][row], route["offset"][row], route["end"][row], route["flags"][row] = found
    with np.errstate(over="ignore", invalid="ignore"):
        readings["v"] = sent["v"] * route["scale"] + route["offset"]
    readings["flags"] = route["flags"]
    return readings, readings["t"] + route["end"], route["sender"]


def _reasons(
    readings: Records,
    ends: NDArray[np.int64],
    sender: NDArray[np.int32],
    routes: Routes,
    future_us: int,
) -> NDArray[np.int8]:
    """Per reading why it is turned away: 1 + position in `Reason`, or 0."""
    live = np.array([one.live for one in routes.senders], np.bool_)[sender]
    sealed = np.array(routes.sealed, np.int64)[sender]
    t = readings["t"]
    reasons = np.zeros(len(readings), np.int8)
    reasons[live & (t < sealed)] = _code(Reason.SEALED)
    reasons[live & (ends > readings["received"] + future_us)] = _code(Reason.FUTURE)
    reasons[t >= LATEST_TAKEN_US] = _code(Reason.FUTURE)
    reasons[t < EARLIEST_TAKEN_US] = _code(Reason.NO_TIME)
    reasons[~np.isfinite(readings["v"])] = _code(Reason.NO_NUMBER)
    return reasons


def _code(reason: Reason) -> int:
    return _REASONS.index(reason) + 1


def _rejection(
    arrival: Arrival, sent: np.void, routes: Routes, sender: int, code: int
) -> Rejection:
    reason, by = _REASONS[code - 1], routes.senders[sender]
    detail = _detail(reason, iso(sent["t"]), iso(arrival.received_us))
    return Rejection(
        arrival.topic,
        arrival.payload,
        int(sent["index"]),
        by.city,
        by.gateway,
        reason,
        detail,
        arrival.received_us,
        int(sent["seq"]),
    )


def _detail(reason: Reason, observed: str, received: str) -> str:
    match reason:
        case Reason.FUTURE:
            return f"observed at {observed}, in the future of {received} when it came"
        case Reason.SEALED:
            return f"observed at {observed}, before the city's seal"
        case Reason.NO_TIME:
            return f"observed at {observed}, before 1900"
        case _:
            return "the value is not finite in the quantity's canonical unit"


def _numbers(seq: NDArray[np.int64]) -> NDArray[np.int64]:
    """Running numbers, or none at all where no gateway of the batch counts."""
    return seq if (seq >= 0).any() else np.empty(0, np.int64)
