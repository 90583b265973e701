"""A mapping: what the columns of a recorded file mean, as TOML; a data set needs no code.

The structs are the file's shape, key by key, and `docs/simulator.md` explains the keys. What
TOML's types cannot say is checked in `simulator.mapping_load`.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from cityvitals.domain.names import Domain

_NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
_Character = Annotated[str, msgspec.Meta(min_length=1, max_length=1)]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]
# The same as cityvitals.domain.names.IDENTIFIER, without its flag.
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the mapping; a key that it does not know is an error."""


class Layout(StrEnum):
    """Where a row's station stands: in the columns' names (wide), or in a column (long)."""

    WIDE = "wide"
    LONG = "long"


class Midnight(StrEnum):
    """Whose 00:00 it is: some files close a day with it, under the date of that day."""

    SAME_DAY = "same_day"
    NEXT_DAY = "belongs_to_next_day"


class RepeatedHour(StrEnum):
    """Which pass through an hour that the clocks repeat a row is of."""

    BY_ORDER = "by_order"
    FIRST = "first"


class CitySection(_Section, frozen=True):
    """`[city]`: who the data are published as."""

    id: Id
    name: _NonEmpty
    time_zone: str = "UTC"
    clock: Literal["replay"] = "replay"


class FileSection(_Section, frozen=True, kw_only=True):
    """`[file]`: how bytes become rows.

    Attributes:
        quantity_column: long files with one value a row: the column that says of what.
        value_column: the column that then holds the number.
    """

    format: Literal["csv"] = "csv"
    layout: Layout
    delimiter: _Character = ","
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    quantity_column: _NonEmpty | None = None
    value_column: _NonEmpty | None = None


class TimeSection(_Section, frozen=True):
    """`[time]`: how a row gets its instant.

    Attributes:
        columns: joined by a blank, then read by `format`, as `datetime.strptime` does.
        time_zone: IANA name of local times; the city's if absent; unused where `format` has %z.
        start: files without a clock: the local time of a station's first row.
        step_s: files without a clock: seconds from one row of a station to the next.
    """

    columns: tuple[_NonEmpty, ...] = ()
    format: str = ""
    time_zone: str | None = None
    midnight: Midnight = Midnight.SAME_DAY
    repeated_hour: RepeatedHour = RepeatedHour.BY_ORDER
    start: str | None = None
    step_s: _Seconds | None = None


class StationSection(_Section, frozen=True):
    """`[station]`: which station a row or column is of, and where it stands.

    Attributes:
        column: long files: the column with the station's id.
        id: the station of rows and columns that name none.
        domain: domain of all stations; that of their quantities if absent.
        zone: the zone of stations that have none by the other keys.
        zone_column: long files: the column with the station's zone.
        zones: zone by station.
        each_a_zone: instead of all these: every station is a zone of its own, under its id.
    """

    column: _NonEmpty | None = None
    id: Id | None = None
    domain: Domain | None = None
    zone: Id | None = None
    zone_column: _NonEmpty | None = None
    zones: dict[str, Id] = {}
    each_a_zone: bool = False


class ColumnSection(_Section, frozen=True):
    """`[[column]]`: a column of numbers, and what its series is declared as.

    What is absent here is the quantity's default.

    Attributes:
        column: its name in the header; in wide files * and ? stand for any text.
        station: wide files: its station; "{column}" is the column's own name.
        channel: tells series of one station and quantity apart.
    """

    column: _NonEmpty
    quantity: _NonEmpty
    unit: str = ""
    kind: str | None = None
    period_s: _Seconds | None = None
    stamp: Literal["begin", "end"] | None = None
    reporting_s: _Seconds | None = None
    reference_state: str = ""
    channel: str = ""
    station: str | None = None


class MissingSection(_Section, frozen=True):
    """`[missing]`: cells that say there is no value; an empty cell always does."""

    codes: tuple[str, ...] = ()


class GatewaySection(_Section, frozen=True):
    """`[gateway]`: what shares one; its id is `prefix` and the station's, zone's or city's."""

    by: Literal["station", "zone", "city"] = "station"
    prefix: str = ""


class Mapping(_Section, frozen=True, kw_only=True):
    """A whole mapping."""

    city: CitySection
    file: FileSection
    time: TimeSection
    station: StationSection = StationSection()
    column: Annotated[tuple[ColumnSection, ...], msgspec.Meta(min_length=1)]
    missing: MissingSection = MissingSection()
    gateway: GatewaySection = GatewaySection()
