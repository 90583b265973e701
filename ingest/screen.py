"""From read messages to a batch, pure: conversion, flags, what is turned away for time or rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import Flag
from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import EARLIEST_US, LATEST_US, US, iso
from cityvitals.settings import IngestSettings
from cityvitals.store.batch import Batch, Rejection, Sender
from ingest.arrival import Arrival
from ingest.burst import SENT
from ingest.intake import Held
from ingest.parts import Part
from ingest.quality import Arrived, Bounds, flags_of
from ingest.rates import Rates
from ingest.routes import Routes

EARLIEST_TAKEN_US: Final = -2_208_988_800 * US
"""1900-01-01T00:00Z."""
LATEST_TAKEN_US: Final = 7_258_118_400 * US
"""2200-01-01T00:00Z."""
_REASONS: Final = list(Reason)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far clocks may be wrong, in microseconds.

    Attributes:
        future_us: a live reading's end may lie so far after its arrival.
        skew_us: beyond this it is flagged.
    """

    future_us: int
    skew_us: int


def tolerance_of(settings: IngestSettings) -> Tolerance:
    """The tolerance that is set."""
    return Tolerance(round(settings.future_seconds * US), round(settings.skew_seconds * US))


def screen(
    held: Held,
    parts: Sequence[Part],
    routes: Routes,
    tolerance: Tolerance,
    rates: Rates | None = None,
) -> Batch:
    """The batch of messages whose routes are all found, in order of arrival.

    Args:
        held: the messages.
        parts: those of them that were read one by one.
        routes: the table that slots point into.
        tolerance: for clocks.
        rates: how many readings gateways may send; None for no limit.
    """
    arrivals = held.arrivals
    sent, relative = _sent(held, parts)
    found = _readings(arrivals, sent, relative, routes, tolerance)
    readings, ends, sender = found.readings, found.ends, found.sender
    reasons = _reasons(found, routes, tolerance.future_us)
    if rates is not None:
        numbers = np.array([one.number for one in routes.senders], np.int64)[sender]
        over = rates.over(numbers, readings["received"])
        reasons[over & (reasons == 0)] = _code(Reason.OVER_LIMIT)
    rejected = [rejection for part in parts for rejection in part.rejections]
    bad = np.flatnonzero(reasons)
    told = _Told(routes, 0.0 if rates is None else rates.per_s)
    for row in bad.tolist():
        reason, one = _REASONS[reasons[row] - 1], sent[row]
        detail = told.detail(reason, found, row, int(one["slot"]))
        by = routes.senders[sender[row]]
        rejected.append(_rejection(arrivals[one["message"]], one, by, reason, detail))
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


def _sent(held: Held, parts: Sequence[Part]) -> tuple[Records, Mask | None]:
    """All readings as they were sent, `message` being the position among all messages.

    And which of them count their time from their arrival; None, at no cost, where none does.
    """
    together = [burst.readings for burst in held.bursts]
    apart = [_of_part(part) for part in parts if part.pack.t_us]
    sent: Records = np.concatenate([np.empty(0, SENT), *together, *apart])
    sizes = [len(piece) for piece in together]
    sent["message"][: sum(sizes)] += np.repeat(np.array(held.starts(), np.int32), sizes)
    if not apart:
        return sent, None
    relative = _relative(parts, len(sent))
    # What came later must win, so what was read apart goes back to where it came.
    order = np.argsort(sent["message"], kind="stable")
    return sent[order], None if relative is None else relative[order]


def _relative(parts: Sequence[Part], count: int) -> Mask | None:
    """Which readings count their time from their arrival, where those of parts come last."""
    if not any(part.pack.relative for part in parts):
        return None
    relative = np.zeros(count, np.bool_)
    begin = count - sum(len(part.pack.t_us) for part in parts)
    for part in parts:
        relative[[begin + row for row in part.pack.relative]] = True
        begin += len(part.pack.t_us)
    return relative


def _of_part(part: Part) -> Records:
    pack = part.pack
    sent = np.empty(len(pack.t_us), SENT)
    sent["t"], sent["v"], sent["rev"] = pack.t_us, pack.v, pack.rev
    sent["seq"] = [-1 if one is None else one for one in pack.seq]
    sent["slot"], sent["message"], sent["index"] = part.slots, part.message, pack.index
    return sent


class _Found(NamedTuple):
    """READING records in canonical units, when each was complete, and its sender.

    Attributes:
        timeless: readings without a time of their own, from gateways that must send one.
        unfit: readings in a unit that what they declare at their time cannot convert.
    """

    readings: Records
    ends: NDArray[np.int64]
    sender: NDArray[np.int32]
    live: Mask
    timeless: Mask | None
    unfit: Mask | None


def _readings(
    arrivals: Sequence[Arrival],
    sent: Records,
    relative: Mask | None,
    routes: Routes,
    tolerance: Tolerance,
) -> _Found:
    """What was sent, timed, converted and flagged."""
    route = routes.table[sent["slot"]]
    readings = np.zeros(len(sent), READING)
    for name in ("t", "rev"):
        readings[name] = sent[name]
    readings["series"], sender = route["series"], route["sender"]
    received = np.array([arrival.received_us for arrival in arrivals], np.int64)
    readings["received"] = received[sent["message"]]
    timeless = None
    if relative is not None:
        readings["t"][relative] += readings["received"][relative]
        served = np.array(routes.server_timed, np.bool_)[sender]
        readings["flags"][relative & served] = Flag.SERVER_TIMED
        timeless = relative & ~served
    unfit = _date(route, sent["slot"], readings["t"], routes)
    with np.errstate(over="ignore", invalid="ignore"):
        readings["v"] = sent["v"] * route["scale"] + route["offset"]
    live = np.array([one.live for one in routes.senders], np.bool_)[sender]
    ends = readings["t"] + route["end"]
    bounds = Bounds(route["low"], route["high"], route["faults"])
    arrived = Arrived(ends, readings["received"], live)
    flags = flags_of(sent["v"], readings["v"], bounds, arrived, tolerance.skew_us)
    readings["flags"] |= route["flags"] | flags
    return _Found(readings, ends, sender, live, timeless, unfit)


def _date(
    route: Records, slots: NDArray[np.int64], t: NDArray[np.int64], routes: Routes
) -> Mask | None:
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
    return _REASONS.index(reason) + 1


def _rejection(
    arrival: Arrival, sent: np.void, by: Sender, reason: Reason, detail: str
) -> Rejection:
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


@dataclass(frozen=True, slots=True)
class _Told:
    """Says why a reading was turned away."""

    routes: Routes
    per_s: float

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


def _numbers(seq: NDArray[np.int64]) -> NDArray[np.int64]:
    """Running numbers, or none at all where no gateway of the batch counts."""
    return seq if (seq >= 0).any() else np.empty(0, np.int64)
