"""A seeded city's file: its zones, roads, stations and signals, as TOML.

The structs are the file's shape, key by key; `docs/simulator.md` explains the keys.
"""

from datetime import UTC, date, datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from cityvitals.catalogue.gases import EXPECTED, parse_reference
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Domain, Kind, is_identifier
from cityvitals.domain.times import to_us
from cityvitals.errors import SettingsError
from cityvitals.wire.meta import is_time_zone
from simulator.city.signal import Signal
from simulator.toml_file import decoded, find_file, read_text

SHIPPED: Final = Path(__file__).parents[1] / "cities"

Point = tuple[float, float]
"""Longitude and latitude, degrees: the order of GeoJSON."""
_Line = Annotated[tuple[Point, ...], msgspec.Meta(min_length=2)]
_Ring = Annotated[tuple[Point, ...], msgspec.Meta(min_length=4)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Many = Annotated[int, msgspec.Meta(ge=1)]
_Above = Annotated[float, msgspec.Meta(gt=0)]
KindName = Literal["gauge", "interval_mean", "interval_total", "counter", "event", "state"]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; a key that it does not know is an error."""


class CitySection(_Section, frozen=True):
    """`[city]`."""

    id: str
    name: _Text
    time_zone: str


class ZoneSection(_Section, frozen=True):
    """`[[zone]]`: `outline` is a closed ring; `blocks` is how many streets cross it either way."""

    id: str
    name: _Text
    population: Annotated[int, msgspec.Meta(ge=0)]
    outline: _Ring
    blocks: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5


class RoadSection(_Section, frozen=True):
    """`[[road]]`: a major road."""

    id: str
    name: _Text
    line: _Line


class StationSection(_Section, frozen=True):
    """`[[station]]`: stations of a kind, dealt over the zones.

    Attributes:
        id: how their ids begin.
        count: how many, in the city at its usual size.
        gateways: what they are reached through; the first share of the zones by the first.
        quantities: what each of them watches; a signal of that name says what it sees.
        units: units that they send, where not the canonical ones.
        reference_state: temperature and pressure that their gases refer to.
        on_road: whether they stand on the roads.
        kind: of their series, where not the quantities' own.
        since: the day (UTC) on which its counters stood at 0; before it they say nothing.
        modulus: where its counters begin anew at 0, in the unit that is sent.
    """

    id: str
    domain: Domain
    count: _Many
    gateways: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    quantities: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    units: dict[str, str] = {}
    reference_state: str = ""
    on_road: bool = False
    kind: KindName | None = None
    since: date | None = None
    modulus: _Above | None = None

    def kind_of(self, quantity: str) -> Kind:
        """What readings of one of its quantities mean over time."""
        if self.kind is not None:
            return Kind[self.kind.upper()]
        return load_catalogue().quantities[quantity].kind

    @property
    def since_us(self) -> int:
        """When its counters stood at 0, microseconds since 1970 UTC."""
        day = self.since or date.min
        return to_us(datetime(day.year, day.month, day.day, tzinfo=UTC))


class CitySpec(_Section, frozen=True, kw_only=True):
    """A whole city."""

    city: CitySection
    zone: Annotated[tuple[ZoneSection, ...], msgspec.Meta(min_length=1)]
    road: tuple[RoadSection, ...] = ()
    station: Annotated[tuple[StationSection, ...], msgspec.Meta(min_length=1)]
    signal: dict[str, Signal]


def load_city(given: Path) -> CitySpec:
    """The city at a path, or the shipped one of that name.

    Raises:
        SettingsError: naming file, key and what was expected.
    """
    path = find_file(given, SHIPPED, "city")
    return read_city(read_text(path), str(path))


def read_city(text: str, source: str) -> CitySpec:
    """The city that a TOML text holds.

    Raises:
        SettingsError: naming `source`, key and what was expected.
    """
    spec = decoded(text, source, CitySpec)
    wrong = _ids(spec) or _wrong_city(spec) or _wrong_stations(spec) or _wrong_signals(spec)
    if wrong:
        raise SettingsError(f"{source}: {wrong}")
    return spec


def _ids(spec: CitySpec) -> str:
    named = [
        ("city.id", [spec.city.id]),
        ("zone.id", [one.id for one in spec.zone]),
        ("road.id", [one.id for one in spec.road]),
        ("station.id", [one.id for one in spec.station]),
    ]
    for key, ids in named:
        for id_ in ids:
            if not is_identifier(id_):
                return f"{key}: {id_!r} is no id: letters, digits, . _ -"
        if len(set(ids)) < len(ids):
            return f"{key}: expected each once, got {', '.join(ids)}"
    return ""


def _wrong_city(spec: CitySpec) -> str:
    if not is_time_zone(spec.city.time_zone):
        return f"city.time_zone: expected an IANA time zone, got {spec.city.time_zone!r}"
    for zone in spec.zone:
        if zone.outline[0] != zone.outline[-1]:
            return f"zone {zone.id}: outline: expected to end where it begins"
    return ""


def _wrong_stations(spec: CitySpec) -> str:
    for one in spec.station:
        wrong = _wrong_quantities(spec, one) or _wrong_units(one) or _wrong_kind(spec, one)
        if one.reference_state and parse_reference(one.reference_state) is None:
            wrong = f"reference_state: expected {EXPECTED}, got {one.reference_state!r}"
        if one.on_road and not spec.road:
            wrong = "on_road: the city has no road"
        if wrong:
            return f"station {one.id}: {wrong}"
    return ""


def _wrong_quantities(spec: CitySpec, one: StationSection) -> str:
    known = load_catalogue().quantities
    for quantity in one.quantities:
        if quantity not in known:
            return f"quantities: quantity {quantity!r} is not known"
        if quantity not in spec.signal:
            return f"quantities: no [signal.{quantity}] says what it sees"
    gauges = {one.kind_of(quantity) is Kind.GAUGE for quantity in one.quantities}
    return "quantities: expected gauges alone, or none" if len(gauges) > 1 else ""


def _wrong_kind(spec: CitySpec, one: StationSection) -> str:
    if (one.kind == "counter") != (one.since is not None):
        return "since: expected the day on which its counters stood at 0, and of counters alone"
    if one.modulus is not None and one.kind != "counter":
        return "modulus: only counters begin anew"
    for quantity in one.quantities:
        signal, own = spec.signal[quantity], load_catalogue().quantities[quantity]
        if one.kind in {"counter", "event", "state"} and own.is_level:
            return f"kind: {quantity} is a level in dB, which is a gauge or an interval mean"
        if one.kind in {"counter", "event"} and not (signal.low is not None and signal.low >= 0):
            return f"kind: signal.{quantity}: expected low to be 0 or more, of a {one.kind}"
        if one.kind == "state" and (signal.low, signal.high, signal.digits) != (0, 1, 0):
            return f"kind: signal.{quantity}: expected low 0, high 1, digits 0, of a state"
    return ""


def _wrong_units(one: StationSection) -> str:
    for quantity, unit in one.units.items():
        if quantity not in one.quantities:
            return f"units: {quantity!r} is none of its quantities"
        if load_catalogue().conversion(quantity, unit) is None:
            return f"units: unit {unit!r} does not fit {quantity}"
    return ""


def _wrong_signals(spec: CitySpec) -> str:
    for name, signal in spec.signal.items():
        for other in signal.follows - spec.signal.keys():
            return f"signal.{name}: follows {other!r}, which is no signal"
    try:
        TopologicalSorter({name: one.follows for name, one in spec.signal.items()}).prepare()
    except CycleError as error:
        return f"signal: they follow each other in a circle: {' → '.join(error.args[1])}"
    return ""
