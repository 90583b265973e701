"""A seeded city's stations: what each watches, where, and what it is reached through. Pure."""

from dataclasses import dataclass

from cityvitals.catalogue.gases import MOLAR_MASS
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Kind, Stamp
from cityvitals.wire.meta import SeriesMeta
from simulator.city.geometry import Spot, spots
from simulator.city.spec import CitySpec, StationSection
from simulator.feed import Device, Gateway

REPORTING_S = 60.0
"""What gauges declare, and how long intervals are."""


@dataclass(frozen=True, slots=True)
class Station:
    """A device, and what a scenario may choose it by."""

    device: Device
    kind: str
    road: str


def stations_of(spec: CitySpec, seed: int, scale: int) -> tuple[Station, ...]:
    """All stations of a city, at `scale` times its usual size."""
    return tuple(one for kind in spec.station for one in _of_kind(spec, kind, seed, scale))


def _of_kind(spec: CitySpec, kind: StationSection, seed: int, scale: int) -> list[Station]:
    total, zones = kind.count * scale, len(spec.zone)
    declared = _declared(kind)
    places = [spots(spec, zone, kind, seed) for zone in spec.zone]
    found = []
    for number in range(total):
        place = number * zones // total if total >= zones else number
        gateway = kind.gateways[place * len(kind.gateways) // zones]
        spot = next(places[place])
        device = _device(kind, number, gateway, spec.zone[place].id, declared, spot)
        found.append(Station(device, kind.id, spot.road))
    return found


def _device(
    kind: StationSection,
    number: int,
    gateway: str,
    zone: str,
    declared: tuple[SeriesMeta, ...],
    spot: Spot,
) -> Device:
    longitude, latitude = spot.point
    name = f"{kind.id}-{number + 1:02d}"
    return Device(Gateway(kind.domain, gateway), name, zone, declared, latitude, longitude)


def _declared(kind: StationSection) -> tuple[SeriesMeta, ...]:
    known = load_catalogue().quantities
    return tuple(
        SeriesMeta(
            name,
            kind=known[name].kind,
            period_s=None if known[name].kind is Kind.GAUGE else REPORTING_S,
            stamp=None if known[name].kind is Kind.GAUGE else Stamp.END,
            reporting_s=REPORTING_S,
            unit=kind.units.get(name, known[name].unit),
            reference_state=kind.reference_state if name in MOLAR_MASS else "",
        )
        for name in kind.quantities
    )
