"""The registry file: what a city declares of itself in one TOML, read and checked; pure."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from cityvitals.catalogue.entry import parse_toml
from cityvitals.catalogue.gases import EXPECTED, parse_reference
from cityvitals.catalogue.load import Catalogue
from cityvitals.catalogue.positions import Lines, steps
from cityvitals.domain.facts import POPULATION, POPULATION_UNIT
from cityvitals.domain.limits import Limit
from cityvitals.domain.names import Clock, Domain, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import EARLIEST_US
from cityvitals.errors import BadRegistry, MalformedPayload
from cityvitals.store.completion import Stated, complete
from cityvitals.store.fact_format import (
    ID,
    Fact,
    Place,
    Wanted,
    read_fact,
    read_moment,
    read_zone,
)
from cityvitals.store.limits import StatedLimit
from cityvitals.store.registry import DeviceKey
from cityvitals.store.registry_entry import RegistryEntry
from cityvitals.store.target_format import Judge, Target, judge_nothing, read_target

NOTHING_WANTED: Final[Wanted] = MappingProxyType({})
_KINDS: Final = {kind.name.lower(): kind for kind in Kind}
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
class Registry:
    """A registry file."""

    city: City
    zones: list[Zone] = field(default_factory=list)
    gateways: list[Gateway] = field(default_factory=list)
    sensors: list[Sensor] = field(default_factory=list)
    series: list[SeriesEntry] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    limits: list[StatedLimit] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)


def read_registry(
    text: str,
    name: str,
    catalogue: Catalogue,
    wanted: Wanted = NOTHING_WANTED,
    judge: Judge = judge_nothing,
) -> Registry:
    """The registry in a TOML text.

    Args:
        text: the file's content.
        name: the file's name, for errors and as the source of populations.
        catalogue: what quantities and units are known.
        wanted: in which units rules use facts.
        judge: what is wrong with a target.

    Raises:
        BadRegistry: naming file, line, entry and key, and what was expected.
    """
    tables = parse_toml(text, name, BadRegistry)
    lines = Lines(text)

    def where(path: str) -> str:
        return name + lines.of(steps(path))

    top = RegistryEntry(tables, where, BadRegistry)
    city = _city(top.row("city"))
    registry = Registry(city)
    for entry in top.rows("zone"):
        _zone(entry, registry, name)
    zones = frozenset(zone.id for zone in registry.zones)
    place = Place(city.time_zone, zones, "the id of a [[zone]] of this file", wanted)
    for entry in top.rows("gateway"):
        registry.gateways.append(_gateway(entry))
    for entry in top.rows("sensor"):
        registry.sensors.append(_sensor(entry, city.id, place))
    for entry in top.rows("series"):
        registry.series.append(_series(entry, place, catalogue))
    for entry in top.rows("fact"):
        registry.facts.append(read_fact(entry, place))
    for entry in top.rows("limit"):
        registry.limits.append(_limit(entry, catalogue))
    for entry in top.rows("target"):
        registry.targets.append(read_target(entry, city.time_zone, judge))
    top.finish()
    _refuse_twice(registry, name)
    return registry


def _city(entry: RegistryEntry) -> City:
    id_ = entry.text("id", ID)
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
    id_ = entry.text("id", ID)
    name = entry.text("name", default=id_)
    population = entry.optional_number("population", low=0)
    registry.zones.append(Zone(id_, name, entry.mapping("geometry")))
    entry.finish()
    if population is not None:
        # A file's word for it, no more: who has better states a [[fact]].
        fact = Fact(POPULATION, id_, EARLIEST_US, population, POPULATION_UNIT, source)
        registry.facts.append(fact)


def _gateway(entry: RegistryEntry) -> Gateway:
    gateway = Gateway(
        entry.text("id", ID),
        entry.flag("allowed", default=True),
        entry.flag("server_timed", default=False),
    )
    entry.finish()
    return gateway


def _sensor(entry: RegistryEntry, city: str, place: Place) -> Sensor:
    key = DeviceKey(
        city,
        entry.text("gateway", ID),
        entry.choice("domain", _DOMAINS),
        entry.text("id", ID),
    )
    sensor = Sensor(
        key,
        read_zone(entry, place) or None,
        entry.optional_number("lat", -90, 90),
        entry.optional_number("lon", -180, 180),
    )
    entry.finish()
    return sensor


def _series(entry: RegistryEntry, place: Place, catalogue: Catalogue) -> SeriesEntry:
    sensor, quantity = entry.text("sensor", ID), entry.text("quantity")
    channel = entry.text("channel", ID, default="")
    stamp = entry.text("stamp", default="")
    stated = Stated(
        quantity,
        entry.choice("kind", _KINDS),
        entry.optional_number("period_s", 0, _LONGEST_S),
        entry.choice("stamp", _STAMPS) if stamp else None,
        entry.optional_number("reporting_s", 0, _LONGEST_S),
        entry.text("unit", default=""),
        _reference_state(entry),
        entry.optional_number("modulus", 0),
    )
    since = read_moment(entry, "since", place.time_zone)
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


def _limit(entry: RegistryEntry, catalogue: Catalogue) -> StatedLimit:
    sensor, quantity = entry.text("sensor", ID, default=""), entry.text("quantity")
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


def _refuse_twice(registry: Registry, name: str) -> None:
    keys: Iterable[tuple[str, list[Hashable]]] = (
        ("zone", [one.id for one in registry.zones]),
        ("gateway", [one.id for one in registry.gateways]),
        ("sensor", [one.key.device for one in registry.sensors]),
        ("series", [(s.sensor, s.quantity, s.channel, s.since_us) for s in registry.series]),
        ("fact", [(one.name, one.zone, one.valid_from_us) for one in registry.facts]),
        ("limit", [(one.sensor, one.quantity) for one in registry.limits]),
        ("target", [(one.point, one.valid_from_us) for one in registry.targets]),
    )
    for table, ids in keys:
        for id_, count in Counter(ids).items():
            if count > 1:
                raise BadRegistry(f"{name}: [[{table}]] {id_!r} stands twice; expected once")
