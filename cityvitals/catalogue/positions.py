"""In which line of a TOML text a key stands; `tomllib` does not say.

Reads texts that `tomllib` has accepted: it need not judge them, only walk through them.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from typing import Final

Path = tuple[str | int, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_STRING: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}\n#]+")


_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def steps(path: str) -> Path:
    """`input[0].quantity` as its steps."""
    return tuple(int(index) if index else key for key, index in _STEP.findall(path))


class Lines:
    """Where keys of a TOML text stand, found out only once somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path, int] | None = None

    def of(self, path: Path) -> str:
        """`:12` for a key, or for what it would stand in; nothing where there is no text."""
        if self._lines is None:
            self._lines = find_lines(self._text)
        while path:
            if path in self._lines:
                return f":{self._lines[path]}"
            path = path[:-1]
        return ""


def find_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every key, table, and element of an array of tables."""
    return _Walk(text).run()


class _Walk:
    """One walk through a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._begins = [0, *(found.end() for found in re.finditer("\n", text))]
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = defaultdict(int)

    def run(self) -> dict[Path, int]:
        here: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                here = self._header()
            else:
                self._pair(here)
            self._skip(_BLANK)
        return self._lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            # Never in a text that is TOML; a step ahead ends the walk all the same.
            self._at += 1
            return ""
        self._at = found.end()
        return found.group()

    def _note(self, path: Path) -> None:
        self._lines.setdefault(path, bisect_right(self._begins, self._at))

    def _looking_at(self, what: str) -> bool:
        return self._text.startswith(what, self._at)

    def _key(self) -> list[str]:
        """A key, dotted or not."""
        parts = []
        while True:
            self._skip(_SPACE)
            quoted = self._text[self._at : self._at + 1] in {'"', "'"}
            part = self._skip(_STRING if quoted else _BARE)
            parts.append(part[1:-1] if quoted else part)
            self._skip(_SPACE)
            if not self._looking_at("."):
                return parts
            self._at += 1

    def _header(self) -> Path:
        begun, several = self._at, self._looking_at("[[")
        self._at += 2 if several else 1
        parts = self._key()
        after, self._at = self._at, begun
        path: Path = ()
        for part in parts[:-1]:
            path = self._inside((*path, part))
        path = (*path, parts[-1])
        if several:
            path = (*path, self._counts[path])
            self._counts[path[:-1]] += 1
        self._note(path)
        self._at = after + (2 if several else 1)
        return path

    def _inside(self, path: Path) -> Path:
        """A table, or the last of an array of tables."""
        return (*path, self._counts[path] - 1) if self._counts[path] else path

    def _pair(self, here: Path) -> None:
        begun = self._at
        parts = self._key()
        after, self._at = self._at, begun
        path = here
        for part in parts:
            path = (*path, part)
            self._note(path)
        self._at = after + 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        if self._looking_at("["):
            self._array(path)
        elif self._looking_at("{"):
            self._inline(path)
        elif self._text[self._at : self._at + 1] in {'"', "'"}:
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._at < len(self._text):
            self._skip(_BLANK)
            if self._looking_at("]"):
                break
            if self._looking_at(","):
                self._at += 1
                continue
            self._note((*path, index))
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        while self._at < len(self._text):
            self._skip(_BLANK)
            if self._looking_at("}"):
                break
            if self._looking_at(","):
                self._at += 1
                continue
            self._pair(path)
        self._at += 1
