"""Messages that came together, read together: the common case takes few steps a reading. Pure.

Common is our own JSON, from a device whose routes are all known, with nothing wrong in it. All
other messages are set apart, to be read one by one when their batch is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.errors import MalformedPayload
from cityvitals.wire.formats import own_json
from ingest.arrival import Arrival
from ingest.routes import Routes

READINGS: Final = "/obs"
_NAME: Final = attrgetter("q", "ch", "u")


SENT: Final = np.dtype(
    [
        ("t", "<i8"),
        ("v", "<f8"),
        ("rev", "<i8"),
        ("seq", "<i8"),
        ("slot", "<i8"),
        ("message", "<i4"),
        ("index", "<i4"),
    ]
)
"""A reading as it was sent.

Observed at (microseconds since 1970 UTC), value, revision, the gateway's running number (-1: none),
position in the routes' table, position of its message, and its position in that message.
"""


@dataclass(slots=True)
class Burst:
    """Messages in order of arrival, and the readings of the common ones.

    Attributes:
        version: of the routes that the readings' slots point into.
        readings: SENT records, in order of arrival; `message` is a position in `arrivals`.
        apart: positions in `arrivals` of readings that need a closer look.
        statements: positions in `arrivals` of what declares something.
    """

    arrivals: Sequence[Arrival]
    version: int
    readings: Records
    apart: list[int]
    statements: list[int]


def read_burst(arrivals: Sequence[Arrival], routes: Routes, largest_bytes: int) -> Burst:
    """Read messages; total, whatever they hold.

    Args:
        arrivals: in order of arrival.
        routes: those of every reading that is not set apart are known.
        largest_bytes: a larger payload is set apart.
    """
    rows: list[own_json.Row] = []
    slots: list[int] = []
    counts: list[int] = []
    lines = routes.lines
    for arrival in arrivals:
        line = lines.get(arrival.topic)
        found: list[own_json.Row] | None = None
        if line is not None and line.device.allowed and len(arrival.payload) <= largest_bytes:
            found = own_json.typed(arrival.payload)
        taken = list(map(line.routes.get, map(_NAME, found))) if line and found else []
        if None in taken:
            taken.clear()
        if taken and found:
            rows += found
            slots += taken  # type: ignore[arg-type]
        counts.append(len(taken))
    t = _instants(rows, counts, slots)
    others = [place for place, count in enumerate(counts) if not count]
    return Burst(
        arrivals,
        routes.version,
        _records(rows, t, slots, counts),
        [place for place in others if arrivals[place].topic.endswith(READINGS)],
        [place for place in others if not arrivals[place].topic.endswith(READINGS)],
    )


def _records(
    rows: list[own_json.Row], t: list[int], slots: list[int], counts: list[int]
) -> Records:
    records = np.empty(len(rows), SENT)
    records["t"] = t
    records["v"] = [row.v for row in rows]
    records["rev"] = [row.rev for row in rows]
    numbers = [row.seq for row in rows]
    if numbers.count(None) < len(numbers):
        records["seq"] = [-1 if one is None else one for one in numbers]
    else:
        records["seq"] = -1
    records["slot"] = slots
    sizes = np.array(counts, np.int64)
    records["message"] = np.repeat(np.arange(len(sizes)), sizes)
    records["index"] = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return records


def _instants(rows: list[own_json.Row], counts: list[int], slots: list[int]) -> list[int]:
    """The time of each row; messages with a time that is none are taken out of all three lists."""
    try:
        return own_json.instants([row.t for row in rows])
    except MalformedPayload:
        pass
    good_rows: list[own_json.Row] = []
    good_slots: list[int] = []
    t: list[int] = []
    end = 0
    for place, count in enumerate(counts):
        begin, end = end, end + count
        try:
            t += own_json.instants([row.t for row in rows[begin:end]])
        except MalformedPayload:
            counts[place] = 0
        else:
            good_rows += rows[begin:end]
            good_slots += slots[begin:end]
    rows[:], slots[:] = good_rows, good_slots
    return t
