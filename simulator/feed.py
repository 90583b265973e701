"""What a city sends: devices, and packs of their readings in order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cityvitals.domain.names import Domain
from cityvitals.wire.meta import CityMeta, SeriesMeta

Sample = tuple[int, int, float]
"""(observed at in microseconds since 1970 UTC, index of the device's series, value)"""


@dataclass(frozen=True, slots=True, order=True)
class Gateway:
    """What devices are reached through; one MQTT status topic."""

    domain: Domain
    id: str


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A sensor, its place and its series; compared by identity, since packs are looked up by it."""

    gateway: Gateway
    id: str
    zone: str | None
    series: tuple[SeriesMeta, ...]
    latitude: float | None = None
    longitude: float | None = None


class Pack(NamedTuple):
    """Readings of one device, in order of time: one message. `rev` is that of its readings."""

    device: Device
    samples: list[Sample]
    rev: int = 0


class Feed(Protocol):
    """A city that can be played."""

    @property
    def city(self) -> str:
        """The city's id."""

    @property
    def meta(self) -> CityMeta:
        """Its name, time zone and clock."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """All of its devices."""

    def packs(self, span_us: int | None) -> Iterator[Pack]:
        """What is sent, merged by time over devices.

        Args:
            span_us: no pack spans more event time than this; None leaves it to the feed.
        """
