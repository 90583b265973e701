"""The REST routes: read, encode, answer."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.database import Database
from api.latest import Item, LatestCache, encode_list
from api.parameters import (
    BadParameters,
    Parameter,
    make_cursor,
    parse_domain,
    parse_identifier,
    parse_moment,
    parse_zone,
    read_cursor,
    read_parameters,
    whole_number,
)
from api.rulebook import RuleBook
from cityvitals.domain.names import Domain, is_identifier
from cityvitals.domain.times import iso, to_us
from cityvitals.errors import NotFound
from cityvitals.store.history import read_extremes
from cityvitals.store.pool import Connection
from cityvitals.store.views import (
    HistoryQuery,
    Row,
    find_city,
    list_cities,
    list_zones,
    read_history,
)
from kpi_rules.present import present

_MICROSECOND: Final = timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode

LATEST_PARAMETERS: Final = (
    Parameter(
        "zone", parse_zone, "Only this zone; empty: only the city itself.", example="dongcheng"
    ),
    Parameter("rule", parse_identifier, "Only this rule.", example="air.pm2_5.hour"),
    Parameter(
        "domain", parse_domain, "Only this domain.", {"type": "string", "enum": list(Domain)}
    ),
)


def history_parameters(most: int) -> tuple[Parameter, ...]:
    """The parameters of the history route, which gives at most `most` windows at once."""
    moment = {"type": "string", "format": "date-time"}
    count = {"type": "integer", "minimum": 1, "maximum": most, "default": most}
    return (
        Parameter("zone", parse_zone, "Of this zone; left out: of the city itself."),
        Parameter("from", parse_moment, "Windows that begin at or after this time.", moment),
        Parameter("to", parse_moment, "Windows that begin before this time.", moment),
        Parameter("limit", whole_number(1, most), "At most so many windows at once.", count),
        Parameter("cursor", str, "The `next` of the answer before."),
        Parameter(
            "points",
            whole_number(2, most),
            "At most so many windows of the whole stretch: those of the least and the greatest "
            "value of each part of it. Without `limit` and `cursor`.",
            {"type": "integer", "minimum": 2, "maximum": most},
        ),
    )


def json_answer(body: bytes) -> Response:
    """A good answer; it is of this moment, so nobody may keep it."""
    return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")


class Routes:
    """Handlers of the REST routes.

    Args:
        database: where to read.
        rules: rule bodies by revision.
        latest: latest indicators by city.
        history_limit: the most windows in one answer.
    """

    def __init__(
        self, database: Database, rules: RuleBook, latest: LatestCache, history_limit: int
    ) -> None:
        self._database = database
        self._rules = rules
        self._latest = latest
        self._history_limit = history_limit
        self._history_parameters = history_parameters(history_limit)

    async def cities(self, request: Request) -> Response:
        """All cities."""
        take_query(request, ())
        async with self._database.connection() as connection:
            rows = await list_cities(connection)
        return json_answer(encode_list(_encode(_city(row)) for row in rows))

    async def city(self, request: Request) -> Response:
        """One city."""
        take_query(request, ())
        async with self._database.connection() as connection:
            row = await take_city(connection, request)
        return json_answer(_encode(_city(row)))

    async def zones(self, request: Request) -> Response:
        """The zones of a city."""
        take_query(request, ())
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            rows = await list_zones(connection, city["id"])
        return json_answer(encode_list(_encode(_zone(row)) for row in rows))

    async def indicators(self, request: Request) -> Response:
        """The newest window of every indicator of a city, or of some of them."""
        wanted = take_query(request, LATEST_PARAMETERS)
        city = _city_id(request)
        snapshot = await self._latest.get(city)
        if not wanted:
            return json_answer(snapshot.body)
        async with self._database.connection() as connection:
            await self._require_named(connection, city, wanted.get("zone"), wanted.get("rule"))
        return json_answer(encode_list(item.body for item in _select(snapshot.items, wanted)))

    async def history(self, request: Request) -> Response:
        """Windows of one indicator, ascending, each in its newest revision."""
        wanted = take_query(request, self._history_parameters)
        asked, points = self._history_query(request, wanted), wanted.get("points")
        async with self._database.connection() as connection:
            await take_city(connection, request)
            await self._require_named(connection, asked.city, asked.zone, asked.rule)
            if points is None:
                rows = await read_history(connection, replace(asked, limit=asked.limit + 1))
            else:
                rows = await read_extremes(connection, asked, points)
            await self._rules.learn(connection, rows)
        shown = rows[: asked.limit]
        following = (
            make_cursor(shown[-1]["window_begin"], _question(asked))
            if len(rows) > asked.limit
            else None
        )
        bodies = (_encode(present(self._rules.body_of(row), row)) for row in shown)
        return json_answer(encode_list(bodies, following))

    def _history_query(self, request: Request, wanted: dict[str, Any]) -> HistoryQuery:
        if "points" in wanted and wanted.keys() & {"limit", "cursor"}:
            raise BadParameters([("points", "expected without `limit` and `cursor`")])
        named = {"begin": wanted.get("from"), "end": wanted.get("to"), **wanted}
        given = {name: named[name] for name in ("zone", "begin", "end", "limit") if named.get(name)}
        path = request.path_params
        asked = HistoryQuery(path["city"], path["rule"], **{"limit": self._history_limit, **given})
        if asked.begin >= asked.end:
            raise BadParameters([("to", "expected a time after `from`")])
        if "cursor" not in wanted:
            return asked
        last = read_cursor(wanted["cursor"], _question(asked))
        behind = min(last, asked.end - _MICROSECOND) + _MICROSECOND
        return replace(asked, begin=max(asked.begin, behind))

    async def _require_named(
        self, connection: Connection, city: str, zone: str | None, rule: str | None
    ) -> None:
        if zone and all(row["id"] != zone for row in await list_zones(connection, city)):
            raise NotFound(f"city {city!r} has no zone {zone!r}")
        if rule and not await self._rules.knows(connection, rule):
            raise NotFound(f"there is no rule {rule!r}")


def take_query(request: Request, expected: Sequence[Parameter]) -> dict[str, Any]:
    """The query parameters of a request.

    Raises:
        BadParameters: naming each that cannot be taken.
    """
    return read_parameters(request.query_params.multi_items(), expected)


def _city_id(request: Request) -> str:
    city: str = request.path_params["city"]
    if not is_identifier(city):  # no such city can be, and PostgreSQL takes no text with NUL in it
        raise NotFound(f"there is no city {city!r}")
    return city


async def take_city(connection: Connection, request: Request) -> Row:
    """The city of a request.

    Raises:
        NotFound: there is none of that name.
    """
    city = _city_id(request)
    row = await find_city(connection, city)
    if row is None:
        raise NotFound(f"there is no city {city!r}")
    return row


def _question(asked: HistoryQuery) -> str:
    """What a cursor belongs to; times and limit may change from page to page."""
    return f"{asked.city}/{asked.zone}/{asked.rule}"


def _select(items: Iterable[Item], wanted: dict[str, Any]) -> Iterable[Item]:
    return (item for item in items if all(getattr(item, name) == wanted[name] for name in wanted))


def _city(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "time_zone": row["time_zone"],
        "clock": row["clock"],
        "complete_to": None if row["complete_to"] is None else iso(to_us(row["complete_to"])),
        "change_number": row["change_number"],
    }


def _zone(row: Row) -> dict[str, Any]:
    return {"id": row["id"], "name": row["name"], "geometry": row["geometry"]}
