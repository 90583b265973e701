"""Facts as files state them: one TOML table or one CSV line, read and checked; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from cityvitals.catalogue.load import UnitToken, load_catalogue
from cityvitals.domain.facts import Quality
from cityvitals.domain.names import IDENTIFIER
from cityvitals.domain.times import EARLIEST_US, to_us
from cityvitals.errors import BadRegistry
from cityvitals.store.csv_tables import Columns, read_tables
from cityvitals.store.registry_entry import RegistryEntry

ID: Final = re.compile(IDENTIFIER.pattern, re.IGNORECASE | re.ASCII)
COLUMNS: Final = Columns(
    ("zone", "name", "value", "unit", "valid_from", "source", "quality"),
    ("name", "value", "unit", "source", "quality"),
)
WITHDRAWN: Final = "withdrawn"
"""Instead of a value: what was stated of that date was wrong, and counts no more."""

_QUALITIES: Final = {each.value: each for each in Quality}

Wanted = Mapping[str, Mapping[str, str]]
"""By a fact's name: in which units (canonical tokens) rules use it, each with such a rule's id."""


@dataclass(frozen=True, slots=True)
class Fact:
    """`[[fact]]`, a line of a CSV, or the population of a `[[zone]]`; zone "" is the city.

    Attributes:
        value: in `unit`; None where what was stated is withdrawn.
    """

    name: str
    zone: str
    valid_from_us: int
    value: float | None
    unit: str = ""
    source: str = ""
    quality: Quality = Quality.UNKNOWN


@dataclass(frozen=True, slots=True)
class Place:
    """What a fact's place and date are checked against.

    Attributes:
        zones: ids that may be named.
        expected: what messages call such an id.
    """

    time_zone: str
    zones: frozenset[str]
    expected: str
    wanted: Wanted = field(default_factory=dict)


def read_fact(entry: RegistryEntry, place: Place) -> Fact:
    """One fact.

    Raises:
        BadRegistry: naming file, line and key or column, and what was expected.
    """
    name, zone = entry.text("name", ID), read_zone(entry, place)
    _refuse_unknown(entry, name, place.wanted)
    since = read_moment(entry, "valid_from", place.time_zone)
    since = EARLIEST_US if since is None else max(since, EARLIEST_US)
    if entry.says("value", WITHDRAWN):
        for key in ("unit", "source", "quality"):
            entry.text(key, default="")
        fact = Fact(name, zone, since, None)
    else:
        value, unit = entry.number("value"), _unit(entry, name, place.wanted)
        source = entry.text("source")
        quality = entry.choice("quality", _QUALITIES, default=Quality.UNKNOWN.value)
        fact = Fact(name, zone, since, value, unit.token, source, quality)
    entry.finish()
    return fact


def _refuse_unknown(entry: RegistryEntry, name: str, wanted: Wanted) -> None:
    """Names with a dot are of scorecards, which have no others: a misspelt one would be lost."""
    head, dot, _ = name.partition(".")
    if not dot or name in wanted:
        return
    known = sorted(each for each in wanted if each.startswith(f"{head}."))
    if known:
        raise entry.fail("name", f"{head} has no {name!r}; expected one such as {known[0]}")


def read_zone(entry: RegistryEntry, place: Place) -> str:
    """The id of a known zone; "" where there is none."""
    zone = entry.text("zone", ID, default="")
    if zone and zone not in place.zones:
        raise entry.fail("zone", f"expected {place.expected}, got {zone!r}")
    return zone


def read_moment(entry: RegistryEntry, key: str, time_zone: str) -> int | None:
    """A time with an offset, or a date that begins at midnight in the city; None for neither."""
    found = entry.moment(key)
    if found is None:
        return None
    if isinstance(found, datetime):
        if found.tzinfo is None:
            raise entry.fail(key, f"expected a date, or a time with its offset, got {found}")
        return to_us(found)
    return to_us(datetime.combine(found, time(), ZoneInfo(time_zone)))


def _unit(entry: RegistryEntry, name: str, wanted: Wanted) -> UnitToken:
    token = entry.text("unit")
    unit = load_catalogue().find_unit(token)
    if unit is None:
        raise entry.fail("unit", f"expected a unit of the catalogue, got {token!r}")
    for used, rule in wanted.get(name, {}).items():
        if load_catalogue().units[used].family != unit.family:
            raise entry.fail(
                "unit",
                f"{token!r} does not fit {name}, which rule or data point {rule} uses in {used!r}",
            )
    return unit


def read_fact_csv(text: str, name: str, place: Place) -> list[Fact]:
    """The facts of a CSV text; its first line names the columns, in any order.

    Args:
        text: the file's content.
        name: the file's name, for errors.
        place: what zones and dates are checked against.

    Raises:
        BadRegistry: naming file, line and column, and what was expected.
    """
    facts: list[Fact] = []
    lines: dict[tuple[str, str, int], int] = {}
    for line, table in read_tables(text, name, COLUMNS):
        entry = RegistryEntry(table, f"{name}:{line}", BadRegistry, "column ")
        fact = read_fact(entry, place)
        before = lines.setdefault((fact.name, fact.zone, fact.valid_from_us), line)
        if before != line:
            raise entry.fail(
                "name", f"{fact.name!r} of that zone and date stands in line {before} already"
            )
        facts.append(fact)
    return facts
