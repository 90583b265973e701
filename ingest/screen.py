"""From parts to a batch, pure: conversion, limits on time, and what they turn away."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import US, iso
from cityvitals.store.batch import Batch, Rejection
from ingest.parts import Part
from ingest.routes import Routes

EARLIEST_TAKEN_US: Final = -2_208_988_800 * US
"""1900-01-01T00:00Z."""
LATEST_TAKEN_US: Final = 7_258_118_400 * US
"""2200-01-01T00:00Z."""


def screen(parts: Sequence[Part], routes: Routes, future_us: int) -> Batch:
    """The batch of parts whose routes are all found, in order of arrival.

    Args:
        parts: decoded messages.
        routes: the table that their slots point into.
        future_us: how far a live reading's end may lie after its arrival.
    """
    rejected = [rejection for part in parts for rejection in part.rejections]
    message = np.repeat(np.arange(len(parts)), [len(part.pack.t_us) for part in parts])
    slots = np.array([slot for part in parts for slot in part.slots or ()], np.int64)
    readings, ends, sender = _readings(parts, routes, message, slots)
    reasons = _reasons(readings, ends, sender, routes, future_us)
    bad = np.flatnonzero(reasons)
    rejected += [
        _rejection(parts, message, int(row), list(Reason)[reasons[row] - 1], readings[row])
        for row in bad
    ]
    good = reasons == 0
    taking, compact = np.unique(sender[good], return_inverse=True)
    return Batch(
        readings[good],
        ends[good],
        compact.astype(np.int32),
        tuple(routes.senders[one] for one in taking.tolist()),
        rejected,
    )


def _readings(
    parts: Sequence[Part], routes: Routes, message: NDArray[np.intp], slots: NDArray[np.int64]
) -> tuple[Records, NDArray[np.int64], NDArray[np.int32]]:
    """READING records in canonical units, when each was complete, and its sender."""
    route = routes.table[slots]
    readings = np.zeros(len(slots), READING)
    readings["t"] = [t for part in parts for t in part.pack.t_us]
    readings["v"] = [v for part in parts for v in part.pack.v]
    readings["rev"] = [rev for part in parts for rev in part.pack.rev]
    readings["series"] = route["series"]
    readings["received"] = np.array([p.arrival.received_us for p in parts], np.int64)[message]
    for row in np.flatnonzero(route["dated"]).tolist():
        found = routes.at(int(slots[row]), int(readings["t"][row]))
        route["scale"][row], route["offset"][row], route["end"][row], route["flags"][row] = found
    with np.errstate(over="ignore", invalid="ignore"):
        readings["v"] = readings["v"] * route["scale"] + route["offset"]
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
    return list(Reason).index(reason) + 1


def _rejection(
    parts: Sequence[Part], message: NDArray[np.intp], row: int, reason: Reason, reading: np.void
) -> Rejection:
    part = parts[message[row]]
    first = int(np.searchsorted(message, message[row]))
    city, gateway = (part.key.city, part.key.gateway) if part.key else ("", "")
    sent = part.arrival
    index = part.pack.index[row - first]
    detail = _detail(reason, iso(reading["t"]), iso(sent.received_us))
    return Rejection(
        sent.topic, sent.payload, index, city, gateway, reason, detail, sent.received_us
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
