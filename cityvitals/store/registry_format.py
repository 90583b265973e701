"""The registry file: what a city declares of itself in one TOML, read and checked; pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from cityvitals.catalogue.entry import parse_toml
from cityvitals.catalogue.gases import EXPECTED, parse_reference
from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.limits import Limit
from cityvitals.domain.names import FOLDED_KINDS, IDENTIFIER, Clock, Domain, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import EARLIEST_US, to_us
from cityvitals.errors import BadRegistry, MalformedPayload
from cityvitals.store.completion import Stated, complete
from cityvitals.store.limits import StatedLimit
from cityvitals.store.registry import DeviceKey
from cityvitals.store.registry_entry import RegistryEntry

_ID: Final = re.compile(IDENTIFIER.pattern, re.IGNORECASE | re.ASCII)
_KINDS: Final = {kind.name.lower(): kind for kind in Kind if kind in FOLDED_KINDS}
_COMING: Final = [kind.name.lower() for kind in Kind if kind not in FOLDED_KINDS]
_STAMPS: Final = {stamp.name.lower(): stamp for stamp in Stamp}
_DOMAINS: Final = {domain.value: domain for domain in Domain}
_CLOCKS: Final = {clock.value: clock for clock in Clock}
_LONGEST_S: Final = 400 * 86_400.0


@dataclass(frozen=True, slots=True)
class City:
    """`[city]`."""

    id: str
    name: str
    time_zone: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class Zone:
    """`[[zone]]`; geometry is GeoJSON."""

    id: str
    name: str
    geometry: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Gateway:
    """`[[gateway]]`."""

    id: str
    allowed: bool
    server_timed: bool


@dataclass(frozen=True, slots=True)
class Sensor:
    """`[[sensor]]`."""

    key: DeviceKey
    zone: str | None
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """`[[series]]`; since_us None: the first from ever, a later one from when it is applied."""

    sensor: str
    quantity: str
    channel: str
    declaration: Declaration
    since_us: int | None


@dataclass(frozen=True, slots=True)
class Fact:
    """`[[fact]]`, or the population of a `[[zone]]`; zone "" is the city."""

    name: str
    zone: str
    valid_from_us: int
    value: float
    unit: str
    source: str
    quality: str


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry file."""

    city: City
    zones: list[Zone] = field(default_factory=list)
    gateways: list[Gateway] = field(default_factory=list)
    sensors: list[Sensor] = field(default_factory=list)
    series: list[SeriesEntry] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    limits: list[StatedLimit] = field(default_factory=list)


def read_registry(text: str, name: str, catalogue: Catalogue) -> Registry:
    """The registry in a TOML text.

    Args:
        text: the file's content.
        name: the file's name, for errors and as the source of populations.
        catalogue: what quantities and units are known.

    Raises:
        BadRegistry: naming file, entry and key, and what was expected.
    """
    tables = parse_toml(text, name, BadRegistry)
    top = RegistryEntry(tables, name, BadRegistry)
    city = _city(top.row("city"))
    registry = Registry(city)
    for entry in top.rows("zone"):
        _zone(entry, registry, name)
    for entry in top.rows("gateway"):
        registry.gateways.append(_gateway(entry))
    for entry in top.rows("sensor"):
        registry.sensors.append(_sensor(entry, registry))
    for entry in top.rows("series"):
        registry.series.append(_series(entry, registry, catalogue))
    for entry in top.rows("fact"):
        registry.facts.append(_fact(entry, registry))
    for entry in top.rows("limit"):
        registry.limits.append(_limit(entry, catalogue))
    top.finish()
    _refuse_twice(registry, name)
    return registry


def _city(entry: RegistryEntry) -> City:
    id_ = entry.text("id", _ID)
    time_zone = entry.text("time_zone", default="UTC")
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or a folder's
        raise entry.fail(
            "time_zone", f"expected an IANA time zone such as Europe/Helsinki, got {time_zone!r}"
        ) from None
    city = City(
        id_,
        entry.text("name", default=id_),
        time_zone,
        entry.choice("clock", _CLOCKS, default=Clock.LIVE.value),
    )
    entry.finish()
    return city


def _zone(entry: RegistryEntry, registry: Registry, source: str) -> None:
    id_ = entry.text("id", _ID)
    name = entry.text("name", default=id_)
    population = entry.optional_number("population", low=0)
    registry.zones.append(Zone(id_, name, entry.mapping("geometry")))
    entry.finish()
    if population is not None:
        fact = Fact("population", id_, EARLIEST_US, population, "{inhabitant}", source, "declared")
        registry.facts.append(fact)


def _gateway(entry: RegistryEntry) -> Gateway:
    gateway = Gateway(
        entry.text("id", _ID),
        entry.flag("allowed", default=True),
        entry.flag("server_timed", default=False),
    )
    entry.finish()
    return gateway


def _sensor(entry: RegistryEntry, registry: Registry) -> Sensor:
    key = DeviceKey(
        registry.city.id,
        entry.text("gateway", _ID),
        entry.choice("domain", _DOMAINS),
        entry.text("id", _ID),
    )
    sensor = Sensor(
        key,
        _zone_of(entry, registry) or None,
        entry.optional_number("lat", -90, 90),
        entry.optional_number("lon", -180, 180),
    )
    entry.finish()
    return sensor


def _series(entry: RegistryEntry, registry: Registry, catalogue: Catalogue) -> SeriesEntry:
    sensor, quantity = entry.text("sensor", _ID), entry.text("quantity")
    channel = entry.text("channel", _ID, default="")
    stamp = entry.text("stamp", default="")
    stated = Stated(
        quantity,
        entry.choice("kind", _KINDS, _COMING),
        entry.optional_number("period_s", 0, _LONGEST_S),
        entry.choice("stamp", _STAMPS) if stamp else None,
        entry.optional_number("reporting_s", 0, _LONGEST_S),
        entry.text("unit", default=""),
        _reference_state(entry),
    )
    since = _moment(entry, "since", registry.city)
    entry.finish()
    try:
        declaration = complete(stated, catalogue)
    except MalformedPayload as error:
        raise entry.fail("quantity", error.detail) from None
    return SeriesEntry(sensor, quantity, channel, declaration, since)


def _reference_state(entry: RegistryEntry) -> str:
    state = entry.text("reference_state", default="")
    if state and parse_reference(state) is None:
        raise entry.fail("reference_state", f"expected {EXPECTED}, got {state!r}")
    return state


def _fact(entry: RegistryEntry, registry: Registry) -> Fact:
    valid_from = _moment(entry, "valid_from", registry.city)
    fact = Fact(
        entry.text("name", _ID),
        _zone_of(entry, registry),
        EARLIEST_US if valid_from is None else valid_from,
        entry.number("value"),
        entry.text("unit"),
        entry.text("source"),
        entry.text("quality", default="unstated"),
    )
    entry.finish()
    return fact


def _limit(entry: RegistryEntry, catalogue: Catalogue) -> StatedLimit:
    sensor, quantity = entry.text("sensor", _ID, default=""), entry.text("quantity")
    known = catalogue.quantities.get(quantity)
    if known is None:
        raise entry.fail("quantity", f"quantity {quantity!r} is not known")
    unit = entry.text("unit", default=known.unit)
    conversion = catalogue.conversion(quantity, unit)
    if conversion is None:
        raise entry.fail("unit", f"unit {unit!r} does not fit {quantity}")
    low, high = (
        None if bound is None else bound * conversion.scale + conversion.offset
        for bound in (entry.optional_number("low"), entry.optional_number("high"))
    )
    if low is None and high is None:
        raise entry.fail("low", "expected low, high or both")
    if low is not None and high is not None and low >= high:
        raise entry.fail("low", "expected less than high")
    stated = StatedLimit(sensor, quantity, Limit(low, high), entry.text("source"))
    entry.finish()
    return stated


def _zone_of(entry: RegistryEntry, registry: Registry) -> str:
    zone = entry.text("zone", _ID, default="")
    if zone and zone not in {one.id for one in registry.zones}:
        raise entry.fail("zone", f"expected the id of a [[zone]] of this file, got {zone!r}")
    return zone


def _moment(entry: RegistryEntry, key: str, city: City) -> int | None:
    """A time with an offset, or a date that begins at midnight in the city."""
    found = entry.moment(key)
    if found is None:
        return None
    if isinstance(found, datetime):
        if found.tzinfo is None:
            raise entry.fail(key, f"expected a date, or a time with its offset, got {found}")
        return to_us(found)
    return to_us(datetime.combine(found, time(), ZoneInfo(city.time_zone)))


def _refuse_twice(registry: Registry, name: str) -> None:
    keys: Iterable[tuple[str, list[object]]] = (
        ("zone", [one.id for one in registry.zones]),
        ("gateway", [one.id for one in registry.gateways]),
        ("sensor", [one.key.device for one in registry.sensors]),
        ("series", [(s.sensor, s.quantity, s.channel, s.since_us) for s in registry.series]),
        ("fact", [(one.name, one.zone, one.valid_from_us) for one in registry.facts]),
        ("limit", [(one.sensor, one.quantity) for one in registry.limits]),
    )
    for table, ids in keys:
        for id_ in ids:
            if ids.count(id_) > 1:
                raise BadRegistry(f"{name}: [[{table}]] {id_!r} stands twice; expected once")
