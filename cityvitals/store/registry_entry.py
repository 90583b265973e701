"""One table of a registry file being read: what it holds beyond text and numbers."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from cityvitals.catalogue.entry import Entry


class RegistryEntry(Entry):
    """An `Entry` that also reads yes or no, times, objects, and rows of its own kind."""

    def rows(self, key: str) -> Iterator["RegistryEntry"]:
        """The tables of an array of tables; none where the key is absent."""
        found = self._take(key, [])
        if not isinstance(found, list):
            raise self.fail(key, f"expected [[{key}]] tables")
        for index, each in enumerate(found):
            if not isinstance(each, dict):
                raise self.fail(key, f"expected [[{key}]] tables, got {each!r}")
            yield RegistryEntry(each, self._where, self._error, f"{self._path}{key}[{index}].")

    def row(self, key: str) -> "RegistryEntry":
        """A table inside this one."""
        found = self._take(key, {})
        if not isinstance(found, dict) or not found:
            raise self.fail(key, f"expected a table [{key}]")
        return RegistryEntry(found, self._where, self._error, f"{self._path}{key}.")

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        found = self._take(key, default)
        if not isinstance(found, bool):
            raise self.fail(key, f"expected true or false, got {found!r}")
        return found

    def moment(self, key: str) -> date | None:
        """A TOML date or date-time, or None where the key is absent."""
        found = self._take(key, None)
        if found is not None and not isinstance(found, date):
            raise self.fail(key, f"expected a TOML date or date-time without quotes, got {found!r}")
        return found

    def says(self, key: str, word: str) -> bool:
        """Whether a key holds just this word."""
        return bool(self._take(key, None) == word)

    def mapping(self, key: str) -> Mapping[str, Any] | None:
        """A table as it stands, or None where the key is absent."""
        found = self._take(key, None)
        if found is not None and not isinstance(found, dict):
            raise self.fail(key, f"expected a table, got {found!r}")
        return found
