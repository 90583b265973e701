"""Whom a load comes from: sensors of ten series each, in zones of one or more cities."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Clock, Domain, Kind, Stamp
from cityvitals.domain.times import US
from cityvitals.wire import topic
from cityvitals.wire.meta import CityMeta, DeviceMeta, SeriesMeta, encode_city, encode_meta

PER_SENSOR: Final = 10
"""Series of a sensor."""

_TEN: Final = 10
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
_OTHERS: Final = {
    7: (Domain.ENERGY, "electricity_energy"),
    8: (Domain.WATER, "water_flow"),
    9: (Domain.TRAFFIC, "traffic_speed"),
}
"""Of ten sensors in a row these are not of air."""

Declaration = tuple[str, bytes]
"""Topic and payload of a retained message."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One of a town; each zone has a gateway for each domain."""

    number: int
    city: str
    zone: str
    domain: Domain

    @property
    def gateway(self) -> str:
        """Its gateway's id."""
        return f"{self.domain}-{self.zone}"

    @property
    def id(self) -> str:
        """Its own id."""
        return f"d{self.number:04d}"

    @property
    def obs(self) -> str:
        """Topic of its readings."""
        return topic.format(topic.Obs(self.city, self.domain, self.gateway, self.id))

    def declaration(self, step_us: int) -> Declaration:
        """What it says of itself."""
        declared = DeviceMeta(zone=self.zone, series=series_of(self.domain, step_us))
        place = topic.Meta(self.city, self.domain, self.gateway, self.id)
        return topic.format(place), encode_meta(declared)


@dataclass(frozen=True)
class Town:
    """Sensors in the order in which they send, dealt over zones by tens, and zones over cities.

    Attributes:
        step_us: event time between two readings of a series.
        first: number of the first sensor; others have those before it.
        without: domains that no sensor is of; those are of air instead.
    """

    cities: tuple[str, ...]
    zones: int
    size: int
    step_us: int
    first: int = 0
    without: frozenset[Domain] = frozenset()

    @cached_property
    def sensors(self) -> tuple[Sensor, ...]:
        """All of them."""
        return tuple(self._sensor(self.first + number) for number in range(self.size))

    def declarations(self) -> Iterator[Declaration]:
        """All that is declared before the load begins."""
        for city in self.cities:
            meta = CityMeta(city.title(), "Europe/Vienna", Clock.LIVE)
            yield topic.format(topic.CityMeta(city)), encode_city(meta)
        for sensor in self.sensors:
            yield sensor.declaration(self.step_us)

    def _sensor(self, number: int) -> Sensor:
        zone = number // _TEN % self.zones
        domain, _ = _OTHERS.get(number % _TEN, (Domain.AIR, ""))
        domain = Domain.AIR if domain in self.without else domain
        return Sensor(number, self.cities[zone % len(self.cities)], f"z{zone:02d}", domain)


def series_of(domain: Domain, step_us: int) -> tuple[SeriesMeta, ...]:
    """What a sensor of a domain reports."""
    if domain is Domain.AIR:
        return tuple(gauge(name, "", step_us) for name in _AIR)
    quantity = next(name for of, name in _OTHERS.values() if of is domain)
    channels = [f"c{number}" for number in range(PER_SENSOR)]
    if domain is not Domain.ENERGY:
        return tuple(gauge(quantity, channel, step_us) for channel in channels)
    kind, stamp, step_s = Kind.INTERVAL_TOTAL, Stamp.END, step_us / US
    return tuple(
        SeriesMeta(quantity, channel, kind, step_s, stamp, unit=_unit(quantity))
        for channel in channels
    )


def gauge(quantity: str, channel: str, step_us: int) -> SeriesMeta:
    """A gauge that reports at every step."""
    return SeriesMeta(quantity, channel, reporting_s=step_us / US, unit=_unit(quantity))


def _unit(quantity: str) -> str:
    return load_catalogue().quantities[quantity].unit
