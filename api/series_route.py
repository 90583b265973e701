"""The route of a series' history: what one sensor said, thinned out for a chart."""

from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.parameters import BadParameters, Parameter, parse_moment, whole_number
from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.names import is_identifier
from cityvitals.domain.series import SeriesKey
from cityvitals.domain.times import iso, to_us
from cityvitals.errors import NotFound
from cityvitals.store.history import (
    Point,
    SeriesFound,
    SeriesHistory,
    find_series,
    read_series_history,
)

_MOMENT: Final = {"type": "string", "format": "date-time"}


def series_parameters(most: int) -> tuple[Parameter, ...]:
    """The parameters of the route, which gives at most `most` points."""
    count = {"type": "integer", "minimum": 2, "maximum": most, "default": most}
    return (
        Parameter("channel", str, "Of this channel; left out: of the one without a name."),
        Parameter("from", parse_moment, "From this time on; left out: a day before `to`.", _MOMENT),
        Parameter("to", parse_moment, "Before this time; left out: up to the newest.", _MOMENT),
        Parameter("points", whole_number(2, most), "At most so many points.", count),
    )


class SeriesRoute:
    """Handler of the route.

    Args:
        database: where to read.
        catalogue: units of quantities.
        most: the most points in one answer.
    """

    def __init__(self, database: Database, catalogue: Catalogue, most: int) -> None:
        self._database = database
        self._catalogue = catalogue
        self._most = most
        self._parameters = series_parameters(most)

    async def history(self, request: Request) -> Response:
        """Points of a series, ascending; the least and the greatest value are among them."""
        wanted = take_query(request, self._parameters)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            key = _key(request, city["id"], wanted.get("channel", ""))
            series = await find_series(connection, key)
            if series is None:
                raise _no_series(key)
            points = wanted.get("points", self._most)
            span = (wanted.get("from"), wanted.get("to"))
            try:
                found = await read_series_history(connection, series, *span, points)
            except ValueError as error:
                raise BadParameters([("to", str(error))]) from None
        return answer(request, msgspec.json.encode(self._shown(key, series, found)))

    def _shown(self, key: SeriesKey, series: SeriesFound, found: SeriesHistory) -> dict[str, Any]:
        quantity = self._catalogue.quantities.get(key.quantity)
        return {
            **key._asdict(),
            "kind": series.kind.name.lower(),
            "unit": None if quantity is None else quantity.unit,
            "from": _iso(found.begin),
            "to": _iso(found.end),
            "source": found.source,
            "step_seconds": found.step_s,
            "items": [_point(one) for one in found.points],
        }


def _key(request: Request, city: str, channel: str) -> SeriesKey:
    """The natural key in a path; PostgreSQL takes no text with NUL in it."""
    sensor, quantity = request.path_params["sensor"], request.path_params["quantity"]
    key = SeriesKey(city, sensor, quantity, channel)
    if not is_identifier(sensor) or "\0" in quantity + channel:
        raise _no_series(key)
    return key


def _no_series(key: SeriesKey) -> NotFound:
    named = f"{key.quantity!a} of sensor {key.sensor!a}"
    channel = f", channel {key.channel!a}," if key.channel else ""
    return NotFound(f"city {key.city!r} has no series {named}{channel}")


def _point(one: Point) -> dict[str, Any]:
    return {
        "begin": _iso(one.begin),
        "end": _iso(one.end),
        "min": one.least,
        "max": one.greatest,
        "mean": one.mean,
        "total": one.total,
        "count": one.count,
        "flagged": one.flagged,
    }


def _iso(moment: datetime) -> str:
    return iso(to_us(moment))
