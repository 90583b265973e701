"""A file's header against its mapping: which position holds what. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cityvitals.domain.names import is_identifier
from cityvitals.wire.meta import SeriesMeta
from simulator.instants import BadRow
from simulator.mapping import ColumnSection, Mapping
from simulator.mapping_load import OWN_NAME, series_of


@dataclass(frozen=True, slots=True)
class WideCell:
    """A column of a wide file: `index` counts the series of its station."""

    position: int
    column: str
    station: str
    series: SeriesMeta
    index: int


def wide_cells(mapping: Mapping, header: Sequence[str]) -> list[WideCell]:
    """Every column of a wide file that holds numbers, patterns spread out.

    Raises:
        BadRow: a column is not there, two hold the same series, or a name cannot be a station's.
    """
    cells: list[WideCell] = []
    counted: Counter[str] = Counter()
    for column in mapping.column:
        for name in _matching(column, header):
            station = _station(mapping, column, name)
            cells.append(
                WideCell(header.index(name), name, station, series_of(column), counted[station])
            )
            counted[station] += 1
    _check_once(cells)
    return cells


def find(header: Sequence[str], name: str | None) -> int | None:
    """Position of a column; None if no name is given.

    Raises:
        BadRow: there is no such column.
    """
    if name is None:
        return None
    if name not in header:
        raise BadRow(f"no column {name!r}, which the mapping names; there are {_shown(header)}")
    return header.index(name)


def _matching(column: ColumnSection, header: Sequence[str]) -> list[str]:
    if not any(mark in column.column for mark in "*?"):
        find(header, column.column)
        return [column.column]
    names = [name for name in header if fnmatchcase(name, column.column)]
    if not names:
        raise BadRow(f"no column is like {column.column!r}; there are {_shown(header)}")
    return names


def _station(mapping: Mapping, column: ColumnSection, name: str) -> str:
    station = column.station or mapping.station.id or ""
    if station != OWN_NAME:
        return station
    if not is_identifier(name):
        raise BadRow(f"column {name!r} cannot be a station's id: letters, digits, . _ -")
    return name


def _check_once(cells: Sequence[WideCell]) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for cell in cells:
        key = (cell.station, cell.series.q, cell.series.ch)
        if key in seen:
            raise BadRow(
                f"columns {seen[key]!r} and {cell.column!r} hold the same series of station"
                f" {cell.station!r}; give them channels"
            )
        seen[key] = cell.column


def _shown(header: Sequence[str]) -> str:
    most = 12
    return ", ".join(map(repr, header[:most])) + (", …" if len(header) > most else "")
