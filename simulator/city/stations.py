"""A seeded city's stations: what each watches, where, and what it is reached through. Pure."""

from dataclasses import dataclass
from typing import Final

from cityvitals.catalogue.gases import MOLAR_MASS
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import INTERVALS, Kind, Stamp
from cityvitals.wire.meta import SeriesMeta
from simulator.city.geometry import Spot, spots
from simulator.city.spec import CitySpec, StationSection
from simulator.feed import Device, Gateway

REPORTING_S = 60.0
"""What gauges and states declare, and how long intervals are."""
METER_S: Final = 900.0
"""How often a counter is read."""
QUIET_S: Final = 3600.0
"""Where nothing happens, an event of 0 says so once in so long."""
_REPORTING: Final = {Kind.COUNTER: METER_S, Kind.EVENT: QUIET_S}


@dataclass(frozen=True, slots=True)
class Station:
    """A device, and what a scenario may choose it by."""

    device: Device
    kind: str
    road: str
    since_us: int = 0
    """When its counters stood at 0."""


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
        found.append(Station(device, kind.id, spot.road, kind.since_us if kind.since else 0))
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
            kind=kind.kind_of(name),
            period_s=REPORTING_S if kind.kind_of(name) in INTERVALS else None,
            stamp=Stamp.END if kind.kind_of(name) in INTERVALS else None,
            reporting_s=_REPORTING.get(kind.kind_of(name), REPORTING_S),
            unit=kind.units.get(name, known[name].unit),
            reference_state=kind.reference_state if name in MOLAR_MASS else "",
            modulus=kind.modulus,
        )
        for name in kind.quantities
    )
