"""The route of a series' history: what one sensor said, thinned out for a chart."""

from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import head_of
from api.parameters import MOMENT, BadParameters, Parameter, parse_moment, parse_text, whole_number
from api.schemas import EXAMPLES
from api.schemas import SeriesHistory as SeriesHistoryShown
from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.names import is_identifier
from cityvitals.domain.series import SeriesKey
from cityvitals.domain.times import US, iso, to_us
from cityvitals.errors import NotFound
from cityvitals.store.history import (
    Point,
    SeriesFound,
    SeriesHistory,
    find_series,
    read_series_history,
)
from cityvitals.store.views import Row

_QUARTER_S: Final = 900
_MOST_STEP_S: Final = 400 * 86_400


def series_parameters(most: int) -> tuple[Parameter, ...]:
    """The parameters of the route, which gives at most `most` points."""
    count = {"type": "integer", "minimum": 2, "maximum": most, "default": most}
    return (
        Parameter("channel", parse_text, "Of this channel; left out: of the one without a name."),
        Parameter("from", parse_moment, "From this time on; left out: a day before `to`.", MOMENT),
        Parameter("to", parse_moment, "Before this time; left out: up to the newest.", MOMENT),
        Parameter("points", whole_number(2, most), "At most so many points.", count),
        Parameter(
            "step",
            _parse_step,
            "Seconds of each point, a multiple of 900; left out: the shortest that fits `points`.",
            {"type": "integer", "minimum": _QUARTER_S, "multipleOf": _QUARTER_S},
        ),
    )


def _parse_step(text: str) -> int:
    seconds = whole_number(_QUARTER_S, _MOST_STEP_S)(text)
    if seconds % _QUARTER_S:
        raise ValueError(f"expected a multiple of {_QUARTER_S} seconds, got {text!r}")
    return seconds


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

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        path = "/v1/cities/{city}/series/{sensor}/{quantity}/history"
        example = EXAMPLES["SeriesHistory"]
        return [Endpoint(path, self.history, SeriesHistoryShown, example, self._parameters)]

    async def history(self, request: Request) -> Response:
        """Points of a series, ascending; the least and the greatest value are among them."""
        wanted = take_query(request, self._parameters)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            key = series_key(request, city["id"], wanted.get("channel", ""))
            series = await find_series(connection, key)
            if series is None:
                raise unknown_series(key)
            points = wanted.get("points", self._most)
            span = (wanted.get("from"), wanted.get("to"))
            try:
                step_us = wanted.get("step", 0) * US
                found = await read_series_history(connection, series, *span, points, step_us)
            except ValueError as error:
                raise BadParameters([("to", str(error))]) from None
        return answer(request, msgspec.json.encode(self._shown(city, key, series, found)))

    def _shown(
        self, city: Row, key: SeriesKey, series: SeriesFound, found: SeriesHistory
    ) -> dict[str, Any]:
        quantity = self._catalogue.quantities.get(key.quantity)
        return {
            **head_of(city),
            "sensor": key.sensor,
            "quantity": key.quantity,
            "channel": key.channel,
            "kind": series.kind.name.lower(),
            "unit": None if quantity is None else quantity.unit,
            "from": _iso(found.begin),
            "to": _iso(found.end),
            "source": found.source,
            "step_seconds": found.step_s,
            "items": [_point(one) for one in found.points],
        }


def series_key(request: Request, city: str, channel: str) -> SeriesKey:
    """The natural key in a path; PostgreSQL takes no text with NUL in it.

    Raises:
        NotFound: there can be no such series.
    """
    sensor, quantity = request.path_params["sensor"], request.path_params["quantity"]
    key = SeriesKey(city, sensor, quantity, channel)
    if not is_identifier(sensor) or "\0" in quantity + channel:
        raise unknown_series(key)
    return key


def unknown_series(key: SeriesKey) -> NotFound:
    """That there is no such series."""
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
