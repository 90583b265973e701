"""The load's four cities: 50 zones, 1,000 devices, 10,000 series, and their messages' bytes.

Messages are made by numpy from templates of one width, so that making and sending them costs the
load generator a few per cent of a core: whole stretches of them are one piece of memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Clock, Domain, Kind, Stamp
from cityvitals.domain.times import US, iso
from cityvitals.wire import topic
from cityvitals.wire.meta import (
    CityMeta,
    DeviceMeta,
    SeriesMeta,
    encode_city,
    encode_meta,
)
from tests.benchmarks.mqtt import publish_packet

CITIES: Final = 4
ZONES: Final = 50
DEVICES: Final = 1000
PER_DEVICE: Final = 10
SERIES: Final = DEVICES * PER_DEVICE
STEP_US: Final = 10 * US
"""Event time between two readings of a series."""

_STEPS: Final = 5
"""Readings of each series in a pack of 50."""
_AIR: Final = (
    "pm2_5",
    "pm10",
    "no2",
    "so2",
    "o3",
    "co",
    "air_temperature",
    "relative_humidity",
    "wind_speed",
    "noise_laeq",
)
_PATTERN: Final = (
    (Domain.AIR, 0, 7),
    (Domain.ENERGY, 7, 8),
    (Domain.WATER, 8, 9),
    (Domain.TRAFFIC, 9, 10),
)
"""Of ten devices in a row, which are of what domain: [from, to)."""
_OF_DOMAIN: Final = {
    Domain.ENERGY: "electricity_energy",
    Domain.WATER: "water_flow",
    Domain.TRAFFIC: "traffic_speed",
}
_TABLE: Final = 1 << 20
_TIME: Final = len("2026-11-23T10:15:0")
_JITTER: Final = len("0.000000")
_VALUE: Final = len("12.34567")
Bytes = NDArray[np.uint8]


def city_id(number: int) -> str:
    """The id of a city; zones are dealt over cities in turn."""
    return f"bench-{number}"


PROBED_CITY: Final = city_id(0)
PROBED_ZONE: Final = "probe"
PROBED_RULE: Final = "traffic.speed.hour"


def series_of(domain: Domain) -> tuple[SeriesMeta, ...]:
    """What a device of a domain reports."""
    if domain == Domain.AIR:
        return tuple(_gauge(name, "") for name in _AIR)
    channels = [f"c{number}" for number in range(PER_DEVICE)]
    if domain == Domain.ENERGY:
        kind, stamp = Kind.INTERVAL_TOTAL, Stamp.END
        step_s = STEP_US / US
        name = _OF_DOMAIN[domain]
        return tuple(SeriesMeta(name, ch, kind, step_s, stamp, unit=_unit(name)) for ch in channels)
    return tuple(_gauge(_OF_DOMAIN[domain], ch) for ch in channels)


def _gauge(quantity: str, channel: str) -> SeriesMeta:
    reporting_s = STEP_US / US
    return SeriesMeta(quantity, channel, reporting_s=reporting_s, unit=_unit(quantity))


def _unit(quantity: str) -> str:
    return load_catalogue().quantities[quantity].unit


@dataclass(frozen=True, slots=True)
class Device:
    """One of the thousand; a gateway for each zone and domain."""

    number: int
    domain: Domain

    @property
    def zone(self) -> str:
        """The zone that it stands in."""
        return f"z{self._zone:02d}"

    @property
    def city(self) -> str:
        """The city of its zone."""
        return city_id(self._zone % CITIES)

    @property
    def _zone(self) -> int:
        return self.number // 10 % ZONES

    @property
    def _place(self) -> tuple[str, Domain, str, str]:
        return self.city, self.domain, f"{self.domain}-{self.zone}", f"d{self.number:04d}"

    @property
    def obs(self) -> str:
        """Topic of its readings."""
        return topic.format(topic.Obs(*self._place))

    @property
    def meta(self) -> tuple[str, bytes]:
        """Topic and payload of its declaration."""
        declared = DeviceMeta(zone=self.zone, series=series_of(self.domain))
        return topic.format(topic.Meta(*self._place)), encode_meta(declared)


def devices() -> list[Device]:
    """All devices, in the order in which they send."""
    return [
        Device(ten + one, domain)
        for ten in range(0, DEVICES, 10)
        for domain, low, high in _PATTERN
        for one in range(low, high)
    ]


def declarations() -> Iterator[tuple[str, bytes]]:
    """Topic and payload of everything that is declared before the load begins."""
    for number in range(CITIES):
        meta = CityMeta(city_id(number).title(), "Europe/Vienna", Clock.LIVE)
        yield topic.format(topic.CityMeta(city_id(number))), encode_city(meta)
    for device in devices():
        yield device.meta
    place = (PROBED_CITY, Domain.TRAFFIC, "traffic-probe", "probe")
    probe = DeviceMeta(zone=PROBED_ZONE, series=(_gauge("traffic_speed", ""),))
    yield topic.format(topic.Meta(*place)), encode_meta(probe)


def probe_topic() -> str:
    """Topic of the reading whose indicator is waited for."""
    return topic.format(topic.Obs(PROBED_CITY, Domain.TRAFFIC, "traffic-probe", "probe"))


@dataclass(frozen=True, slots=True)
class _Form:
    """Where the bytes that change stand in a kind of message.

    Attributes:
        low, high: which of ten devices in a row.
        variant: which message of the device.
        steady: keeps the second within a step: intervals do not overlap.
        places: of each reading its step within the round, and where time and value begin.
    """

    low: int
    high: int
    variant: int
    steady: bool
    places: tuple[tuple[int, int, int], ...]


class Messages:
    """Rounds of messages: in each, every series reports once for each of `steps` event steps.

    Args:
        pack: readings a message, 50 or 1.
        base_us: when step 0 begins, a multiple of ten seconds.
        prefix: first level of all topics, instead of `city`.
    """

    def __init__(self, pack: int, base_us: int, prefix: str = "city") -> None:
        self.pack = pack
        self.steps = _STEPS if pack == PER_DEVICE * _STEPS else 1
        self._base_us = base_us
        self._variants = PER_DEVICE * self.steps // pack
        self._forms: list[_Form] = []
        drawn = np.random.default_rng(1)
        self._jitter = _digits(drawn.permutation(9_999_999)[:_TABLE], 1)
        self._values = _digits(drawn.permutation(2_999_999)[:_TABLE] + 1_000_000, 2)
        self._rows = self._templates(prefix)
        self._offset = 0

    def __len__(self) -> int:
        """Messages of a round."""
        return len(self._rows)

    def round(self, first_step: int) -> Bytes:
        """PUBLISH packets of a round [messages, width]; valid until the next call."""
        tens = self._rows.reshape(DEVICES // 10, 10, self._variants, -1)
        stamps = [
            np.frombuffer(iso(self._base_us + (first_step + one) * STEP_US)[:_TIME].encode(), "u1")
            for one in range(self.steps)
        ]
        for form in self._forms:
            view = tens[:, form.low : form.high, form.variant]
            for number, (step, t, v) in enumerate(form.places):
                view[..., t : t + _TIME] = stamps[step]
                at = t + _TIME
                place = number % PER_DEVICE * 1000 if form.steady else None
                view[..., at : at + _JITTER] = self._take(self._jitter, view, place)
                view[..., v : v + _VALUE] = self._take(self._values, view, None)
        return self._rows

    def _take(self, table: Bytes, view: Bytes, place: int | None) -> Bytes:
        """As many rows of a table as a view has messages, never the same stretch twice in a row."""
        count = view.shape[0] * view.shape[1]
        if place is None:
            self._offset = (self._offset + 1009) % (_TABLE - count)
            place = self._offset
        return table[place : place + count].reshape(*view.shape[:2], -1)

    def _templates(self, prefix: str) -> Bytes:
        """One row for each message of a round, of one width; packet ids count rows."""
        bodies = {
            (domain, variant): self._body(domain, variant)
            for domain, _, _ in _PATTERN
            for variant in range(self._variants)
        }
        named = [
            (prefix + one.obs.removeprefix("city"), one.domain, variant)
            for one in devices()
            for variant in range(self._variants)
        ]
        longest = max(
            len(name) + len(bodies[domain, variant][0]) for name, domain, variant in named
        )
        rows: list[bytes] = []
        heads: dict[Domain, int] = {}
        for name, domain, variant in named:
            body = bodies[domain, variant][0].ljust(longest - len(name))
            rows.append(publish_packet(name, body, len(rows) + 1))
            heads[domain] = len(rows[-1]) - len(body)
        for domain, low, high in _PATTERN:
            for variant in range(self._variants):
                head, steady = heads[domain], domain == Domain.ENERGY
                places = [(step, head + t, head + v) for step, t, v in bodies[domain, variant][1]]
                self._forms.append(_Form(low, high, variant, steady, tuple(places)))
        return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1).copy()

    def _body(self, domain: Domain, variant: int) -> tuple[bytes, list[tuple[int, int, int]]]:
        """A payload with room for times and values, and where they go."""
        series = series_of(domain)
        chosen = series if self.pack >= PER_DEVICE else series[variant : variant + 1]
        pieces, places, at = [], [], 1
        for step in range(self.steps):
            for one in chosen:
                channel = f'"ch":"{one.ch}",' if one.ch else ""
                head = f'Z","q":"{one.q}","u":"{one.unit}",{channel}"v":'
                piece = '{"t":"' + "0" * (_TIME + _JITTER) + head + "0" * _VALUE + "}"
                size = len(piece.encode())
                places.append((step, at + len('{"t":"'), at + size - _VALUE - 1))
                pieces.append(piece)
                at += size + 1
        return f"[{','.join(pieces)}]".encode(), places


@cache
def _powers(width: int) -> NDArray[np.int64]:
    return 10 ** np.arange(width - 1, -1, -1)


def _digits(numbers: NDArray[Any], whole: int) -> Bytes:
    """Numbers as text with `whole` digits before the point [n, digits + 1]."""
    width = whole + (6 if whole == 1 else 5)
    digits = (numbers[:, None] // _powers(width) % 10 + ord("0")).astype(np.uint8)
    point = np.full((len(numbers), 1), ord("."), np.uint8)
    return np.concatenate([digits[:, :whole], point, digits[:, whole:]], axis=1)
