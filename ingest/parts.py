"""Messages of readings that are read one by one, as far as can be told without the store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from cityvitals.domain.names import is_identifier
from cityvitals.domain.outcome import Reason
from cityvitals.errors import BadTopic, MalformedPayload
from cityvitals.store.batch import Rejection
from cityvitals.store.registry import DeviceKey
from cityvitals.wire import topic as topics
from cityvitals.wire.pack import Pack
from cityvitals.wire.payload import decode
from ingest.arrival import Arrival
from ingest.routes import Name

_COLUMNS: Final = ("t_us", "q", "v", "u", "rev", "seq", "ch", "index")


@dataclass(slots=True)
class Part:
    """What a message says of one device, or what of it belongs to none.

    Attributes:
        city: "" where the topic tells none; so is gateway.
        key: the device, or None where there is none.
        topic: the device's own topic of readings.
        pack: its good readings so far.
        slots: the route of each, or None while any is still to be found.
        rejected: what was turned away, as (index, reason, detail).
        seq: by index, the running numbers of readings that have one.
        message: position of the message in its batch.
        whole: the message was turned away as one.
    """

    arrival: Arrival
    city: str = ""
    gateway: str = ""
    key: DeviceKey | None = None
    topic: str = ""
    pack: Pack = field(default_factory=Pack)
    slots: list[int] | None = None
    rejected: list[tuple[int, Reason, str]] = field(default_factory=list)
    message: int = 0
    whole: bool = False
    seq: dict[int, int] = field(default_factory=dict)

    def reject_message(self, reason: Reason, detail: str) -> None:
        """Turn the whole message away, as one."""
        self.pack, self.slots = Pack(), []
        self.rejected, self.whole = [(0, reason, detail)], True

    def reject_readings(self, reason: Reason, detail: str) -> None:
        """Turn every reading away."""
        self.rejected += [(index, reason, detail) for index in self.pack.index]
        self.pack, self.slots = Pack(), []

    def reject_rows(self, rows: Iterable[int], reason: Reason, detail: str) -> None:
        """Turn some of the good readings away, by their position among them."""
        bad = set(rows)
        self.rejected += [(self.pack.index[row], reason, detail) for row in sorted(bad)]
        self.keep([row for row in range(len(self.pack.t_us)) if row not in bad])

    def keep(self, rows: list[int]) -> None:
        """Keep only some of the good readings, by their position among them."""
        self.pack = _chosen(self.pack, rows)

    @property
    def rejections(self) -> Iterator[Rejection]:
        """What was turned away, as dead letters to be."""
        sent = self.arrival
        for index, reason, detail in self.rejected:
            yield Rejection(
                sent.topic,
                sent.payload,
                index,
                self.city,
                self.gateway,
                reason,
                detail,
                sent.received_us,
                self.seq.get(index, -1),
            )

    def names(self) -> Iterable[Name]:
        """Quantity, channel and unit of each reading."""
        return zip(self.pack.q, self.pack.ch, self.pack.u, strict=True)


def read_parts(arrival: Arrival, largest_bytes: int) -> list[Part]:
    """Decode a message of readings; total: whatever is wrong becomes a rejection.

    A device's topic gives one part, a gateway's one for each device that the payload names.
    """
    part = Part(arrival)
    try:
        parsed = _parsed(arrival.topic)
    except BadTopic as error:
        part.reject_message(Reason.BAD_TOPIC, str(error))
        return [part]
    part.city, part.gateway = parsed.city, parsed.gateway
    if len(arrival.payload) > largest_bytes:
        size = len(arrival.payload)
        part.reject_message(Reason.TOO_LARGE, f"{size} bytes, at most {largest_bytes}")
        return [part]
    try:
        part.pack = decode(arrival.payload)
    except MalformedPayload as error:
        part.reject_message(Reason(error.reason), error.detail)
        return [part]
    part.rejected = [(bad.index, bad.reason, bad.detail) for bad in part.pack.bad]
    part.seq = _numbers(part.pack)
    if isinstance(parsed, topics.GatewayObs):
        return _by_device(part, parsed)
    part.key = DeviceKey(parsed.city, parsed.gateway, parsed.domain, parsed.device)
    part.topic = arrival.topic
    _refuse_others(part, parsed.device)
    return [part]


def _parsed(topic: str) -> topics.Obs | topics.GatewayObs:
    parsed = topics.parse(topic)
    if not isinstance(parsed, topics.Obs | topics.GatewayObs):
        raise BadTopic(f"topic {topic!a} is no topic of readings")
    return parsed


def _numbers(pack: Pack) -> dict[int, int]:
    """Running numbers by index, so that what is turned away is not taken for lost."""
    good = zip(pack.index, pack.seq, strict=True)
    return {index: seq for index, seq in good if seq is not None} | {
        bad.index: bad.seq for bad in pack.bad if bad.seq >= 0
    }


def _refuse_others(part: Part, device: str) -> None:
    """A topic says who may publish on it, so a payload cannot speak for another device."""
    for other in set(part.pack.device) - {"", device}:
        rows = [row for row, name in enumerate(part.pack.device) if name == other]
        part.reject_rows(rows, Reason.MISMATCH, f"the payload names {other[:64]!a}, not {device!r}")


def _by_device(whole: Part, topic: topics.GatewayObs) -> list[Part]:
    """A part for each device, and before them what belongs to none."""
    named = whole.pack.device or [""] * len(whole.pack.t_us)
    rows: dict[str, list[int]] = {}
    for row, device in enumerate(named):
        rows.setdefault(device, []).append(row)
    parts = []
    unfit: list[int] = []
    for device, mine in rows.items():
        if not (device.isascii() and is_identifier(device)):
            unfit += mine
            continue
        key = DeviceKey(topic.city, topic.gateway, topic.domain, device)
        own = topics.format(topics.Obs(topic.city, topic.domain, topic.gateway, device))
        pack = _chosen(whole.pack, mine)
        part = Part(whole.arrival, topic.city, topic.gateway, key, own, pack, seq=whole.seq)
        parts.append(part)
    detail = "a gateway's topic needs payloads that name a device: letters, digits, . _ -"
    whole.reject_rows(unfit, Reason.MISMATCH, detail)
    whole.pack, whole.slots = Pack(), []
    return [whole, *parts] if whole.rejected or not parts else parts


def _chosen(pack: Pack, rows: list[int]) -> Pack:
    """Some rows of a pack's good readings, in their order."""
    columns: dict[str, Any] = {
        name: [getattr(pack, name)[row] for row in rows] for name in _COLUMNS
    }
    if pack.device:
        columns["device"] = [pack.device[row] for row in rows]
    if pack.relative:
        relative = set(pack.relative)
        columns["relative"] = [place for place, row in enumerate(rows) if row in relative]
    return Pack(**columns)
