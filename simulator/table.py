"""Rows of a recorded file to readings by station, as a mapping says. Everything stays in memory.

A cell that is neither a number nor a missing code stops the reading, as do a row of another
length than the header, and a time that cannot be read: line and column are named.
"""

import csv
import gzip
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol

from cityvitals.domain.names import is_identifier
from cityvitals.errors import SettingsError
from cityvitals.wire.meta import SeriesMeta
from simulator.feed import Sample
from simulator.header import WideCell, find, wide_cells
from simulator.instants import BadRow, Instants
from simulator.mapping import Layout, Mapping, StationSection
from simulator.mapping_load import series_of

_LONGEST_SHOWN: Final = 40


@dataclass(slots=True)
class Station:
    """What a file holds of one station.

    Attributes:
        samples: (instant in microseconds, index into `series`, value), in order of rows.
    """

    id: str
    zone: str | None
    series: tuple[SeriesMeta, ...]
    samples: list[Sample] = field(default_factory=list)


def read_table(path: Path, mapping: Mapping) -> list[Station]:
    """The stations of a file with their readings, by id.

    Raises:
        SettingsError: the file and its mapping do not fit: names file, line and column.
    """
    try:
        with _opened(path, mapping.file.encoding) as file:
            stations = _read(path, file, mapping)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    return sorted(stations, key=lambda station: station.id)


def _opened(path: Path, encoding: str) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _read(path: Path, file: IO[str], mapping: Mapping) -> list[Station]:
    rows = csv.reader(file, delimiter=mapping.file.delimiter, strict=True)
    try:
        return _taken(rows, mapping)
    except (BadRow, csv.Error) as error:
        raise SettingsError(f"{path}: line {rows.line_num}: {error}") from None


def _taken(rows: Iterator[list[str]], mapping: Mapping) -> list[Station]:
    header = next(rows, None)
    if not header:
        raise BadRow("no header")
    sheet = _sheet(mapping, header)
    for row in rows:
        if len(row) == len(header):
            sheet.take(row)
        elif row:
            raise BadRow(f"{len(row)} cells, where the header has {len(header)}")
        else:
            sheet.skip()
    return sheet.stations()


class _Sheet(Protocol):
    """A layout: takes rows one by one."""

    def take(self, row: Sequence[str]) -> None:
        """Read a row; BadRow says what is wrong with it."""

    def skip(self) -> None:
        """Pass over an empty line."""

    def stations(self) -> list[Station]:
        """What the rows so far hold."""


def _sheet(mapping: Mapping, header: Sequence[str]) -> _Sheet:
    if mapping.file.layout is Layout.WIDE:
        return _Wide(mapping, header)
    if mapping.file.quantity_column is None:
        return _Long(mapping, header)
    return _Tidy(mapping, header)


class _Numbers:
    """Cells to numbers; None where the cell says that there is no value."""

    def __init__(self, mapping: Mapping) -> None:
        self._missing = frozenset(("", *mapping.missing.codes))
        self._comma = mapping.file.decimal == ","

    def read(self, cell: str, column: str) -> float | None:
        text = cell.strip()
        if text in self._missing:
            return None
        try:
            number = float(text.replace(",", ".") if self._comma else text)
        except ValueError:
            number = math.nan
        # Python also takes 1_000, nan and inf for numbers; a file that means them says so.
        if not math.isfinite(number) or "_" in text:
            shown = text[:_LONGEST_SHOWN]
            raise BadRow(f"column {column!r}: {shown!r} is neither a number nor a missing code")
        return number


class _Wide:
    """A row is an instant; a column is a series of a station."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        self._cells: list[WideCell] = wide_cells(mapping, header)
        self._numbers, self._instants = _Numbers(mapping), Instants(mapping, header)
        self._stations: dict[str, Station] = {}
        for cell in self._cells:
            if cell.station not in self._stations:
                series = tuple(one.series for one in self._cells if one.station == cell.station)
                zone = zone_of(mapping.station, cell.station, None)
                self._stations[cell.station] = Station(cell.station, zone, series)
        self._plan = [
            (cell.position, cell.column, self._stations[cell.station], cell.index)
            for cell in self._cells
        ]

    def take(self, row: Sequence[str]) -> None:
        us = self._instants.read(row, "")
        for position, column, station, index in self._plan:
            value = self._numbers.read(row[position], column)
            if value is not None:
                station.samples.append((us, index, value))

    def skip(self) -> None:
        # In a file of one column an empty line is a row without its value.
        self._instants.step("")

    def stations(self) -> list[Station]:
        return list(self._stations.values())


class _Stations:
    """Stations as rows name them."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        self._form = mapping.station
        self._column = find(header, mapping.station.column)
        self._zone_column = find(header, mapping.station.zone_column)
        self._series = tuple(series_of(column) for column in mapping.column)
        self.known: dict[str, Station] = {}

    def of(self, row: Sequence[str]) -> Station:
        name = self._form.id if self._column is None else row[self._column].strip()
        station = self.known.get(name or "")
        return self._added(name or "", row) if station is None else station

    def _added(self, name: str, row: Sequence[str]) -> Station:
        if not is_identifier(name):
            raise BadRow(f"column {self._form.column!r}: {name!r} is no id: letters, digits, . _ -")
        cell = None if self._zone_column is None else row[self._zone_column].strip()
        self.known[name] = Station(name, zone_of(self._form, name, cell), self._series)
        return self.known[name]


class _Long:
    """A row is an instant of one station; a column is a series of it."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        self._numbers, self._instants = _Numbers(mapping), Instants(mapping, header)
        self._stations = _Stations(mapping, header)
        self._plan = [
            (find(header, column.column) or 0, column.column, index)
            for index, column in enumerate(mapping.column)
        ]

    def take(self, row: Sequence[str]) -> None:
        station = self._stations.of(row)
        us, keep = self._instants.read(row, station.id), station.samples.append
        for position, column, index in self._plan:
            value = self._numbers.read(row[position], column)
            if value is not None:
                keep((us, index, value))

    def skip(self) -> None:
        """An empty line says of no station that it has no value."""

    def stations(self) -> list[Station]:
        return list(self._stations.known.values())


class _Tidy:
    """A row is one value: columns say when, where, of what, and how much."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        self._numbers, self._instants = _Numbers(mapping), Instants(mapping, header)
        self._stations = _Stations(mapping, header)
        self._quantity = find(header, mapping.file.quantity_column) or 0
        self._value_column = mapping.file.value_column or ""
        self._value = find(header, mapping.file.value_column) or 0
        self._index = {column.column: index for index, column in enumerate(mapping.column)}

    def take(self, row: Sequence[str]) -> None:
        index = self._index.get(row[self._quantity].strip())
        if index is None:  # a quantity that the mapping leaves out, as it may leave out columns
            return
        station = self._stations.of(row)
        us = self._instants.read(row, station.id)
        value = self._numbers.read(row[self._value], self._value_column)
        if value is not None:
            station.samples.append((us, index, value))

    def skip(self) -> None:
        """An empty line holds no value."""

    def stations(self) -> list[Station]:
        return list(self._stations.known.values())


def zone_of(form: StationSection, station: str, cell: str | None) -> str | None:
    """Its zone: itself, by table, by its row's cell, the one of all; None: city only."""
    if form.each_a_zone:
        return station
    zone = form.zones.get(station) or cell or form.zone
    if zone is None and form.zones:
        raise BadRow(f"station {station!r} is not in the mapping's station.zones, and has no zone")
    if zone is not None and not is_identifier(zone):
        raise BadRow(f"column {form.zone_column!r}: {zone!r} is no id: letters, digits, . _ -")
    return zone
