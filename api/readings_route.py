"""Readings and rollups of one series, as they are stored, page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import (
    CURSOR,
    Listing,
    answer_list,
    format_parameter,
    head_of,
    limit_parameter,
    refuse_empty,
    take_page,
)
from api.parameters import (
    MOMENT,
    Parameter,
    make_cursor,
    parse_moment,
    parse_text,
    read_cursor,
)
from api.schema_readings import READINGS_EXAMPLE, ROLLUPS_EXAMPLE, Readings, Rollups
from api.series_route import series_key, unknown_series
from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.names import Flag, Kind
from cityvitals.domain.series import SeriesKey
from cityvitals.domain.times import BUCKET_US, US, iso, to_us
from cityvitals.store.history import DAY, SeriesFound, find_newest_reading, find_series
from cityvitals.store.listing import find_next_bucket, list_readings, list_rollups
from cityvitals.store.pool import Connection
from cityvitals.store.views import EARLIEST, LATEST, Row

MOST: Final = 5_000
STRETCH: Final = timedelta(hours=2)
"""Readings lie by time, of all series together: so much of it is looked through for one page."""
_REACH: Final = timedelta(days=2)
"""A reading is told of by a quarter hour at most so long before it (a day's total at its end)."""
_STEP: Final = timedelta(microseconds=1)
_BUCKET: Final = timedelta(microseconds=BUCKET_US)

PARAMETERS: Final = (
    Parameter("channel", parse_text, "Of this channel; left out: of the one without a name."),
    Parameter("from", parse_moment, "From this time on; left out: a day before `to`.", MOMENT),
    Parameter("to", parse_moment, "Before this time; left out: up to the newest.", MOMENT),
    limit_parameter(MOST),
    CURSOR,
    format_parameter("csv"),
)


class ReadingsRoute:
    """Handlers of the routes.

    Args:
        database: where to read.
        catalogue: units of quantities.
    """

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        series = "/v1/cities/{city}/series/{sensor}/{quantity}"
        return [
            Endpoint(
                f"{series}/readings",
                self.readings,
                Readings,
                READINGS_EXAMPLE,
                PARAMETERS,
                formats=("csv",),
            ),
            Endpoint(
                f"{series}/rollups",
                self.rollups,
                Rollups,
                ROLLUPS_EXAMPLE,
                PARAMETERS,
                formats=("csv",),
            ),
        ]

    async def readings(self, request: Request) -> Response:
        """Readings of a series by time, each in its newest revision."""
        wanted = take_query(request, PARAMETERS)
        limit = wanted.get("limit", MOST)
        async with self._database.connection() as connection:
            of = await _series(connection, request, wanted)
            question = of.question("readings")
            begin, end = await _stretch(connection, of.series, wanted, question)
            begin = await _skip(connection, of.series, begin, end)
            upto = min(end, begin + STRETCH) if begin < LATEST - STRETCH else end
            rows = await list_readings(connection, of.series.id, begin, upto, limit + 1)
        shown, last = take_page(rows, limit)
        place = last["observed_at"] if last else upto - _STEP if upto < end else None
        following = None if place is None else make_cursor(place, question)
        return self._answer(request, wanted, of, [_reading(row) for row in shown], following)

    async def rollups(self, request: Request) -> Response:
        """Closed quarter hours of a series by time."""
        wanted = take_query(request, PARAMETERS)
        limit = wanted.get("limit", MOST)
        async with self._database.connection() as connection:
            of = await _series(connection, request, wanted)
            question = of.question("rollups")
            begin, end = await _stretch(connection, of.series, wanted, question)
            rows = await list_rollups(connection, of.series.id, begin, end, limit + 1)
        shown, last = take_page(rows, limit)
        following = None if last is None else make_cursor(last["bucket_begin"], question)
        items = [_rollup(row, of.series.kind) for row in shown]
        return self._answer(request, wanted, of, items, following)

    def _answer(
        self,
        request: Request,
        wanted: Mapping[str, Any],
        of: "_Of",
        items: Sequence[dict[str, Any]],
        following: str | None,
    ) -> Response:
        quantity = self._catalogue.quantities.get(of.key.quantity)
        head = {
            **head_of(of.city),
            "sensor": of.key.sensor,
            "quantity": of.key.quantity,
            "channel": of.key.channel,
            "unit": None if quantity is None else quantity.unit,
            "kind": of.series.kind.name.lower(),
        }
        return answer_list(request, Listing(items, following, head), wanted, "csv")


class _Of(NamedTuple):
    """The series that is asked for."""

    city: Row
    key: SeriesKey
    series: SeriesFound

    def question(self, kind: str) -> str:
        """What a cursor belongs to."""
        return f"{kind}/{'/'.join(self.key)}"


async def _series(connection: Connection, request: Request, wanted: Mapping[str, Any]) -> _Of:
    city = await take_city(connection, request)
    key = series_key(request, city["id"], wanted.get("channel", ""))
    series = await find_series(connection, key)
    if series is None:
        raise unknown_series(key)
    return _Of(city, key, series)


async def _stretch(
    connection: Connection, series: SeriesFound, wanted: Mapping[str, Any], question: str
) -> tuple[datetime, datetime]:
    """The rest of what is asked for, by the cursor."""
    newest = series.newest_bucket or await find_newest_reading(connection)
    end = wanted.get("to") or max(newest, wanted.get("from", newest)) + STRETCH
    begin = wanted.get("from") or max(end, EARLIEST + DAY) - DAY
    refuse_empty(begin, end)
    if "cursor" in wanted:
        behind = min(read_cursor(wanted["cursor"], question), end - _STEP) + _STEP
        begin = max(begin, behind)
    return begin, end


async def _skip(
    connection: Connection, series: SeriesFound, begin: datetime, end: datetime
) -> datetime:
    """Where to look on: what no quarter hour tells of is passed over."""
    if series.newest_bucket is None or begin > series.newest_bucket or begin < EARLIEST + _REACH:
        return begin
    found = await find_next_bucket(connection, series.id, begin - _REACH)
    return max(begin, min(found or begin, end))


def _reading(row: Row) -> dict[str, Any]:
    return {
        "observed_at": iso(to_us(row["observed_at"])),
        "received_at": iso(to_us(row["received_at"])),
        "value": row["value"],
        "rev": row["rev"],
        "flags": [flag.name.lower() for flag in Flag if row["flags"] & flag],
    }


def _rollup(row: Row, kind: Kind) -> dict[str, Any]:
    covered = row["covered"] / US
    has_mean = covered and kind is not Kind.INTERVAL_TOTAL
    begins = row["count"] > 0
    return {
        "begin": iso(to_us(row["bucket_begin"])),
        "end": iso(to_us(row["bucket_begin"] + _BUCKET)),
        "count": row["count"],
        "flagged": row["flagged"],
        "min": row["min"],
        "max": row["max"],
        "mean": row["integral"] / covered if has_mean else None,
        "integral": row["integral"],
        "covered_seconds": covered,
        "first_at": iso(row["first_t"]) if begins else None,
        "first": row["first_v"] if begins else None,
        "last_at": iso(row["last_t"]) if begins else None,
        "last": row["last_v"] if begins else None,
    }
