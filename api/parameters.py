"""Query parameters: what a route takes, how each is read, and how it is documented. All pure."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zlib import crc32

from cityvitals.domain.names import IDENTIFIER, Domain
from cityvitals.domain.times import from_us, to_us
from cityvitals.errors import CityVitalsError

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII
)
MOST_TEXT: Final = 200
MOST_PARTS: Final = 100
MOMENT: Final = {"type": "string", "format": "date-time"}
"""The schema of times."""
_MOMENT_EXAMPLE: Final = "2026-11-23T10:00:00Z"


class BadParameters(CityVitalsError):
    """A request's query cannot be taken.

    Attributes:
        faults: (parameter, what is wrong with it and what was expected).
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter.

    Attributes:
        parse: text to value; raises ValueError saying what was expected.
        schema: its JSON schema.
    """

    name: str
    parse: Callable[[str], Any]
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False
    example: Any = None

    def document(self) -> dict[str, Any]:
        """The parameter as OpenAPI has it."""
        shown = {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": self.description,
            "schema": dict(self.schema),
        }
        return shown if self.example is None else {**shown, "example": self.example}


def read_parameters(
    query: Iterable[tuple[str, str]], expected: Sequence[Parameter]
) -> dict[str, Any]:
    """The values of a query by parameter name; absent ones are absent.

    Args:
        query: decoded (name, value) pairs in the order of the URL.
        expected: what the route takes.

    Raises:
        BadParameters: naming every unknown, repeated, unreadable and missing one.
    """
    known = {parameter.name: parameter for parameter in expected}
    values: dict[str, Any] = {}
    faults: list[tuple[str, str]] = []
    for name, text in query:
        if name not in known:
            faults.append((name, _unknown(known)))
        elif name in values:
            faults.append((name, "stands twice, expected once"))
        else:
            values[name] = None
            try:
                values[name] = known[name].parse(text)
            except ValueError as error:
                faults.append((name, str(error)))
    faults += [
        (parameter.name, f"is missing: {parameter.description}")
        for parameter in expected
        if parameter.required and parameter.name not in values
    ]
    if faults:
        raise BadParameters(faults)
    return values


def _unknown(known: Iterable[str]) -> str:
    names = ", ".join(sorted(known))
    return f"unknown query parameter, expected {f'one of {names}' if names else 'none'}"


def parse_moment(text: str) -> datetime:
    """An RFC 3339 time with its offset, as aware datetime."""
    wanted = f"expected RFC 3339 with a time zone, like {_MOMENT_EXAMPLE}, got {text!r}"
    if not _MOMENT.match(text):
        hint = " (a + in a URL means a space: write %2B)" if " " in text else ""
        raise ValueError(wanted + hint)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the offset may lead out of years 1 to 9999
        raise ValueError(f"{wanted}: {error}") from None


def parse_identifier(text: str) -> str:
    """An id of ours: letters, digits, dot, underscore, hyphen."""
    if not IDENTIFIER.match(text):
        raise ValueError(
            f"expected an id of letters, digits, '.', '_' and '-', at most 64, got {text!r}"
        )
    return text


def parse_zone(text: str) -> str:
    """The id of a zone, or '' for the city itself."""
    return parse_identifier(text) if text else ""


def parse_domain(text: str) -> str:
    """The name of a domain."""
    if text not in list(Domain):
        raise ValueError(f"expected one of {', '.join(Domain)}, got {text!r}")
    return text


def parse_text(text: str) -> str:
    """Any text that the database can hold."""
    if "\0" in text or len(text) > MOST_TEXT:
        raise ValueError(f"expected at most {MOST_TEXT} characters, none of them NUL")
    return text


def several(parse: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """A parser of parts with commas between, each read by `parse`, at most a hundred."""

    def split(text: str) -> tuple[Any, ...]:
        parts = text.split(",")
        if len(parts) > MOST_PARTS:
            raise ValueError(f"expected at most {MOST_PARTS} parts, got {len(parts)}")
        return tuple(parse(each) for each in parts)

    return split


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers within bounds, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,18}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}, got {text!r}")
        return int(text)

    return parse


def make_cursor(after: datetime, question: str) -> str:
    """An opaque place in the answers to a question: after the window that begins then."""
    return make_key_cursor([to_us(after)], question)


def read_cursor(cursor: str, question: str) -> datetime:
    """Where a cursor stands; the inverse of `make_cursor`.

    Raises:
        BadParameters: the cursor is not one of ours, or of another question.
    """
    (place,) = read_key_cursor(cursor, question, int)
    try:
        return from_us(place)
    except OverflowError:
        raise _bad_cursor(cursor) from None


def make_key_cursor(key: Sequence[int | str], question: str) -> str:
    """An opaque place in the answers to a question: after what has this key."""
    text = json.dumps([*key, f"{crc32(question.encode()):08x}"], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_key_cursor(cursor: str, question: str, *kinds: type) -> list[Any]:
    """The key that a cursor stands behind; the inverse of `make_key_cursor`.

    Args:
        cursor: as it came.
        question: what it must belong to.
        kinds: of the key's parts.

    Raises:
        BadParameters: the cursor is not one of ours, or of another question.
    """
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_cursor(cursor) from None
    wanted = [*kinds, str]
    if not isinstance(found, list) or [type(one) for one in found] != wanted:
        raise _bad_cursor(cursor)
    *key, check = found
    if check != f"{crc32(question.encode()):08x}" or any("\0" in str(one) for one in key):
        raise _bad_cursor(cursor)
    return key


def _bad_cursor(cursor: str) -> BadParameters:
    wanted = f"expected the `next` of an earlier answer to this question, got {cursor!r}"
    return BadParameters([("cursor", wanted)])
