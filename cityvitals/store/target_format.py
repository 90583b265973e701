"""Targets as files state them: one TOML table or one CSV line, read and checked; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.times import EARLIEST_US
from cityvitals.errors import BadRegistry
from cityvitals.store.csv_tables import Columns, read_tables
from cityvitals.store.fact_format import ID, WITHDRAWN, read_moment
from cityvitals.store.registry_entry import RegistryEntry

COLUMNS: Final = Columns(
    ("point", "value", "start", "unit", "valid_from", "source"),
    ("point", "value", "unit", "source"),
)

Judge = Callable[["Target"], tuple[str, str] | None]
"""Which key of a target is wrong, and how; None where it is in order."""


def judge_nothing(_target: "Target") -> None:
    """Take every target as it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """`[[target]]`, or a line of a CSV.

    Attributes:
        point: a data point by its full name, such as `u4ssc.en.en.aq.1c.pm10`.
        value: in `unit`; None where what was stated is withdrawn.
        start: the value that counts as 0 %; None where that goes without saying.
    """

    point: str
    valid_from_us: int
    value: float | None
    start: float | None = None
    unit: str = ""
    source: str = ""


def read_target(entry: RegistryEntry, time_zone: str, judge: Judge) -> Target:
    """One target.

    Raises:
        BadRegistry: naming file, line and key or column, and what was expected.
    """
    point = entry.text("point", ID)
    since = read_moment(entry, "valid_from", time_zone)
    since = EARLIEST_US if since is None else max(since, EARLIEST_US)
    if entry.says("value", WITHDRAWN):
        for key in ("start", "unit", "source"):
            entry.text(key, default="")
        target = Target(point, since, None)
    else:
        target = Target(
            point,
            since,
            entry.number("value"),
            entry.optional_number("start"),
            _unit(entry),
            entry.text("source"),
        )
    entry.finish()
    wrong = judge(target)
    if wrong is not None:
        raise entry.fail(*wrong)
    return target


def _unit(entry: RegistryEntry) -> str:
    token = entry.text("unit")
    unit = load_catalogue().find_unit(token)
    if unit is None:
        raise entry.fail("unit", f"expected a unit of the catalogue, got {token!r}")
    return unit.token


def read_target_csv(text: str, name: str, time_zone: str, judge: Judge) -> list[Target]:
    """The targets of a CSV text; its first line names the columns, in any order.

    Raises:
        BadRegistry: naming file, line and column, and what was expected.
    """
    targets: list[Target] = []
    lines: dict[tuple[str, int], int] = {}
    for line, table in read_tables(text, name, COLUMNS):
        entry = RegistryEntry(table, f"{name}:{line}", BadRegistry, "column ")
        target = read_target(entry, time_zone, judge)
        before = lines.setdefault((target.point, target.valid_from_us), line)
        if before != line:
            said = f"{target.point!r} of that date stands in line {before} already"
            raise entry.fail("point", said)
        targets.append(target)
    return targets
