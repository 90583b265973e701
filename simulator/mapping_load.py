"""Mappings from TOML, every key checked: an error names file, key and what was expected."""

import re
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from cityvitals.catalogue.gases import EXPECTED, conversion_at, parse_reference
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import INTERVALS, Domain, Kind, Stamp, is_identifier
from cityvitals.errors import SettingsError
from cityvitals.wire.meta import SeriesMeta, is_time_zone
from simulator.mapping import (
    CitySection,
    ColumnSection,
    FileSection,
    GatewaySection,
    Layout,
    Mapping,
    Midnight,
    MissingSection,
    RepeatedHour,
    StationSection,
    TimeSection,
)

SHIPPED: Final = Path(__file__).parent / "mappings"
OWN_NAME: Final = "{column}"
"""As a column's station: its name in the header."""

_AT: Final = re.compile(r"^(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?$", re.DOTALL)
_SECTIONS: Final[dict[str, type[msgspec.Struct]]] = {
    "city": CitySection,
    "file": FileSection,
    "time": TimeSection,
    "station": StationSection,
    "column": ColumnSection,
    "missing": MissingSection,
    "gateway": GatewaySection,
}
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "city.clock": ("replay",),
    "file.format": ("csv",),
    "file.layout": tuple(Layout),
    "file.decimal": (".", ","),
    "time.midnight": tuple(Midnight),
    "time.repeated_hour": tuple(RepeatedHour),
    "station.domain": tuple(Domain),
    "gateway.by": ("station", "zone", "city"),
}
_STAMPS: Final = {"begin": Stamp.BEGIN, "end": Stamp.END}
_KINDS: Final = {kind.name.lower(): kind for kind in Kind}


def find_mapping(given: Path) -> Path:
    """The file of a mapping given by its path, or by the name of a shipped one.

    Raises:
        SettingsError: there is neither; names the shipped ones.
    """
    for path in (given, SHIPPED / f"{given}.toml"):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.toml")))
    raise SettingsError(f"mapping {given}: no such file; shipped mappings: {names}")


def load_mapping(given: Path) -> Mapping:
    """The mapping at a path, or the shipped one of that name.

    Raises:
        SettingsError: naming file, key and what was expected.
    """
    path = find_mapping(given)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    return read_mapping(text, str(path))


def read_mapping(text: str, source: str) -> Mapping:
    """The mapping that a TOML text holds.

    Raises:
        SettingsError: naming `source`, key and what was expected.
    """
    try:
        mapping = msgspec.toml.decode(text, type=Mapping)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {_worded(str(error))}") from None
    except msgspec.DecodeError as error:
        raise SettingsError(f"{source}: not TOML: {error}") from None
    try:
        _check(mapping)
    except _Wrong as error:
        raise SettingsError(f"{source}: {error}") from None
    return mapping


def series_of(column: ColumnSection) -> SeriesMeta:
    """What a column's readings are declared as; what it leaves open is the quantity's default."""
    quantity = load_catalogue().quantities[column.quantity]
    kind = quantity.kind if column.kind is None else _KINDS[column.kind]
    if kind not in INTERVALS:
        reporting_s = column.reporting_s or quantity.reporting_s
        period_s, stamp = None, None
    else:
        period_s = column.period_s or quantity.period_s
        stamp = quantity.stamp if column.stamp is None else _STAMPS[column.stamp]
        reporting_s = column.reporting_s or period_s
    unit = column.unit or quantity.unit
    return SeriesMeta(
        column.quantity, column.channel, kind, period_s, stamp, reporting_s, unit,
        column.reference_state,
    )  # fmt: skip


class _Wrong(Exception):
    """A key holds what it cannot: becomes a SettingsError that names the file too."""

    def __init__(self, key: str, expected: str, got: object) -> None:
        super().__init__(f"{key}: expected {expected}, got {got!r}")


def _worded(error: str) -> str:
    """Msgspec's message as `key: problem`, with what was expected where it leaves that out."""
    found = _AT.match(error)
    what, key = found.groups() if found else (error, None)
    problem = (what[0].lower() + what[1:]).replace("`", "")
    if "unknown field" in problem:
        section = _SECTIONS.get((key or "").partition("[")[0], Mapping)
        problem += f", expected only {', '.join(section.__struct_fields__)}"
    elif key in _WORDS:
        problem += f", expected one of {', '.join(_WORDS[key])}"
    return f"{key or 'top level'}: {problem}"


def _check(mapping: Mapping) -> None:
    _check_zone("city.time_zone", mapping.city.time_zone)
    _check_file(mapping.file)
    _check_time(mapping.time)
    _check_station(mapping)
    for index, column in enumerate(mapping.column):
        _check_column(f"column[{index}]", column, mapping)
    if mapping.file.layout is Layout.LONG:
        _check_channels(mapping.column)


def _check_zone(key: str, name: str) -> None:
    if not is_time_zone(name):
        raise _Wrong(key, "an IANA time zone such as Europe/Rome", name)


def _check_file(file: FileSection) -> None:
    try:
        "".encode(file.encoding)
    except LookupError:
        raise _Wrong("file.encoding", "the name of a text encoding", file.encoding) from None
    if (file.quantity_column is None) != (file.value_column is None):
        raise _Wrong("file.value_column", "it and quantity_column together", file.value_column)
    if file.quantity_column is not None and file.layout is not Layout.LONG:
        raise _Wrong("file.quantity_column", 'it with layout = "long" only', file.quantity_column)


def _check_time(time: TimeSection) -> None:
    if time.time_zone is not None:
        _check_zone("time.time_zone", time.time_zone)
    if bool(time.columns) == (time.start is not None):
        raise _Wrong("time.columns", "either columns and format, or start and step_s", time.columns)
    if time.columns and not time.format:
        raise _Wrong("time.format", "a pattern such as %Y-%m-%d %H:%M", time.format)
    if time.start is None:
        return
    if time.step_s is None:
        raise _Wrong("time.step_s", "seconds between rows, since there is a start", time.step_s)
    try:
        datetime.fromisoformat(time.start)
    except ValueError:
        raise _Wrong("time.start", "a local time such as 2012-03-01T00:00", time.start) from None


def _check_station(mapping: Mapping) -> None:
    station, wide = mapping.station, mapping.file.layout is Layout.WIDE
    for key in ("column", "zone_column"):
        if wide and getattr(station, key) is not None:
            raise _Wrong(f"station.{key}", 'it with layout = "long" only', getattr(station, key))
    for key in ("zone", "zone_column", "zones"):
        if station.each_a_zone and getattr(station, key):
            raise _Wrong(f"station.{key}", "nothing, since each_a_zone", getattr(station, key))
    if not wide and station.column is None and station.id is None:
        raise _Wrong("station.column", "the column that names each row's station", None)
    if mapping.gateway.prefix and not is_identifier(mapping.gateway.prefix):
        raise _Wrong("gateway.prefix", "letters, digits, . _ -", mapping.gateway.prefix)


def _check_column(key: str, column: ColumnSection, mapping: Mapping) -> None:
    catalogue = load_catalogue()
    quantity = catalogue.quantities.get(column.quantity)
    if quantity is None:
        known = ", ".join(catalogue.quantities)
        raise _Wrong(f"{key}.quantity", f"one of {known}", column.quantity)
    state = column.reference_state
    if state and parse_reference(state) is None:
        raise _Wrong(f"{key}.reference_state", EXPECTED, state)
    if column.unit and conversion_at(catalogue, column.quantity, column.unit, state) is None:
        raise _Wrong(f"{key}.unit", f"a unit that converts to {quantity.unit}", column.unit)
    if column.kind is not None and column.kind not in _KINDS:
        raise _Wrong(f"{key}.kind", f"one of {', '.join(sorted(_KINDS))}", column.kind)
    if column.channel and not is_identifier(column.channel):
        raise _Wrong(f"{key}.channel", "letters, digits, . _ -", column.channel)
    _check_interval(key, column)
    _check_column_station(key, column, mapping)


def _check_channels(columns: tuple[ColumnSection, ...]) -> None:
    keys = [(column.quantity, column.channel) for column in columns]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise _Wrong(f"column[{index}].channel", "one per column of a quantity", key[1])


def _check_interval(key: str, column: ColumnSection) -> None:
    default = load_catalogue().quantities[column.quantity]
    kind = default.kind if column.kind is None else _KINDS[column.kind]
    is_interval = kind in INTERVALS
    for name in ("period_s", "stamp"):
        given = getattr(column, name)
        if not is_interval and given is not None:
            raise _Wrong(f"{key}.{name}", "it with an interval kind only", given)
        if is_interval and given is None and default.kind not in INTERVALS:
            raise _Wrong(f"{key}.{name}", f"it, since kind is {column.kind}", given)


def _check_column_station(key: str, column: ColumnSection, mapping: Mapping) -> None:
    station = column.station
    if mapping.file.layout is Layout.LONG:
        if station is not None:
            raise _Wrong(f"{key}.station", 'it with layout = "wide" only', station)
        return
    if station is None and mapping.station.id is None:
        raise _Wrong(f"{key}.station", f'a station\'s id, or "{OWN_NAME}"', station)
    if station not in (None, OWN_NAME) and not is_identifier(str(station)):
        raise _Wrong(f"{key}.station", "letters, digits, . _ -", station)
