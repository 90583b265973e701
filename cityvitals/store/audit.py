"""What `cityvitals verify` reads of the store: one snapshot, plain SELECTs, nothing written."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.domain.names import State
from cityvitals.domain.times import EARLIEST_US, from_us
from cityvitals.store.copy import Column, Layout, copy_out
from cityvitals.store.failures import translated
from cityvitals.store.layouts import CELLS, READINGS, ROLLUPS
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.sql import queries

STATES: Final = tuple(str(state) for state in State)
"""States by the number that `INDICATOR` carries."""

_COLUMNS: Final = (
    ("zone", "int4"),
    ("begin", "timestamptz"),
    ("end", "timestamptz"),
    ("revision", "int4"),
    ("rule_revision", "int4"),
    ("state", "int4"),
    ("closed", "bool"),
    ("value", "float8"),
    ("numerator", "float8"),
    ("denominator", "float8"),
    ("coverage", "float8"),
    ("observed", "int8"),
    ("flagged", "int8"),
    ("series", "int4"),
    ("series_sum", "int8"),
    ("stations", "int4"),
    ("watermark", "timestamptz"),
    ("change", "int8"),
)
_NATIVE: Final = {"int4": "<i4", "int8": "<i8", "float8": "<f8", "bool": "?", "timestamptz": "<i8"}

INDICATOR: Final = np.dtype([(name, _NATIVE[kind]) for name, kind in _COLUMNS])
"""A revision of an indicator: zone and state by number, no value as NaN, times in microseconds;
of the series that took part how many
they are and the sum of their ids, and of how many stations."""

_INDICATORS: Final = Layout(
    "indicator", INDICATOR, [Column(name, kind, name) for name, kind in _COLUMNS]
)


FINAL: Final = np.dtype([("zone", "<i4"), ("begin", "<i8"), ("end", "<i8"), ("value", "<f8")])
"""The newest revision of a final window: zone by number, no value as NaN."""
_FINALS: Final = Layout(
    "indicator",
    FINAL,
    [
        Column("zone", "int4", "zone"),
        Column("begin", "timestamptz", "begin"),
        Column("end", "timestamptz", "end"),
        Column("value", "float8", "value"),
    ],
)


@dataclass(frozen=True, slots=True)
class AuditCity:
    """A city, and what bounds its recomputing."""

    id: str
    time_zone: str
    clock: str
    shard: int
    change_number: int
    sealed_us: int
    dropped_us: int


@dataclass(frozen=True, slots=True)
class AuditSeries:
    """A series and how many readings it has."""

    id: int
    city: str
    sensor: str
    quantity: str
    channel: str
    sensor_id: int
    readings: int


@dataclass(frozen=True, slots=True)
class DeclaredRow:
    """One declaration as stored, whichever source it came from."""

    series: int
    source: str
    kind: int
    period_s: float
    stamp: int
    reporting_s: float
    since_us: int
    reference_state: str = ""
    modulus: float = 0.0


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """One placement as stored, whichever source it came from."""

    sensor: int
    source: str
    zone: str | None
    from_us: int


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A dated figure of a zone, or of the city (''), as it is stated now."""

    zone: str
    name: str
    value: float
    unit: str
    from_us: int
    id: int


@dataclass(frozen=True, slots=True)
class WarrantRow:
    """The facts that the newest revision of a window names; None: made before they were."""

    zone: str
    revision: int
    facts: list[int] | None
    begin_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The books that one lane keeps on one gateway."""

    lane: str
    gateway: str
    received: int
    stored: int
    duplicate: int
    revised: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """How numbered rows lie: first and last number (0 where there is none), and how many."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class LogRow:
    """One lane's entries in one shard, and how far the shard's owner has come.

    Attributes:
        waiting: how much the shard's owner still has to do that the log no longer tells of.
        ended: windows that ended, and become final once they are quiet.
        held: whether the shard has an owner.
    """

    shard: int
    lane: str
    next_seq: int
    cursor: int
    waiting: int
    ended: int
    held: bool
    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class AlertAudit:
    """An alert as stored; times are begins of windows, microseconds.

    Attributes:
        noted: how many events there are of it; numbered: the highest number among them.
        raised: how many of them say that it was raised.
        told: whether each is in the change log, or older than that, and no other is.
    """

    id: int
    zone: str
    state: str
    since: int
    raised_by: int
    until: int | None
    cleared_by: int | None
    peak: float
    peak_at: int
    events: int
    noted: int
    numbered: int
    raised: int
    told: bool


Row = TypeVar("Row")


class Audit:
    """Reads of one snapshot. Every method raises StoreUnavailable if the server goes away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql = queries("audit")

    async def cities(self) -> list[AuditCity]:
        """Every city."""
        return await self._rows("cities", AuditCity)

    async def series(self, city: str) -> list[AuditSeries]:
        """A city's series, in no order."""
        return await self._rows("series", AuditSeries, city)

    async def declarations(self, city: str) -> list[DeclaredRow]:
        """All declarations of a city's series, in no order."""
        return await self._rows("declarations", DeclaredRow, city)

    async def placements(self, city: str) -> list[PlacedRow]:
        """All placements of a city's sensors, in no order."""
        return await self._rows("placements", PlacedRow, city)

    async def facts(self, city: str) -> list[FigureRow]:
        """A city's figures, in no order."""
        return await self._rows("facts", FigureRow, city)

    async def warrants(self, city: str, rule: str) -> list[WarrantRow]:
        """The facts that each window of a rule names, by zone and window."""
        return await self._rows("warrants", WarrantRow, city, rule)

    async def readings(self, series: Sequence[int], dropped_us: int) -> Records:
        """Readings of series (READING), by series and time; those before count as gone."""
        return await copy_out(
            self._connection,
            READINGS,
            self._sql["readings"],
            list(series),
            from_us(dropped_us),
        )

    async def rollups(self, series: Sequence[int]) -> Records:
        """Rollups of series (ROLLUP), by series and bucket; -1 for what older ones do not say."""
        return await copy_out(self._connection, ROLLUPS, self._sql["rollups"], list(series))

    async def rules(self, city: str) -> list[str]:
        """Ids of rules that a city has indicators of."""
        return [row["rule"] for row in await self._fetch("rules", city)]

    async def zones(self, city: str) -> list[str]:
        """Zones that a city has indicators of, '' for its own."""
        return [row["zone"] for row in await self._fetch("indicator_zones", city)]

    async def indicators(self, city: str, rule: str, zones: Sequence[str]) -> Records:
        """All revisions (INDICATOR) by zone, window and revision; `zones` gives zones numbers."""
        sql = self._sql["indicators"]
        return await copy_out(
            self._connection, _INDICATORS, sql, city, rule, list(zones), list(STATES)
        )

    async def newest_between(
        self, city: str, rule: str, zones: Sequence[str], begin: int, end: int
    ) -> Records:
        """The newest revision (INDICATOR) of windows that begin in [begin, end), by zone."""
        sql = self._sql["newest_between"]
        span = (from_us(begin), from_us(end))
        return await copy_out(
            self._connection, _INDICATORS, sql, city, rule, list(zones), list(STATES), *span
        )

    async def reach(self, city: str, rule: str, series: Sequence[int]) -> tuple[int, int] | None:
        """Begins of the first and last stored window of a rule, or bucket of series; None: none."""
        (row,) = await self._fetch("reach", city, rule, list(series))
        return None if row["first_us"] is None else (row["first_us"], row["last_us"])

    async def cells(self, series: Sequence[int], begin: int, end: int) -> Records:
        """What windows need of rollups (ROLLUP) in [begin, end), by series and bucket."""
        sql, span = self._sql["cells"], (from_us(begin), from_us(end))
        return await copy_out(self._connection, CELLS, sql, list(series), *span)

    async def last_buckets(self, series: Sequence[int]) -> dict[int, int]:
        """Begin of the last bucket of each series; the earliest time of all where it has none."""
        rows = await self._fetch("last_buckets", list(series))
        return {
            row["id"]: EARLIEST_US if row["last_us"] is None else row["last_us"] for row in rows
        }

    async def readings_since(self, since: Mapping[int, int]) -> Records:
        """Readings (READING) of each series since its time, by series and time."""
        begins = [from_us(max(begin, EARLIEST_US)) for begin in since.values()]
        sql, first = self._sql["readings_since"], min(begins, default=from_us(EARLIEST_US))
        return await copy_out(self._connection, READINGS, sql, list(since), begins, first)

    async def series_alone(self, city: str) -> list[AuditSeries]:
        """A city's series, in no order; nobody counts their readings."""
        return await self._rows("series_alone", AuditSeries, city)

    async def stored_rules(self) -> list[tuple[str, int, str, dict[str, Any]]]:
        """Id, revision, digest and body of every revision of every rule."""
        rows = await self._fetch("stored_rules")
        return [(row["id"], row["revision"], row["digest"], row["body"]) for row in rows]

    async def latest(self, city: str, rule: str, zones: Sequence[str]) -> Records:
        """The newest window of each zone (INDICATOR)."""
        sql = self._sql["latest"]
        return await copy_out(
            self._connection, _INDICATORS, sql, city, rule, list(zones), list(STATES)
        )

    async def ledger(self, city: str) -> list[LedgerRow]:
        """A city's books."""
        return await self._rows("ledger", LedgerRow, city)

    async def revision_count(self, city: str) -> int:
        """How many values stand beside the current one of their key."""
        return int((await self._fetch("revision_count", city))[0][0])

    async def double_numbers(self, city: str) -> list[tuple[int, int]]:
        """Change numbers that several revisions carry, with how many do."""
        return [(row[0], row[1]) for row in await self._fetch("double_numbers", city)]

    async def changes(self, city: str) -> Stretch:
        """How a city's numbered changes lie."""
        return (await self._rows("changes", Stretch, city))[0]

    async def judged_alerts(self, city: str) -> list[tuple[str, dict[str, Any], str]]:
        """Id, body and file of each alert rule whose newest revision has judged all history."""
        return [tuple(row) for row in await self._fetch("judged_alerts", city)]

    async def final_windows(self, city: str, rule: str, zones: Sequence[str]) -> Records:
        """Newest revisions of final windows (FINAL) by zone and window, no value as NaN."""
        sql = self._sql["final_windows"]
        return await copy_out(self._connection, _FINALS, sql, city, rule, list(zones))

    async def alerts(self, city: str, alert: str) -> list[AlertAudit]:
        """Alerts of an alert rule, whatever became of them, with how their events lie."""
        return await self._rows("alerts", AlertAudit, city, alert)

    async def log(self) -> list[LogRow]:
        """Every lane of every shard that has one."""
        return await self._rows("log", LogRow)

    async def _fetch(self, name: str, *arguments: Any) -> list[Any]:
        with translated(f"reading {name} to verify"):
            return await self._connection.fetch(self._sql[name], *arguments)

    async def _rows(self, name: str, row: type[Row], *arguments: Any) -> list[Row]:
        return [row(**dict(found)) for found in await self._fetch(name, *arguments)]


@asynccontextmanager
async def open_audit(pool: Pool) -> AsyncIterator[Audit]:
    """One connection's snapshot of everything, until left.

    Raises:
        StoreUnavailable: the server is away.
    """
    async with pool.acquire() as connection, audit_on(connection) as audit:
        yield audit


@asynccontextmanager
async def audit_on(connection: Connection) -> AsyncIterator[Audit]:
    """A snapshot of everything on a connection, until left; what else it reads is of it, too.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("opening a snapshot"):
        await connection.execute(queries("audit")["snapshot"])
    try:
        yield Audit(connection)
    finally:
        with translated("closing a snapshot"):
            await connection.execute(queries("audit")["release"])
