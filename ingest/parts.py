"""Messages on their way to a commit, decoded as far as can be told without the store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cityvitals.domain.outcome import Reason
from cityvitals.errors import BadTopic, MalformedPayload
from cityvitals.store.batch import Rejection
from cityvitals.store.registry import DeviceKey
from cityvitals.wire import payload as payloads
from cityvitals.wire import topic as topics
from cityvitals.wire.pack import Pack
from ingest.arrival import Arrival
from ingest.routes import Line, Name, Routes


@dataclass(slots=True)
class Part:
    """A message of readings.

    Attributes:
        key: the device, or None where the topic names none.
        pack: its good readings so far.
        slots: the route of each, or None while any is still to be found.
        rejected: what was turned away, as (index, reason, detail).
    """

    arrival: Arrival
    key: DeviceKey | None = None
    pack: Pack = field(default_factory=Pack)
    slots: list[int] | None = None
    rejected: list[tuple[int, Reason, str]] = field(default_factory=list)

    def reject_message(self, reason: Reason, detail: str) -> None:
        """Turn the whole message away, as one."""
        self.pack, self.slots = Pack(), []
        self.rejected = [(0, reason, detail)]

    def reject_readings(self, reason: Reason, detail: str) -> None:
        """Turn every reading of the message away."""
        self.rejected += [(index, reason, detail) for index in self.pack.index]
        self.pack, self.slots = Pack(), []

    def keep(self, rows: list[int]) -> None:
        """Keep only some of the good readings, by their position among them."""
        pack = self.pack
        if pack.relative:
            timeless = set(pack.relative)
            pack.relative = [place for place, row in enumerate(rows) if row in timeless]
        columns: list[list[Any]] = [
            pack.t_us,
            pack.q,
            pack.v,
            pack.u,
            pack.rev,
            pack.seq,
            pack.ch,
            pack.index,
        ]
        for column in columns:
            column[:] = [column[row] for row in rows]

    @property
    def rejections(self) -> Iterator[Rejection]:
        """What was turned away, as dead letters to be."""
        city, gateway = (self.key.city, self.key.gateway) if self.key else ("", "")
        sent = self.arrival
        for index, reason, detail in self.rejected:
            yield Rejection(
                sent.topic, sent.payload, index, city, gateway, reason, detail, sent.received_us
            )

    def names(self) -> Iterable[Name]:
        """Quantity, channel and unit of each reading."""
        return zip(self.pack.q, self.pack.ch, self.pack.u, strict=True)


def read_part(arrival: Arrival, routes: Routes, largest_bytes: int) -> Part:
    """Decode a message of readings; total: whatever is wrong becomes a rejection."""
    part = Part(arrival)
    line = routes.lines.get(arrival.topic)
    try:
        part.key = line.key if line is not None else device_of(arrival.topic)
    except BadTopic as error:
        part.reject_message(Reason.BAD_TOPIC, str(error))
        return part
    if len(arrival.payload) > largest_bytes:
        part.reject_message(
            Reason.TOO_LARGE, f"{len(arrival.payload)} bytes, at most {largest_bytes}"
        )
        return part
    try:
        part.pack = payloads.decode(arrival.payload)
    except MalformedPayload as error:
        part.reject_message(Reason(error.reason), error.detail)
        return part
    part.rejected = [(bad.index, bad.reason, bad.detail) for bad in part.pack.bad]
    find_slots(part, line, routes)
    return part


def device_of(topic: str) -> DeviceKey:
    """The device that a readings topic names.

    Raises:
        BadTopic: it does not follow the grammar.
    """
    parsed = topics.parse(topic)
    if not isinstance(parsed, topics.Obs):
        raise BadTopic(f"topic {topic!a} is no topic of readings")
    return DeviceKey(parsed.city, parsed.gateway, parsed.domain, parsed.device)


def find_slots(part: Part, line: Line | None, routes: Routes) -> None:
    """Find the routes of a part's readings, if all are known already."""
    if line is None or not line.device.allowed:
        return
    found = routes.find(line, part.names())
    slots = [slot for slot in found if slot is not None]
    part.slots = slots if len(slots) == len(found) else None
