"""CSV files of the registry: each line as the TOML table that would say the same; pure."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from cityvitals.errors import BadRegistry

_NUMBERS: Final = ("value", "start")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?"
)


class Columns(NamedTuple):
    """What columns a CSV may have, and which it needs."""

    known: tuple[str, ...]
    needed: tuple[str, ...]


def columns_of(text: str) -> frozenset[str]:
    """The names in the first line that has any."""
    for line in text.removeprefix("\ufeff").splitlines():
        if line.strip(", \t"):
            return frozenset(cell.strip().strip('"') for cell in line.split(","))
    return frozenset()


def read_tables(text: str, name: str, columns: Columns) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number and cells by column, as a TOML table would have them.

    Raises:
        BadRegistry: naming file, line and column, and what was expected.
    """
    plain = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(plain, newline=""), strict=True)
    header: list[str] | None = None
    begun = 1
    try:
        for cells in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(cells, f"{name}:{line}", columns)
                continue
            if len(cells) != len(header):
                raise BadRegistry(
                    f"{name}:{line}: expected {len(header)} cells as in the first line, got "
                    f"{len(cells)}; a cell that holds a comma stands in double quotes"
                )
            yield line, _table(dict(zip(header, cells, strict=True)))
    except csv.Error as bad:
        raise BadRegistry(f"{name}:{begun}: not CSV: {bad}") from None
    if header is None:
        raise BadRegistry(
            f"{name}:1: expected the names of the columns: {', '.join(columns.known)}"
        )


def _header(cells: Iterable[str], where: str, columns: Columns) -> list[str]:
    known = ",".join(columns.known)
    names = [cell.strip() for cell in cells]
    for each in names:
        if each not in columns.known or names.count(each) > 1:
            problem = "stands twice" if each in columns.known else "unknown"
            raise BadRegistry(f"{where}: column {each!r}: {problem}; expected {known}, with commas")
    for each in columns.needed:
        if each not in names:
            raise BadRegistry(f"{where}: column {each!r}: missing; expected {known}")
    return names


def _table(cells: Mapping[str, str]) -> dict[str, Any]:
    """What is blank is left out; numbers and dates are made such where they are."""
    table: dict[str, Any] = {key: cell.strip() for key, cell in cells.items() if cell.strip()}
    for key in _NUMBERS:
        if _NUMBER.fullmatch(table.get(key, "")):
            table[key] = float(table[key])
    if _MOMENT.fullmatch(table.get("valid_from", "")):
        table["valid_from"] = _moment(table["valid_from"])
    return table


def _moment(text: str) -> date | str:
    """A date or time; the text itself where there is no such day or hour."""
    try:
        return datetime.fromisoformat(text) if len(text) > len("2026-01-01") else _day(text)
    except ValueError:
        return text


def _day(text: str) -> date:
    return date.fromisoformat(text)
