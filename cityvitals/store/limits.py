"""Limits that a registry states, and flagging stored readings anew where they change.

A changed limit is marked pending with the change itself, and ingest flags by it from then on. What
is stored follows in transactions of bounded size, each with the log entries that have it derived
again. The mark goes last: whatever breaks in between, applying the file again finishes it.

A batch that ingest screened by the old limit may still be committed meanwhile; so the readings are
gone through until nothing is left to turn.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from cityvitals.catalogue.limits import limit_of
from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.limits import Limit
from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import Flag, LogKind, shard_of
from cityvitals.domain.times import EARLIEST_US, LATEST_US
from cityvitals.store.engine import plan_by_values
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry import Series, limits_of, load_declarations
from cityvitals.store.sql import queries
from cityvitals.store.tail import append_entry

_READINGS: Final = 50_000
"""Flags turned in one transaction, unless one series has more in a month."""


class StatedLimit(NamedTuple):
    """`[[limit]]`; sensor "" is the whole city; bounds in the quantity's canonical unit."""

    sensor: str
    quantity: str
    limit: Limit
    source: str


class _Span(NamedTuple):
    """A stretch [since, until) over which the same bounds hold for a series; None is no bound."""

    series: int
    since_us: int
    until_us: int
    low: float | None
    high: float | None


async def state_limits(connection: Connection, city: str, limits: Sequence[StatedLimit]) -> int:
    """Set limits of a city, inside the caller's transaction; how many are new."""
    changed = await connection.fetch(
        queries("limits")["state"],
        city,
        [one.sensor for one in limits],
        [one.quantity for one in limits],
        [one.limit.low for one in limits],
        [one.limit.high for one in limits],
        [one.source for one in limits],
    )
    return len(changed)


async def reflag(pool: Pool, city: str, catalogue: Catalogue, lane: str) -> int:
    """Flag stored readings by a city's pending limits; how many changed.

    Only OUT_OF_RANGE is turned. Can be broken off anywhere and done again.

    Raises:
        StoreConflict: a reading was changed in a way that stood against ours; do it again.
        StoreUnavailable: the server is away.
    """
    sql = queries("limits")
    turned = 0
    with translated(f"flagging stored readings of {city}"):
        async with pool.acquire() as connection:
            await connection.execute(sql["lock"])
            try:
                # Read under the lock: who changes a limit after this finds it pending afterwards.
                pending = await connection.fetch(sql["pending"], city)
                if pending:
                    spans = await _spans(connection, city, catalogue)
                    while found := await _pass(connection, city, spans, lane):
                        turned += found
                    await _settle(connection, city, pending)
            finally:
                await connection.execute(sql["unlock"])
    return turned


async def _settle(connection: Connection, city: str, pending: Sequence[Any]) -> None:
    columns = [[row[name] for row in pending] for name in ("sensor", "quantity", "low", "high")]
    await connection.execute(queries("limits")["settle"], city, *columns)


async def _spans(connection: Connection, city: str, catalogue: Catalogue) -> list[_Span]:
    """The bounds of all series that pending limits may concern."""
    rows = await connection.fetch(queries("limits")["affected"], city)
    stated = await limits_of(connection, [city], sorted({row["sensor"] for row in rows}))
    declared = await load_declarations(connection, [row["id"] for row in rows])
    return [
        span
        for row in rows
        for override in [_override(stated, city, row["sensor"], row["quantity"])]
        for span in _spans_of(
            Series(row["id"], declared.get(row["id"], {})), row, override, catalogue
        )
    ]


def _override(
    stated: Mapping[tuple[str, str], Mapping[str, Limit]], city: str, sensor: str, quantity: str
) -> Limit | None:
    own = stated.get((city, sensor), {})
    return own.get(quantity) or stated.get((city, ""), {}).get(quantity)


def _spans_of(
    series: Series, row: Any, override: Limit | None, catalogue: Catalogue
) -> Iterator[_Span]:
    """A series' bounds over time: those of totals go by the period that it declares."""
    known, declared = catalogue.quantities.get(row["quantity"]), series.declarations
    if known is None:
        return
    ends = [*[one.since_us for one in declared[1:]], LATEST_US]
    for number, (held, until) in enumerate(zip(declared, ends, strict=True)):
        # Readings older than every declaration go by the first.
        since = held.since_us if number else EARLIEST_US
        low, high = (None if np.isnan(b) else b for b in limit_of(known, held, override))
        yield _Span(series.id, since, until, low, high)


async def _pass(connection: Connection, city: str, spans: Sequence[_Span], lane: str) -> int:
    """Go through all readings once, month by month, newest first; how many flags were turned."""
    extent = await connection.fetchrow(queries("limits")["extent"])
    if extent is None or extent["first"] is None or not spans:
        return 0
    turned, month = 0, extent["last"]
    while month >= extent["first"]:
        following = (month + timedelta(days=32)).replace(day=1)
        found = await _run(connection, "differing", spans, month, following)
        for group in _groups(found):
            mine = [span for span in spans if span.series in group]
            turned += await _turn(connection, city, mine, (month, following), lane)
        month = (month - timedelta(days=1)).replace(day=1)
    return turned


async def _turn(
    connection: Connection,
    city: str,
    spans: Sequence[_Span],
    month: tuple[datetime, datetime],
    lane: str,
) -> int:
    """One transaction: flags of some series, and the log entries that have them derived again."""
    async with connection.transaction():
        await plan_by_values(connection)
        turned = await _run(connection, "reflag", spans, *month)
        for row in turned:
            news = {"series": row["series"], "first": row["first_us"], "last": row["last_us"]}
            await append_entry(connection, shard_of(city), lane, LogKind.LIMITS, encode_json(news))
        await connection.execute(queries("lanes")["wake"])
    return sum(row["count"] for row in turned)


async def _run(
    connection: Connection, name: str, spans: Sequence[_Span], begin: datetime, end: datetime
) -> Sequence[Any]:
    columns = [list(column) for column in zip(*spans, strict=True)]
    bit = int(Flag.OUT_OF_RANGE)
    found: Sequence[Any] = await connection.fetch(
        queries("limits")[name], *columns, begin, end, bit
    )
    return found


def _groups(found: Iterable[Any]) -> Iterator[set[int]]:
    """Series whose flags are turned together."""
    group: set[int] = set()
    count = 0
    for row in found:
        if group and count + row["count"] > _READINGS:
            yield group
            group, count = set(), 0
        group.add(row["series"])
        count += row["count"]
    if group:
        yield group
