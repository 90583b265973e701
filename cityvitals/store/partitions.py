"""Native range partitions, mostly months (UTC), created before the first row needs them.

Times that hardly anybody sends share long ones, so a message full of invented times makes a few
partitions, not thousands. The database's function `create_partition` builds one beside its parent
and attaches it, which lets readers and writers go on; an advisory lock keeps two processes from
building the same one. It knows a span's bounds by its name, as we do.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

import asyncpg
import numpy as np

from cityvitals.domain.times import from_us
from cityvitals.store.engine import Engine, engine_of
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection

_YEARS_FROM: Final = 2000
_MONTHS_FROM: Final = 2020
_MONTHS_TO: Final = 2050
_YEARS_TO: Final = 2100


class Span(NamedTuple):
    """What one partition holds: [begin, end); None is without bound."""

    name: str
    begin: datetime | None
    end: datetime | None

    @property
    def is_month(self) -> bool:
        """Whether it is a calendar month."""
        return "_" in self.name


class Partitions:
    """The partitions of one table that this process knows to exist.

    Where an older build made months of what is one long span now, it goes on in months.
    Bounded: one small tuple for each of a few hundred spans.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._known: set[Span] = set()
        self._in_months: set[Span] = set()

    async def ensure(
        self, connection: Connection, times_us: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    ) -> None:
        """Have a partition for every one of these instants.

        Args:
            connection: outside of any transaction, so that others need not wait for its end.
            times_us: int64, microseconds since 1970.

        Raises:
            StoreUnavailable: the server is away.
        """
        if not len(times_us):
            return
        first, last = span_of(int(times_us.min())), span_of(int(times_us.max()))
        if first == last and first in self._known:
            return  # as nearly always
        days = (np.unique(times_us // 86_400_000_000) * 86_400_000_000).tolist()
        for span in sorted({span_of(t) for t in days} - self._in_months, key=_by_name):
            await self._create(connection, span)
        for span in sorted(
            {month_of(t) for t in days if span_of(t) in self._in_months}, key=_by_name
        ):
            await self._create(connection, span)

    def forget(self) -> None:
        """One of them may be gone: look again."""
        self._known.clear()
        self._in_months.clear()

    async def _create(self, connection: Connection, span: Span) -> None:
        if span in self._known:
            return
        try:
            await create_partition(connection, self._table, span)
        except asyncpg.InvalidObjectDefinitionError:
            # It would overlap: a month lies in a longer one, a longer one holds months.
            if not span.is_month:
                self._in_months.add(span)
                return
        self._known.add(span)


def span_of(t_us: int) -> Span:
    """The partition that a time lies in: a month, a year, or all of the far past or future."""
    moment = from_us(t_us)
    year = moment.year
    if year < _YEARS_FROM:
        return Span("past", None, _first(_YEARS_FROM))
    if year >= _YEARS_TO:
        return Span("future", _first(_YEARS_TO), None)
    if year < _MONTHS_FROM or year >= _MONTHS_TO:
        return Span(f"{year:04d}", _first(year), _first(year + 1))
    return month_of(t_us)


def month_of(t_us: int) -> Span:
    """The month that a time lies in."""
    moment = from_us(t_us)
    year, month = moment.year, moment.month
    end = _first(year + month // 12, month % 12 + 1)
    return Span(f"{year:04d}_{month:02d}", _first(year, month), end)


def _by_name(span: Span) -> str:
    return span.name


def _first(year: int, month: int = 1) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


async def create_partition(connection: Connection, table: str, span: Span) -> None:
    """Create and attach a partition unless it is there, on behalf of the schema's owner.

    A hypertable needs none.

    Raises:
        StoreUnavailable: the server is away.
    """
    if await engine_of(connection) is not Engine.POSTGRESQL:
        return
    with translated(f"creating partition {table}_{span.name}"):
        await connection.execute("select create_partition($1, $2)", table, span.name)
