"""Strict reading of one TOML table: every key is asked for by name, and none may be left over.

Errors say where (file and entry), which key, what was expected and what was found. Words that the
format has in mind but nobody evaluates yet are refused as such, never approximated.
"""

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final, TypeVar

from cityvitals.errors import CityVitalsError

_REQUIRED: Final = object()
_E = TypeVar("_E", bound=Enum)


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - a line's worth


def _is_finite(found: object) -> bool:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    try:
        return math.isfinite(found)
    except OverflowError:
        return False


def parse_toml(text: str, name: str, error: type[CityVitalsError]) -> dict[str, Any]:
    """The tables of a TOML text; its syntax errors become `error`, naming the file."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as bad:
        raise error(f"{name}: not TOML: {bad}") from None


class Entry:
    """One TOML table being read; `finish` refuses the keys that nobody asked for.

    Args:
        table: as `tomllib` gives it.
        where: file and entry for messages, or what says that for the path of a key.
        error: what to raise.
        path: of the table inside the entry, ending in a dot.
    """

    def __init__(
        self,
        table: Mapping[str, Any],
        where: str | Callable[[str], str],
        error: type[CityVitalsError],
        path: str = "",
    ) -> None:
        self._table = table
        self._where = where
        self._error = error
        self._path = path
        self._asked: set[str] = set()

    def fail(self, key: str, problem: str) -> CityVitalsError:
        """The error to raise about a key of this table."""
        path = f"{self._path}{key}"
        where = self._where if isinstance(self._where, str) else self._where(path)
        return self._error(f"{where}: {path}: {problem}")

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._table

    def _take(self, key: str, default: object) -> Any:
        self._asked.add(key)
        found = self._table.get(key, default)
        if found is _REQUIRED:
            raise self.fail(key, "missing")
        return found

    def text(
        self, key: str, pattern: re.Pattern[str] | None = None, default: object = _REQUIRED
    ) -> str:
        """A non-empty text that matches `pattern` in full."""
        found = self._take(key, default)
        if found == default:
            return str(found)
        if not isinstance(found, str) or not found.strip():
            raise self.fail(key, f"expected text, got {_shown(found)}")
        if pattern is not None and not pattern.fullmatch(found):
            raise self.fail(key, f"expected {pattern.pattern}, got {_shown(found)}")
        return found

    def number(
        self, key: str, low: float = -math.inf, high: float = math.inf, default: object = _REQUIRED
    ) -> float:
        """A finite number in [low, high]."""
        found = self.optional_number(key, low, high, default)
        if found is None:
            raise self.fail(key, "missing")
        return found

    def optional_number(
        self, key: str, low: float = -math.inf, high: float = math.inf, default: object = None
    ) -> float | None:
        """A finite number in [low, high], or None where the key is absent."""
        found = self._take(key, default)
        if found is None:
            return None
        if not _is_finite(found):
            raise self.fail(key, f"expected a finite number, got {_shown(found)}")
        if not low <= found <= high:
            raise self.fail(key, f"expected a number from {low:g} to {high:g}, got {found:g}")
        return float(found)

    def whole(self, key: str, low: int, high: int, default: object = _REQUIRED) -> int:
        """A whole number in [low, high]."""
        found = self._take(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            raise self.fail(
                key, f"expected a whole number from {low} to {high}, got {_shown(found)}"
            )
        return found

    def choice(
        self,
        key: str,
        members: Mapping[str, _E],
        default: object = _REQUIRED,
    ) -> _E:
        """One of the words of a closed set."""
        found = self._take(key, default)
        member = members.get(found) if isinstance(found, str) else None
        if member is not None:
            return member
        words = ", ".join(f'"{word}"' for word in members)
        raise self.fail(key, f"expected one of {words}, got {_shown(found)}")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty where the key is absent."""
        found = self._take(key, [])
        if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
            raise self.fail(key, f"expected a list of texts, got {_shown(found)}")
        return tuple(found)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers, empty where the key is absent."""
        found = self._take(key, [])
        if not isinstance(found, list) or not all(_is_finite(each) for each in found):
            raise self.fail(key, f"expected a list of numbers, got {_shown(found)}")
        return tuple(float(each) for each in found)

    def wholes(self, key: str, low: int, high: int) -> dict[str, int]:
        """A table of whole numbers in [low, high] by names of their own."""
        entry = self.table(key)
        return {name: entry.whole(name, low, high) for name in self._table[key]}

    def number_rows(self, key: str, width: int) -> tuple[tuple[float, ...], ...]:
        """A list of lists of `width` finite numbers each, empty where the key is absent."""
        found = self._take(key, [])
        if not isinstance(found, list) or not all(
            isinstance(row, list) and len(row) == width and all(_is_finite(one) for one in row)
            for row in found
        ):
            raise self.fail(key, f"expected rows of {width} numbers, got {_shown(found)}")
        return tuple(tuple(float(one) for one in row) for row in found)

    def truth(self, key: str, *, default: bool) -> bool:
        """One of the words true and false."""
        found = self._take(key, default)
        if not isinstance(found, bool):
            raise self.fail(key, f"expected true or false, got {_shown(found)}")
        return found

    def optional_date(self, key: str) -> date | None:
        """A date, also as ISO 8601 text; None where the key is absent."""
        found = self._take(key, None)
        if isinstance(found, str):
            try:
                found = date.fromisoformat(found)
            except ValueError:
                raise self.fail(key, f"expected a date, got {_shown(found)}") from None
        if found is not None and (not isinstance(found, date) or isinstance(found, datetime)):
            raise self.fail(key, f"expected a date such as 2024-05-06, got {_shown(found)}")
        return found

    def table(self, key: str) -> "Entry":
        """A table inside this one."""
        return self._entry(self._take(key, _REQUIRED), key)

    def optional_table(self, key: str) -> "Entry | None":
        """A table inside this one, or None where the key is absent."""
        found = self._take(key, None)
        return None if found is None else self._entry(found, key)

    def tables(self, key: str) -> Iterator["Entry"]:
        """The tables of an array of tables; none where the key is absent."""
        found = self._take(key, [])
        if not isinstance(found, list):
            raise self.fail(key, f"expected a list of tables, got {_shown(found)}")
        for index, each in enumerate(found):
            yield self._entry(each, f"{key}[{index}]")

    def _entry(self, found: object, key: str) -> "Entry":
        if not isinstance(found, dict):
            raise self.fail(key, f"expected a table, got {_shown(found)}")
        return Entry(found, self._where, self._error, f"{self._path}{key}.")

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._table:
            if key in self._asked:
                continue
            known = ", ".join(sorted(self._asked))
            raise self.fail(key, f"unknown key; expected only {known}")
