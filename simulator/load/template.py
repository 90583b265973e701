"""Packets with room for what changes: a blank of each form, filled by whole arrays.

Packets of one width lie one after the other in memory, so that whole stretches of them are handed
to a socket as they are. A template's row is (message of the sensor, modulo variants; sensor).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.names import Domain
from cityvitals.wire.meta import SeriesMeta
from simulator.load import digits
from simulator.load.digits import Bytes, Ints
from simulator.load.packet import AT_LEAST_ONCE, Delivery, number_packet, publish_packet
from simulator.load.poison import Place
from simulator.load.town import PER_SENSOR, Sensor, series_of

Packets = NDArray[Any]
"""Of one width: uint8 [messages, width]; of our own JSON. Else bytearrays [messages]."""


Kind = tuple[int, Domain]
"""Bytes of the topic, and the domain: sensors alike in both send messages of one form."""


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of message: what it says of itself, and where its readings stand.

    Attributes:
        begin: where the payload does.
        steady: whether its times keep their place in the step.
        blank: the packet, but for topic, times and values.
        topic: where the topic stands.
    """

    begin: int
    steady: bool
    places: tuple[Place, ...]
    blank: Bytes
    topic: slice

    def rows(self, topics: Bytes) -> Bytes:
        """Packets to these topics (padded behind) [messages, width]."""
        made = np.empty((len(topics), self.blank.size), np.uint8)
        made[:] = self.blank
        made[:, self.topic] = topics[:, : self.topic.stop - self.topic.start]
        return made


@dataclass(frozen=True, slots=True)
class Body:
    """A payload, with places counted from its begin."""

    payload: bytes
    places: tuple[Place, ...]


class Template:
    """Rows for all sensors; a message of sensor s is its n-th, and says readings n·pack onwards.

    Reading i of a sensor is of its series i mod 10, at event step i div 10.

    Args:
        sensors: in the order in which they send.
        pack: readings a message.
        numbered: whether readings carry a running number.
        prefix: first level of all topics.
        delivery: how packets are delivered.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor],
        pack: int,
        *,
        numbered: bool = False,
        prefix: str = "city",
        delivery: Delivery = AT_LEAST_ONCE,
    ) -> None:
        self._delivery = delivery
        self.variants = PER_SENSOR // gcd(pack, PER_SENSOR)
        self.sensors = sensors
        self.topics = [prefix + one.obs.removeprefix("city") for one in sensors]
        encoded = [topic.encode() for topic in self.topics]
        kinds: dict[Kind, int] = {}
        kind_of = [
            kinds.setdefault((len(topic), one.domain), len(kinds))
            for topic, one in zip(encoded, sensors, strict=True)
        ]
        self._topics = np.array(encoded).view(np.uint8).reshape(len(encoded), -1)
        self.forms = self._made(list(kinds), pack, numbered=numbered)
        every = np.arange(self.variants)[:, None] * len(kinds) + np.array(kind_of)
        self.form = every.ravel().astype(np.int16)
        self.width = self.forms[0].blank.size

    def fill(self, row: Ints, t_us: Ints, scaled: Ints, seq: Ints | None) -> Bytes:
        """Packets of rows, saying these times and values [messages, width]; packet ids are 0."""
        out = np.empty((len(row), self.width), np.uint8)
        stamps, numbers = digits.times(t_us), digits.values(scaled)
        running = None if seq is None else digits.seqs(seq)
        form_of = self.form[row]
        for form in np.unique(form_of).tolist():
            mine = np.flatnonzero(form_of == form)
            part = self.forms[form].rows(self._topics[row[mine] % len(self.sensors)])
            for number, place in enumerate(self.forms[form].places):
                part[:, place.t : place.t + digits.TIME_WIDTH] = stamps[mine, number]
                part[:, place.v : place.v + digits.VALUE_WIDTH] = numbers[mine, number]
                if running is not None:
                    part[:, place.seq : place.seq + digits.SEQ_WIDTH] = running[mine, number]
            out[mine] = part
        return out

    def number(self, packets: Packets, row: Ints, mids: Ints) -> None:
        """Write packet ids, which QoS 0 has none of."""
        if packets.dtype == object:
            for packet, mid in zip(packets, mids.tolist(), strict=True):
                number_packet(packet, mid)
            return
        begins = np.array([form.begin for form in self.forms], np.int64)
        each, at = np.arange(len(row)), begins[self.form[row]] - self._delivery.mid_before
        packets[each, at] = mids >> 8
        packets[each, at + 1] = mids & 0xFF

    @staticmethod
    def joined(packets: Packets) -> bytes:
        """Packets as they go over the wire."""
        return b"".join(packets) if packets.dtype == object else packets.tobytes()

    def _made(self, kinds: Sequence[Kind], pack: int, *, numbered: bool) -> list[Form]:
        """The forms of all kinds in the first variant, then in the next ones; as wide as each."""
        bodies = {
            (domain, variant): _body(series_of(domain, 1), variant * pack, pack, numbered=numbered)
            for domain in {domain for _, domain in kinds}
            for variant in range(self.variants)
        }
        each = [(*kind, variant) for variant in range(self.variants) for kind in kinds]
        room = max(size + len(bodies[domain, nth].payload) for size, domain, nth in each)
        return [
            _form(size, domain, bodies[domain, nth], room, self._delivery)
            for size, domain, nth in each
        ]


def _form(size: int, domain: Domain, body: Body, room: int, delivery: Delivery) -> Form:
    """A form whose topic has a size, and which has room for topic and payload."""
    payload = body.payload.ljust(room - size)
    packet = publish_packet("t" * size, payload, 0, delivery)
    begin = len(packet) - len(payload)
    head = begin - len(delivery.no_properties) - (2 if delivery.qos else 0)
    return Form(
        begin,
        domain is Domain.ENERGY,
        tuple(_moved(one, begin) for one in body.places),
        np.frombuffer(packet, np.uint8),
        slice(head - size, head),
    )


def _moved(place: Place, by: int) -> Place:
    return Place(
        place.series,
        place.t + by,
        place.v + by,
        place.q + by,
        place.u + by,
        place.seq + by,
        place.q_width,
        place.u_width,
    )


def _body(series: Sequence[SeriesMeta], first: int, pack: int, *, numbered: bool) -> Body:
    """An array of readings, beginning with the sensor's `first`."""
    pieces, places, at = [], [], 1
    for number in range(first, first + pack):
        piece, place = _piece(series, number % len(series), at, numbered=numbered)
        pieces.append(piece)
        places.append(place)
        at += len(piece) + 1
    return Body(b"[" + b",".join(pieces) + b"]", tuple(places))


def _piece(
    series: Sequence[SeriesMeta], which: int, at: int, *, numbered: bool
) -> tuple[bytes, Place]:
    """One reading that begins at a place, and where its parts stand."""
    one = series[which]
    channel = f'"ch":"{one.ch}",' if one.ch else ""
    parts = [
        '{"t":"',
        "0" * digits.TIME_WIDTH,
        'Z","q":"',
        one.q,
        '","u":"',
        one.unit,
        f'",{channel}"v":',
        "0" * digits.VALUE_WIDTH,
        ',"seq":' if numbered else "",
        "0" * digits.SEQ_WIDTH if numbered else "",
        "}",
    ]
    encoded = [part.encode() for part in parts]
    begins = at + np.cumsum([0] + [len(part) for part in encoded])
    t, q, u, v, seq = (int(begins[part]) for part in (1, 3, 5, 7, 9))
    return b"".join(encoded), Place(which, t, v, q, u, seq, len(encoded[3]), len(encoded[5]))
