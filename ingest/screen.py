"""From parts to a batch, pure: conversion, flags, and what is turned away for time or rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import Flag
from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import EARLIEST_US, LATEST_US, US, iso
from cityvitals.store.batch import Batch, Rejection
from ingest.parts import Part
from ingest.quality import Arrived, Bounds, flags_of
from ingest.rates import Rates
from ingest.routes import Routes

EARLIEST_TAKEN_US: Final = -2_208_988_800 * US
"""1900-01-01T00:00Z."""
LATEST_TAKEN_US: Final = 7_258_118_400 * US
"""2200-01-01T00:00Z."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far clocks may be wrong, in microseconds.

    Attributes:
        future_us: a live reading's end may lie so far after its arrival.
        skew_us: beyond this it is flagged.
    """

    future_us: int
    skew_us: int


def screen(
    parts: Sequence[Part], routes: Routes, tolerance: Tolerance, rates: Rates | None = None
) -> Batch:
    """The batch of parts whose routes are all found, in order of arrival.

    Args:
        parts: decoded messages.
        routes: the table that their slots point into.
        tolerance: for clocks.
        rates: how many readings gateways may send; None for no limit.
    """
    rejected = [rejection for part in parts for rejection in part.rejections]
    message = np.repeat(np.arange(len(parts)), [len(part.pack.t_us) for part in parts])
    slots = np.array([slot for part in parts for slot in part.slots or ()], np.int64)
    found = _readings(parts, routes, message, slots, tolerance)
    readings, sender = found.readings, found.sender
    reasons = _reasons(found, routes, tolerance.future_us)
    if rates is not None:
        numbers = np.array([one.number for one in routes.senders], np.int64)[sender]
        over = rates.over(numbers, readings["received"])
        reasons[over & (reasons == 0)] = _code(Reason.OVER_LIMIT)
    told = _Told(routes, None if rates is None else rates.per_s)
    for row in np.flatnonzero(reasons).tolist():
        reason = list(Reason)[reasons[row] - 1]
        detail = told.detail(reason, found, row, int(slots[row]))
        rejected.append(_rejection(parts, message, row, reason, detail))
    good = reasons == 0
    taking, compact = np.unique(sender[good], return_inverse=True)
    return Batch(
        readings[good],
        found.ends[good],
        compact.astype(np.int32),
        tuple(routes.senders[one] for one in taking.tolist()),
        rejected,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """READING records in canonical units, when each was complete, and its sender.

    Attributes:
        timeless: readings without a time of their own, from gateways that must send one.
        unfit: readings in a unit that what they declare at their time cannot convert.
    """

    readings: Records
    ends: NDArray[np.int64]
    sender: NDArray[np.int32]
    live: NDArray[np.bool_]
    timeless: NDArray[np.bool_] | None
    unfit: NDArray[np.bool_] | None


def _readings(
    parts: Sequence[Part],
    routes: Routes,
    message: NDArray[np.intp],
    slots: NDArray[np.int64],
    tolerance: Tolerance,
) -> _Found:
    """What the parts hold, converted, timed and flagged."""
    route = routes.table[slots]
    raw = np.array([v for part in parts for v in part.pack.v], np.float64)
    readings = np.zeros(len(slots), READING)
    readings["t"] = [t for part in parts for t in part.pack.t_us]
    readings["rev"] = [rev for part in parts for rev in part.pack.rev]
    readings["series"], sender = route["series"], route["sender"]
    readings["received"] = np.array([p.arrival.received_us for p in parts], np.int64)[message]
    relative = _relative(parts, message)
    if relative is not None:
        readings["t"][relative] += readings["received"][relative]
    unfit = _date(route, slots, readings["t"], routes)
    with np.errstate(over="ignore", invalid="ignore"):
        readings["v"] = raw * route["scale"] + route["offset"]
    live = np.array([one.live for one in routes.senders], np.bool_)[sender]
    ends = readings["t"] + route["end"]
    bounds = Bounds(route["low"], route["high"], route["faults"])
    arrived = Arrived(ends, readings["received"], live)
    flags = flags_of(raw, readings["v"], bounds, arrived, tolerance.skew_us)
    timeless = None
    if relative is not None:
        served = np.array(routes.server_timed, np.bool_)[sender]
        flags[relative & served] |= Flag.SERVER_TIMED
        timeless = relative & ~served
    readings["flags"] = route["flags"] | flags
    return _Found(readings, ends, sender, live, timeless, unfit)


def _relative(parts: Sequence[Part], message: NDArray[np.intp]) -> NDArray[np.bool_] | None:
    """Which readings count their time from their arrival; None, at no cost, where none does."""
    if not any(part.pack.relative for part in parts):
        return None
    relative = np.zeros(len(message), np.bool_)
    for number, part in enumerate(parts):
        if part.pack.relative:
            relative[int(np.searchsorted(message, number)) + np.array(part.pack.relative)] = True
    return relative


def _date(
    route: Records, slots: NDArray[np.int64], t: NDArray[np.int64], routes: Routes
) -> NDArray[np.bool_] | None:
    """Fill in what depends on a reading's time; which of them lack a reference state then."""
    dated = np.flatnonzero(route["dated"]).tolist()
    for row in dated:
        for name, value in routes.at(int(slots[row]), int(t[row]))._asdict().items():
            route[name][row] = value
    return np.isnan(route["scale"]) if dated else None


def _reasons(found: _Found, routes: Routes, future_us: int) -> NDArray[np.int8]:
    """Per reading why it is turned away: 1 + position in `Reason`, or 0."""
    readings, live = found.readings, found.live
    sealed = np.array(routes.sealed, np.int64)[found.sender]
    t = readings["t"]
    reasons = np.zeros(len(readings), np.int8)
    reasons[live & (t < sealed)] = _code(Reason.SEALED)
    reasons[live & (found.ends > readings["received"] + future_us)] = _code(Reason.FUTURE)
    reasons[t >= LATEST_TAKEN_US] = _code(Reason.FUTURE)
    reasons[t < EARLIEST_TAKEN_US] = _code(Reason.NO_TIME)
    reasons[~np.isfinite(readings["v"])] = _code(Reason.NO_NUMBER)
    if found.unfit is not None:
        reasons[found.unfit] = _code(Reason.BAD_UNIT)
    if found.timeless is not None:
        reasons[found.timeless] = _code(Reason.NO_TIME)
    return reasons


def _code(reason: Reason) -> int:
    return list(Reason).index(reason) + 1


def _rejection(
    parts: Sequence[Part], message: NDArray[np.intp], row: int, reason: Reason, detail: str
) -> Rejection:
    part = parts[message[row]]
    first = int(np.searchsorted(message, message[row]))
    city, gateway = (part.key.city, part.key.gateway) if part.key else ("", "")
    sent = part.arrival
    index = part.pack.index[row - first]
    return Rejection(
        sent.topic, sent.payload, index, city, gateway, reason, detail, sent.received_us
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """Says why a reading was turned away."""

    routes: Routes
    per_s: float | None

    def detail(self, reason: Reason, found: _Found, row: int, slot: int) -> str:
        """The reason in words, with what the reader needs to look for."""
        gateway = self.routes.senders[found.sender[row]].gateway
        match reason:
            case Reason.NO_TIME if found.timeless is not None and found.timeless[row]:
                return f"without a time, and gateway {gateway} is not server_timed"
            case Reason.FUTURE | Reason.SEALED | Reason.NO_TIME:
                return _of_time(reason, found.readings[row])
            case Reason.BAD_UNIT:
                return self.routes.unfit(slot)
            case Reason.OVER_LIMIT:
                return (
                    f"gateway {gateway} sends more than {self.per_s:g} readings a second: "
                    "ingest.gateway_readings_per_s"
                )
            case _:
                return "the value is not finite in the quantity's canonical unit"


def _of_time(reason: Reason, reading: np.void) -> str:
    # A time counted from arrival may lie where no calendar reaches.
    observed = iso(min(max(reading["t"], EARLIEST_US), LATEST_US))
    match reason:
        case Reason.FUTURE:
            received = iso(reading["received"])
            return f"observed at {observed}, in the future of {received} when it came"
        case Reason.SEALED:
            return f"observed at {observed}, before the city's seal"
        case _:
            return f"observed at {observed}, before 1900"
