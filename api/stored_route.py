"""The routes of readings and rollups as they are stored: for who wants to check, or take along."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zlib import crc32

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import CURSOR, encode_list, head_of, limit_parameter
from api.parameters import (
    BadParameters,
    Parameter,
    parse_identifier,
    parse_moment,
)
from api.stored_schemas import (
    READINGS_EXAMPLE,
    ROLLUPS_EXAMPLE,
    StoredReadings,
    StoredRollups,
)
from cityvitals.domain.names import Flag
from cityvitals.domain.times import from_us, iso, to_us
from cityvitals.store.pool import Connection
from cityvitals.store.stored import (
    Place,
    Wanted,
    list_readings,
    list_rollups,
    list_series,
)
from cityvitals.store.views import Row

_MOMENT: Final = {"type": "string", "format": "date-time"}
_FLAGS: Final = tuple((flag.value, flag.name.lower()) for flag in Flag)
_encode = msgspec.json.Encoder().encode

_Lister = Callable[[Connection, Sequence[int], Wanted, Place | None], Awaitable[Sequence[Row]]]


def _text(text: str) -> str:
    if "\0" in text or len(text) > 64:  # noqa: PLR2004 - as long as ids are
        raise ValueError(f"expected at most 64 characters, got {text!r}")
    return text


def stored_parameters(most: int) -> tuple[Parameter, ...]:
    """The parameters of both routes, which give at most `most` rows at once."""
    return (
        Parameter("sensor", parse_identifier, "Only of this sensor."),
        Parameter("quantity", parse_identifier, "Only of this quantity.", example="pm2_5"),
        Parameter("channel", _text, "Only of this channel; empty: the one without a name."),
        Parameter("from", parse_moment, "From this time on.", _MOMENT),
        Parameter("to", parse_moment, "Before this time.", _MOMENT),
        limit_parameter(most),
        CURSOR,
    )


class StoredRoutes:
    """Handlers of both routes.

    Args:
        database: where to read.
        most: the most rows in one answer.
    """

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most
        self._parameters = stored_parameters(most)

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        city, asked = "/v1/cities/{city}", self._parameters
        return [
            Endpoint(f"{city}/readings", self.readings, StoredReadings, READINGS_EXAMPLE, asked),
            Endpoint(f"{city}/rollups", self.rollups, StoredRollups, ROLLUPS_EXAMPLE, asked),
        ]

    async def readings(self, request: Request) -> Response:
        """Current readings of a city, by time."""
        return await self._listed(request, list_readings, "observed_at", _reading)

    async def rollups(self, request: Request) -> Response:
        """Quarter hours of a city's series, series by series."""
        return await self._listed(request, list_rollups, "bucket_begin", _rollup)

    async def _listed(
        self, request: Request, lister: _Lister, time: str, show: Callable[[Row], dict[str, Any]]
    ) -> Response:
        given = take_query(request, self._parameters)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            wanted = self._wanted(city["id"], given)
            question = f"{time} {wanted}"
            after = _place(given["cursor"], question) if "cursor" in given else None
            series = await list_series(connection, wanted)
            rows = await lister(connection, list(series), wanted, after)
        last = rows[-1] if len(rows) == wanted.limit else None
        following = (
            None if last is None else _cursor(Place(last[time], last["series_id"]), question)
        )
        bodies = (_encode({**_named(series[row["series_id"]]), **show(row)}) for row in rows)
        return answer(request, encode_list(bodies, following, head_of(city)))

    def _wanted(self, city: str, given: Mapping[str, Any]) -> Wanted:
        named = {"begin": given.get("from"), "end": given.get("to"), "limit": self._most, **given}
        fields = ("sensor", "quantity", "channel", "begin", "end", "limit")
        wanted = Wanted(
            city, **{name: named[name] for name in fields if named.get(name) is not None}
        )
        if wanted.begin >= wanted.end:
            raise BadParameters([("to", "expected a time after `from`")])
        return wanted


def _named(series: Row) -> dict[str, Any]:
    return {name: series[name] for name in ("sensor", "quantity", "channel")}


def _reading(row: Row) -> dict[str, Any]:
    flags = row["flags"]
    return {
        "observed_at": _iso(row["observed_at"]),
        "value": row["value"],
        "rev": row["rev"],
        "flags": [name for bit, name in _FLAGS if flags & bit],
    }


def _rollup(row: Row) -> dict[str, Any]:
    """A quarter hour; what nothing counts for is null, as JSON knows no infinity."""
    some = row["count"] > 0
    spoken = row["min"] <= row["max"]
    return {
        "begin": _iso(row["bucket_begin"]),
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
        "covered_seconds": row["covered"] / 1e6,
    }


def _cursor(place: Place, question: str) -> str:
    text = f"{to_us(place.at)}.{place.series}.{crc32(question.encode()):08x}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str, question: str) -> Place:
    """Where a cursor stands.

    Raises:
        BadParameters: it is not one of ours, or of another question.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        us, series, check = text.decode().split(".")
        if check == f"{crc32(question.encode()):08x}":
            return Place(from_us(int(us)), int(series))
    except (binascii.Error, ValueError, OverflowError):
        pass
    wanted = f"expected the `next` of an earlier answer to this question, got {cursor!r}"
    raise BadParameters([("cursor", wanted)])


def _iso(moment: datetime) -> str:
    return iso(to_us(moment))
