"""TOML files of ours, read by structs: an error names file and key, and what was expected."""

import re
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from cityvitals.errors import SettingsError

_T = TypeVar("_T", bound=msgspec.Struct)
_AT: Final = re.compile(r"^(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?$", re.DOTALL)


def find_file(given: Path, shipped: Path, what: str) -> Path:
    """The file at a path, or the shipped one of that name.

    Raises:
        SettingsError: there is neither; names the shipped ones.
    """
    for path in (given, shipped / f"{given}.toml"):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in shipped.glob("*.toml")))
    raise SettingsError(f"{what} {given}: no such file; shipped: {names}")


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def decoded(text: str, source: str, shape: type[_T]) -> _T:
    """What a TOML text holds.

    Raises:
        SettingsError: naming `source`, key and what was expected.
    """
    try:
        return msgspec.toml.decode(text, type=shape)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {_worded(str(error))}") from None
    except msgspec.DecodeError as error:
        raise SettingsError(f"{source}: not TOML: {error}") from None


def _worded(message: str) -> str:
    match = _AT.match(message)
    said, key = (match[1], match[2]) if match else (message, None)
    said = said[:1].lower() + said[1:]
    return f"{key.replace('[...]', '')}: {said}" if key else said
