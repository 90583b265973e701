"""The REST routes: read, encode, answer."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import city_id, require_zone, take_city, take_query
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
    whole_number,
)
from api.rulebook import RuleBook
from cityvitals.domain.names import Domain
from cityvitals.domain.times import iso, to_us
from cityvitals.errors import NotFound
from cityvitals.store.history import read_extremes
from cityvitals.store.pool import Connection
from cityvitals.store.views import (
    HistoryQuery,
    Row,
    list_cities,
    list_facts,
    list_zones,
    read_history,
)
from kpi_rules.present import present_fact

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


FACT_PARAMETERS: Final = (
    Parameter("zone", parse_zone, "Only of this zone; empty: only of the city itself."),
    Parameter("name", parse_identifier, "Only of this name.", example="population"),
    Parameter(
        "at",
        parse_moment,
        "Only those in force at this time; left out: of all dates.",
        {"type": "string", "format": "date-time"},
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
        return answer(request, encode_list(_encode(_city(row)) for row in rows))

    async def city(self, request: Request) -> Response:
        """One city."""
        take_query(request, ())
        async with self._database.connection() as connection:
            row = await take_city(connection, request)
        return answer(request, _encode(_city(row)))

    async def zones(self, request: Request) -> Response:
        """The zones of a city."""
        take_query(request, ())
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            rows = await list_zones(connection, city["id"])
        return answer(request, encode_list(_encode(_zone(row)) for row in rows))

    async def facts(self, request: Request) -> Response:
        """The dated figures of a city and its zones as they are stated now, oldest first."""
        wanted = take_query(request, FACT_PARAMETERS)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            await self._require_named(connection, city["id"], wanted.get("zone"), None)
            rows = await list_facts(
                connection, city["id"], wanted.get("at"), wanted.get("zone"), wanted.get("name")
            )
        return answer(request, encode_list(_encode(present_fact(row)) for row in rows))

    async def indicators(self, request: Request) -> Response:
        """The newest window of every indicator of a city, or of some of them."""
        wanted = take_query(request, LATEST_PARAMETERS)
        city = city_id(request)
        snapshot = await self._latest.get(city)
        if not wanted:
            return answer(request, snapshot.body, etag=snapshot.etag)
        async with self._database.connection() as connection:
            await self._require_named(connection, city, wanted.get("zone"), wanted.get("rule"))
        return answer(request, encode_list(item.body for item in _select(snapshot.items, wanted)))

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
        bodies = (_encode(self._rules.show(row)) for row in shown)
        return answer(request, encode_list(bodies, following))

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
        await require_zone(connection, city, zone)
        if rule and not await self._rules.knows(connection, rule):
            raise NotFound(f"there is no rule {rule!r}")


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
