"""Packets with room for what changes: made once, filled by whole arrays.

Packets of one width lie one after the other in memory, so that whole stretches of them are handed
to a socket as they are. A template's row is (message of the sensor, modulo variants; sensor).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from cityvitals.domain.names import Domain
from cityvitals.wire.meta import SeriesMeta
from simulator.load import digits
from simulator.load.digits import Bytes, Ints
from simulator.load.packet import AT_LEAST_ONCE, Delivery, publish_packet
from simulator.load.poison import Place
from simulator.load.town import PER_SENSOR, Sensor, series_of


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of message: what it says of itself, and where its readings stand."""

    begin: int
    steady: bool
    places: tuple[Place, ...]


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
        self.forms: list[Form] = []
        self._numbered = numbered
        self._form_of: dict[tuple[int, Domain, int], int] = {}
        bodies = {
            (domain, variant): _body(series_of(domain, 1), variant * pack, pack, numbered=numbered)
            for domain in {one.domain for one in sensors}
            for variant in range(self.variants)
        }
        longest = max(
            len(topic) + len(bodies[one.domain, variant].payload)
            for topic, one in zip(self.topics, sensors, strict=True)
            for variant in range(self.variants)
        )
        made = [
            self._row(topic, one, variant, bodies[one.domain, variant], longest)
            for variant in range(self.variants)
            for topic, one in zip(self.topics, sensors, strict=True)
        ]
        self.width = len(made[0][0])
        self._rows = np.frombuffer(b"".join(row for row, _ in made), np.uint8).reshape(
            len(made), -1
        )
        self.form = np.array([form for _, form in made], np.int64)
        self._mid_at = np.array(
            [self.forms[form].begin - delivery.mid_before for _, form in made], np.int64
        )

    def fill(self, row: Ints, t_us: Ints, scaled: Ints, seq: Ints | None) -> Bytes:
        """Packets of rows, saying these times and values [messages, width]; packet ids are 0."""
        out = np.empty((len(row), self.width), np.uint8)
        stamps, numbers = digits.times(t_us), digits.values(scaled)
        running = None if seq is None else digits.seqs(seq)
        form_of = self.form[row]
        for form in np.unique(form_of).tolist():
            mine = np.flatnonzero(form_of == form)
            part = self._rows[row[mine]]
            for number, place in enumerate(self.forms[form].places):
                part[:, place.t : place.t + digits.TIME_WIDTH] = stamps[mine, number]
                part[:, place.v : place.v + digits.VALUE_WIDTH] = numbers[mine, number]
                if running is not None:
                    part[:, place.seq : place.seq + digits.SEQ_WIDTH] = running[mine, number]
            out[mine] = part
        return out

    def number(self, packets: Bytes, row: Ints, mids: Ints) -> None:
        """Write packet ids, which QoS 0 has none of."""
        each, at = np.arange(len(row)), self._mid_at[row]
        packets[each, at] = mids >> 8
        packets[each, at + 1] = mids & 0xFF

    def _row(
        self, topic: str, sensor: Sensor, variant: int, body: Body, longest: int
    ) -> tuple[bytes, int]:
        """A packet, and the form that it has."""
        payload = body.payload.ljust(longest - len(topic))
        packet = publish_packet(topic, payload, 0, self._delivery)
        begin = len(packet) - len(payload)
        key = (begin, sensor.domain, variant)
        if key not in self._form_of:
            self._form_of[key] = len(self.forms)
            places = tuple(_moved(one, begin) for one in body.places)
            self.forms.append(Form(begin, sensor.domain is Domain.ENERGY, places))
        return packet, self._form_of[key]


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
