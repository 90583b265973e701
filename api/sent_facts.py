"""Facts as they are sent: read and checked by what also reads files. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import LIST_EXAMPLE
from cityvitals.errors import BadRegistry
from cityvitals.store.fact_format import Fact, Place, read_fact
from cityvitals.store.registry_entry import RegistryEntry

MOST: Final = 10_000
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)


class SentFact(BaseModel):
    """A fact: of a zone, or of the city where none is said.

    `valid_from` is a date, which begins at midnight in the city, or a time with its offset; left
    out, it holds ever since. `value` "withdrawn" takes back what was stated of that date.
    """

    model_config = ConfigDict(extra="forbid")
    name: str
    value: float | Literal["withdrawn"]
    unit: str = ""
    source: str = ""
    quality: Literal["measured", "surveyed", "extrapolated", "estimated", "personal", "unknown"] = (
        "unknown"
    )
    zone: str = ""
    valid_from: str | None = None


class StatedFacts(BaseModel):
    """Facts to be stated together."""

    model_config = ConfigDict(extra="forbid")
    items: list[SentFact] = Field(min_length=1, max_length=MOST)


class Stated(BaseModel):
    """How many facts were sent, and how many of them said something new."""

    model_config = ConfigDict(extra="forbid")
    city: str
    time_zone: str
    stated: int
    changes: int


STATED_EXAMPLE: Final[dict[str, Any]] = {**LIST_EXAMPLE, "stated": 2, "changes": 1}


def read_sent_facts(sent: Any, place: Place) -> list[Fact]:
    """The facts of a body.

    Args:
        sent: the decoded JSON.
        place: what zones and dates are checked against.

    Raises:
        BadRegistry: naming item and key, and what was expected.
    """
    found: dict[tuple[str, str, int], int] = {}
    facts = []
    for number, entry in enumerate(entries_of(sent, "facts")):
        fact = read_fact(entry, place)
        before = found.setdefault((fact.name, fact.zone, fact.valid_from_us), number)
        if before != number:
            raise entry.fail("name", f"the same fact stands in items[{before}] already")
        facts.append(fact)
    return facts


def entries_of(sent: Any, what: str) -> Iterator[RegistryEntry]:
    """The items of a body, each to be read as a table of a registry file.

    Raises:
        BadRegistry: it has none, or too many, or one is no object.
    """
    items = sent.get("items") if isinstance(sent, dict) and len(sent) == 1 else None
    if not isinstance(items, list) or not 1 <= len(items) <= MOST:
        raise BadRegistry(f'expected {{"items": [...]}} with 1 to {MOST} {what}, and nothing else')
    for number, item in enumerate(items):
        yield RegistryEntry(_table(item, number), f"items[{number}]", BadRegistry, "")


def _table(item: Any, number: int) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise BadRegistry(f"items[{number}]: expected an object, got {item!r}")
    table = {key: one for key, one in item.items() if one is not None and one != ""}
    for key, one in table.items():
        if isinstance(one, str) and "\0" in one:
            raise BadRegistry(f"items[{number}]: {key}: expected text without NUL")
    if "valid_from" in table:
        table["valid_from"] = _moment(table["valid_from"], number)
    return table


def _moment(text: Any, number: int) -> date:
    try:
        return date.fromisoformat(text) if _DAY.match(text) else datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadRegistry(
            f"items[{number}]: valid_from: expected a date, or a time with its offset, got {text!r}"
        ) from None
