"""All readings and rollups of a city as they are stored: for who wants to check, or take along.

`api.readings_route` has those of one series. These come in the order in which they lie, so that a
city of many series is read once and not once for each.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

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
    refuse_empty,
    take_page,
)
from api.parameters import (
    MOMENT,
    Parameter,
    make_key_cursor,
    parse_identifier,
    parse_moment,
    parse_text,
    read_key_cursor,
    whole_number,
)
from api.stored_schemas import (
    CITY_READINGS_EXAMPLE,
    CITY_ROLLUPS_EXAMPLE,
    CityReadings,
    CityRollups,
)
from cityvitals.domain.names import Flag
from cityvitals.domain.times import US, from_us, iso, to_us
from cityvitals.store.pool import Connection
from cityvitals.store.stored import Place, Wanted, list_readings, list_rollups, list_series
from cityvitals.store.views import EARLIEST, LATEST, Row

MOST: Final = 5_000
_FLAGS: Final = tuple((flag.value, flag.name.lower()) for flag in Flag)
PARAMETERS: Final = (
    Parameter("sensor", parse_identifier, "Only of this sensor."),
    Parameter("quantity", parse_identifier, "Only of this quantity.", example="pm2_5"),
    Parameter("channel", parse_text, "Only of this channel; empty: the one without a name."),
    Parameter("from", parse_moment, "From this time on.", MOMENT),
    Parameter("to", parse_moment, "Before this time.", MOMENT),
    Parameter(
        "limit",
        whole_number(1, MOST),
        "At most so many at once.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": MOST},
    ),
    CURSOR,
    format_parameter("csv"),
)

_Lister = Callable[[Connection, Sequence[int], Wanted, Place | None], Awaitable[Sequence[Row]]]


class StoredRoute:
    """Handlers of the routes.

    Args:
        database: where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        city = "/v1/cities/{city}"
        return [
            Endpoint(
                f"{city}/readings", self.readings, CityReadings, CITY_READINGS_EXAMPLE,
                PARAMETERS, formats=("csv",),
            ),
            Endpoint(
                f"{city}/rollups", self.rollups, CityRollups, CITY_ROLLUPS_EXAMPLE,
                PARAMETERS, formats=("csv",),
            ),
        ]  # fmt: skip

    async def readings(self, request: Request) -> Response:
        """Current readings of a city, by time."""
        return await self._listed(request, list_readings, "observed_at", _reading)

    async def rollups(self, request: Request) -> Response:
        """Closed quarter hours of a city's series, series by series."""
        return await self._listed(request, list_rollups, "bucket_begin", _rollup)

    async def _listed(
        self, request: Request, lister: _Lister, time: str, show: Callable[[Row], dict[str, Any]]
    ) -> Response:
        given = take_query(request, PARAMETERS)
        limit = given.get("limit", MOST)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            wanted = _wanted(city["id"], given, limit + 1)
            question = f"{time}/{city['id']}"
            after = _place(given["cursor"], question) if "cursor" in given else None
            series = await list_series(connection, wanted)
            rows = await lister(connection, list(series), wanted, after)
        shown, last = take_page(rows, limit)
        place = None if last is None else [to_us(last[time]), last["series_id"]]
        following = None if place is None else make_key_cursor(place, question)
        items = [{**_named(series[row["series_id"]]), **show(row)} for row in shown]
        return answer_list(request, Listing(items, following, head_of(city)), given, "csv")


def _wanted(city: str, given: Mapping[str, Any], limit: int) -> Wanted:
    begin, end = given.get("from", EARLIEST), given.get("to", LATEST)
    refuse_empty(begin, end)
    named = {name: given.get(name) for name in ("sensor", "quantity", "channel")}
    return Wanted(city, begin, end, limit, **named)


def _place(cursor: str, question: str) -> Place:
    us, series = read_key_cursor(cursor, question, int, int)
    return Place(from_us(us), series)


def _named(series: Row) -> dict[str, Any]:
    return {name: series[name] for name in ("sensor", "quantity", "channel")}


def _reading(row: Row) -> dict[str, Any]:
    flags = row["flags"]
    return {
        "observed_at": iso(to_us(row["observed_at"])),
        "value": row["value"],
        "rev": row["rev"],
        "flags": [name for bit, name in _FLAGS if flags & bit],
    }


def _rollup(row: Row) -> dict[str, Any]:
    """A quarter hour; what nothing counts for is null, as JSON knows no infinity."""
    some = row["count"] > 0
    spoken = row["min"] <= row["max"]
    return {
        "begin": iso(to_us(row["bucket_begin"])),
        "count": row["count"],
        "flagged": row["flagged"],
        "sum": row["sum"],
        "sumsq": row["sumsq"],
        "min": row["min"] if spoken else None,
        "max": row["max"] if spoken else None,
        "first_at": iso(row["first_t"]) if some else None,
        "first": row["first_v"] if some else None,
        "last_at": iso(row["last_t"]) if some else None,
        "last": row["last_v"] if some else None,
        "integral": row["integral"],
        "increase": row["increase"],
        "covered_seconds": row["covered"] / US,
    }
