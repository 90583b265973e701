"""Histories for charts, thinned out by the server: extremes stay, with no more points than asked.

Of a series: readings as they are where a stretch is short and they are few, else bins of readings;
over longer stretches bins of rollups, which tell the least and the greatest value of each quarter
hour. What the aggregator still holds in memory, the newest quarter hour, comes from readings.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import EXCLUDING_FLAGS, Kind
from cityvitals.domain.series import SeriesKey
from cityvitals.domain.times import BUCKET_US, US, bucket_of, from_us, to_us
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries
from cityvitals.store.views import HistoryQuery, Row, read_history

SHORT_US: Final = 7200 * US
"""Up to here a stretch is read from readings: their key is by time, so that reading one series of
ten thousand looks at the keys of all."""
DAY: Final = timedelta(days=1)
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""No reading is taken before or after, so bins stay among times that can be named."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a series said in [begin, end); of a reading by itself, begin and end are its time.

    Attributes:
        least, greatest: None where nothing counts. Of a total, what fell into a quarter hour; of a
            counter, what it showed.
        mean: weighted by time where rollups tell it, of levels in dB by power; None for amounts.
        total: of totals and events what came together, of counters how far they rose where rollups
            tell it.
        count: readings that begin here and count.
        flagged: readings that are left out.
    """

    begin: datetime
    end: datetime
    least: float | None
    greatest: float | None
    mean: float | None
    total: float | None
    count: int
    flagged: int


@dataclass(frozen=True, slots=True)
class SeriesHistory:
    """Points ascending, none of them empty.

    Attributes:
        source: `readings` or `rollups`.
        step_s: how long a point's stretch is, seconds; None where points are readings.
    """

    begin: datetime
    end: datetime
    source: str
    step_s: float | None
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class SeriesFound:
    """A series, what its numbers mean, and its newest closed bucket."""

    id: int
    kind: Kind
    newest_bucket: datetime | None
    is_level: bool = False

    @property
    def is_amount(self) -> bool:
        """Whether its numbers are added up over time, not averaged."""
        return self.kind in {Kind.INTERVAL_TOTAL, Kind.COUNTER, Kind.EVENT}


async def find_series(connection: Connection, key: SeriesKey) -> SeriesFound | None:
    """A series by its natural key, or None.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"looking for series {'/'.join(key)}"):
        row = await connection.fetchrow(queries("history")["series"], *key)
    if row is None:
        return None
    kind = Kind.GAUGE if row["kind"] is None else Kind(row["kind"])
    known = load_catalogue().quantities.get(key.quantity)
    is_level = known is not None and known.is_level
    return SeriesFound(row["id"], kind, row["newest_bucket"], is_level)


async def read_series_history(
    connection: Connection,
    series: SeriesFound,
    begin: datetime | None,
    end: datetime | None,
    points: int,
    step_us: int = 0,
) -> SeriesHistory:
    """At most `points` points of a series in [begin, end); left out, its newest day.

    Args:
        connection: to the database.
        series: whose.
        begin: of the stretch.
        end: of the stretch.
        points: the most points.
        step_us: of each point, a multiple of a quarter hour; 0 for the shortest that fits.

    Raises:
        ValueError: the stretch is empty, or has more steps than points may be.
        StoreUnavailable: the server is away.
    """
    end = min(end or await _newest(connection, series, begin), _LATEST)
    begin = max(begin or end - DAY, _EARLIEST)
    if begin >= end:
        raise ValueError("expected a time after `from`")
    span_us = to_us(end) - to_us(begin)
    if step_us and -(-span_us // step_us) > points:
        raise ValueError(
            f"expected at most {points} steps, got {-(-span_us // step_us)}: ask for a longer "
            "step or a shorter stretch"
        )
    if span_us <= SHORT_US and not step_us:
        return await _from_readings(connection, series, begin, end, points)
    first = from_us(bucket_of(to_us(begin)))
    step_us = step_us or step_for(to_us(end) - to_us(first), points, BUCKET_US)
    return await _from_rollups(connection, series, (begin, first, end), step_us)


async def _newest(connection: Connection, series: SeriesFound, begin: datetime | None) -> datetime:
    """Where a history ends that is asked for without an end: behind all that is known."""
    if series.newest_bucket is not None:
        newest = series.newest_bucket + timedelta(microseconds=BUCKET_US + SHORT_US)
    else:
        newest = await find_newest_reading(connection)
    newest += timedelta(microseconds=1)
    return newest if begin is None else max(newest, begin + timedelta(microseconds=1))


async def find_newest_reading(connection: Connection) -> datetime:
    """When the newest reading of all was observed; 1970 where there is none.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("looking for the newest reading"):
        found: datetime | None = await connection.fetchval(queries("history")["newest_reading"])
    return found or from_us(0)


def step_for(span_us: int, points: int, unit_us: int) -> int:
    """The shortest step, a multiple of a unit, of which bins on its grid are at most `points`.

    A stretch that begins within a bin reaches one more than its length says.
    """
    if points == 1:
        return 2**52 // unit_us * unit_us
    return max(1, -(-span_us // ((points - 1) * unit_us))) * unit_us


async def _from_readings(
    connection: Connection, series: SeriesFound, begin: datetime, end: datetime, points: int
) -> SeriesHistory:
    with translated("reading the history of a series"):
        rows = await connection.fetch(
            queries("history")["readings"],
            series.id,
            begin,
            end,
            points + 1,
            EXCLUDING_FLAGS,
        )
    if len(rows) <= points:
        found = [_point(series, row, row["end"]) for row in rows]
        return SeriesHistory(begin, end, "readings", None, found)
    step = timedelta(microseconds=step_for(to_us(end) - to_us(begin), points, US))
    bins = await _reading_bins(connection, series, begin, end, step)
    return SeriesHistory(begin, end, "readings", step.total_seconds(), bins)


async def _from_rollups(
    connection: Connection,
    series: SeriesFound,
    stretch: tuple[datetime, datetime, datetime],
    step_us: int,
) -> SeriesHistory:
    """Bins of rollups; the stretch is told as its begin, the quarter hour of that, and its end."""
    begin, first, end = stretch
    step = timedelta(microseconds=step_us)
    with translated("reading the history of a series"):
        rows = await connection.fetch(
            queries("history")["rollup_bins"], series.id, first, end, step
        )
    bins = [_point(series, row, row["begin"] + step) for row in rows]
    open_from = first
    if series.newest_bucket is not None:
        open_from = max(first, series.newest_bucket + timedelta(microseconds=BUCKET_US))
    else:
        open_from = max(first, end - timedelta(microseconds=SHORT_US))
    open_to = min(end, open_from + timedelta(microseconds=SHORT_US))
    if open_from < open_to:
        bins += await _reading_bins(connection, series, open_from, open_to, step)
    return SeriesHistory(begin, end, "rollups", step.total_seconds(), list(_merged(series, bins)))


async def _reading_bins(
    connection: Connection, series: SeriesFound, begin: datetime, end: datetime, step: timedelta
) -> list[Point]:
    with translated("reading the history of a series"):
        rows = await connection.fetch(
            queries("history")["reading_bins"],
            series.id,
            begin,
            end,
            step,
            EXCLUDING_FLAGS,
            series.is_level,
        )
    return [_point(series, row, row["begin"] + step) for row in rows]


def _point(series: SeriesFound, row: Any, end: datetime) -> Point:
    """A row as a point; the mean is by time where the row tells for how long."""
    count, total = row["count"], row["sum"]
    mean = total / count if count and total is not None else None
    if row.get("covered"):
        mean = row["integral"] / row["covered"] * US
    if series.is_level:
        mean = row["least"] if count == 1 and not row.get("covered") else _level(mean)
    if "integral" in row:
        total = row["integral"]
    elif series.kind == Kind.COUNTER:
        total = None  # what it showed, added up, is nothing
    return Point(
        row["begin"],
        end,
        row["least"],
        row["greatest"],
        None if series.is_amount else mean,
        total if series.is_amount else None,
        count,
        row["flagged"],
    )


def _level(power: float | None) -> float | None:
    """The level in dB of a mean power."""
    return 10.0 * math.log10(power) if power is not None and power > 0.0 else None


def _merged(series: SeriesFound, points: Sequence[Point]) -> Iterator[Point]:
    """Points of the same stretch as one: what rollups tell of it, and what is not in them yet."""
    before: Point | None = None
    for point in points:
        if before is not None and before.begin == point.begin:
            before = _both(series, before, point)
            continue
        if before is not None:
            yield before
        before = point
    if before is not None:
        yield before


def _both(series: SeriesFound, one: Point, other: Point) -> Point:
    count = one.count + other.count
    means = [(part.mean, part.count) for part in (one, other) if part.mean is not None]
    if series.is_level:
        means = [(10.0 ** (mean / 10.0), weight) for mean, weight in means]
    weight = sum(weight for _, weight in means)
    mean = sum(mean * share for mean, share in means) / weight if weight else None
    mean = _level(mean) if series.is_level else mean
    totals = [part.total for part in (one, other) if part.total is not None]
    return Point(
        one.begin,
        one.end,
        min((v for v in (one.least, other.least) if v is not None), default=None),
        max((v for v in (one.greatest, other.greatest) if v is not None), default=None),
        one.mean if mean is None else mean,
        sum(totals) if totals else None,
        count,
        one.flagged + other.flagged,
    )


async def read_extremes(connection: Connection, query: HistoryQuery, points: int) -> Sequence[Row]:
    """At most `points` windows of an indicator, ascending, each in its newest revision.

    All of them where they are so few; else of each of as many stretches as fit those of the least
    and the greatest value.

    Raises:
        StoreUnavailable: the server is away.
    """
    whole = HistoryQuery(query.city, query.rule, query.zone, query.begin, query.end, points + 1)
    rows = await read_history(connection, whole)
    if len(rows) <= points:
        return rows
    sql, key = queries("history"), (query.city, query.rule, query.zone, query.begin, query.end)
    with translated(f"reading the extremes of {query.rule} in {query.city}"):
        reach = await connection.fetchrow(sql["indicator_reach"], *key)
        first, last = rows[0]["window_begin"], rows[-1]["window_begin"]
        if reach is not None and reach["last"] is not None:
            first, last = min(first, reach["first"]), max(last, reach["last"])
        # The window that runs may lie behind all that are kept: in a bin of its own at most.
        span = to_us(last) - to_us(first) + 1
        step = timedelta(microseconds=step_for(span, max(1, points // 2 - 1), BUCKET_US))
        found: Any = await connection.fetch(sql["indicator_extremes"], *key, step)
    extremes: Sequence[Row] = found
    return extremes
