"""Indicators: the latest, their history, what was known at a time, and every revision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import city_id, require_zone, take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.latest import Item, LatestCache
from api.listing import (
    CURSOR,
    Listing,
    answer_list,
    encode_list,
    format_of,
    format_parameter,
    head_of,
    refuse_empty,
    take_page,
)
from api.parameters import (
    MOMENT,
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
from api.schemas import EXAMPLES, Indicators
from cityvitals.domain.names import Domain
from cityvitals.errors import NotFound
from cityvitals.store.history import read_extremes
from cityvitals.store.listing import list_revisions, read_known_at
from cityvitals.store.pool import Connection
from cityvitals.store.views import HistoryQuery, Row, list_zones, read_history

_MICROSECOND: Final = timedelta(microseconds=1)
_PATH: Final = "/v1/cities/{city}/indicators"

LATEST_PARAMETERS: Final = (
    Parameter(
        "zone", parse_zone, "Only this zone; empty: only the city itself.", example="dongcheng"
    ),
    Parameter("rule", parse_identifier, "Only this rule.", example="air.pm2_5.hour"),
    Parameter(
        "domain", parse_domain, "Only this domain.", {"type": "string", "enum": list(Domain)}
    ),
    format_parameter("csv", "geojson"),
)
_ZONE: Final = Parameter("zone", parse_zone, "Of this zone; left out: of the city itself.")
_FROM: Final = Parameter("from", parse_moment, "Windows that begin at or after this time.", MOMENT)
_TO: Final = Parameter("to", parse_moment, "Windows that begin before this time.", MOMENT)
_AS_OF: Final = Parameter(
    "as_of",
    parse_moment,
    "As known at this time: revisions that were computed until then. Final and corrected ones are "
    "all kept, of provisional ones one a minute.",
    MOMENT,
)


def history_parameters(most: int) -> tuple[Parameter, ...]:
    """The parameters of the history route, which gives at most `most` windows at once."""
    count = {"type": "integer", "minimum": 1, "maximum": most, "default": most}
    return (
        _ZONE,
        _FROM,
        _TO,
        Parameter("limit", whole_number(1, most), "At most so many windows at once.", count),
        CURSOR,
        Parameter(
            "points",
            whole_number(2, most),
            "At most so many windows of the whole stretch: those of the least and the greatest "
            "value of each part of it. Without `limit`, `cursor` and `as_of`.",
            {"type": "integer", "minimum": 2, "maximum": most},
        ),
        _AS_OF,
        format_parameter("csv"),
    )


def revision_parameters(most: int) -> tuple[Parameter, ...]:
    """The parameters of the route of revisions."""
    count = {"type": "integer", "minimum": 1, "maximum": most, "default": most}
    limit = Parameter("limit", whole_number(1, most), "The first so many revisions.", count)
    return (_ZONE, _FROM, _TO, limit, _AS_OF, format_parameter("csv"))


class IndicatorsRoute:
    """Handlers of the routes.

    Args:
        database: where to read.
        rules: rule bodies by revision.
        latest: latest indicators by city.
        most: the most windows in one answer.
    """

    def __init__(self, database: Database, rules: RuleBook, latest: LatestCache, most: int) -> None:
        self._database = database
        self._rules = rules
        self._latest = latest
        self._most = most
        self._history = history_parameters(most)
        self._revisions = revision_parameters(most)

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        example = EXAMPLES["Indicators"]
        one = f"{_PATH}/{{rule}}"
        return [
            Endpoint(
                _PATH,
                self.indicators,
                Indicators,
                example,
                LATEST_PARAMETERS,
                formats=("csv", "geojson"),
            ),
            Endpoint(
                f"{one}/history",
                self.history,
                Indicators,
                example,
                self._history,
                formats=("csv",),
            ),
            Endpoint(
                f"{one}/revisions",
                self.revisions,
                Indicators,
                example,
                self._revisions,
                formats=("csv",),
            ),
        ]

    async def indicators(self, request: Request) -> Response:
        """The newest window of every indicator of a city, or of some of them."""
        wanted = take_query(request, LATEST_PARAMETERS)
        city = city_id(request)
        chosen = format_of(request, wanted, ("csv", "geojson"))
        filters = {name: one for name, one in wanted.items() if name != "format"}
        snapshot = await self._latest.get(city)
        if not filters and chosen == "json":
            return answer(request, snapshot.body, etag=snapshot.etag)
        places: Mapping[str, Any] = {}
        async with self._database.connection() as connection:
            await self._require_named(connection, city, wanted.get("zone"), wanted.get("rule"))
            if chosen == "geojson":
                rows = await list_zones(connection, city)
                places = {row["id"]: row["geometry"] for row in rows}
        found = _select(snapshot.items, filters)
        if chosen == "json":
            body = encode_list((item.body for item in found), head=snapshot.head)
            return answer(request, body)
        listing = Listing(list(_decoded(found, places)), head=snapshot.head)
        return answer_list(request, listing, wanted, "csv", "geojson")

    async def history(self, request: Request) -> Response:
        """Windows of one indicator, ascending, each in its newest revision."""
        wanted = take_query(request, self._history)
        asked = self._query(request, wanted)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            await self._require_named(connection, asked.city, asked.zone, asked.rule)
            rows = await _read(connection, asked, wanted)
            shown, last = take_page(rows, asked.limit)
            await self._rules.learn(connection, shown)
        following = make_cursor(last["window_begin"], _question(asked)) if last else None
        return self._answer(request, shown, wanted, following, city)

    async def revisions(self, request: Request) -> Response:
        """Every kept revision of windows of one indicator, by window and revision."""
        wanted = take_query(request, self._revisions)
        asked = self._query(request, wanted)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            await self._require_named(connection, asked.city, asked.zone, asked.rule)
            rows = await list_revisions(connection, asked, wanted.get("as_of"))
            await self._rules.learn(connection, rows)
        return self._answer(request, rows, wanted, None, city)

    def _answer(
        self,
        request: Request,
        rows: Sequence[Row],
        wanted: Mapping[str, Any],
        following: str | None,
        city: Row,
    ) -> Response:
        listing = Listing([self._rules.show(row) for row in rows], following, head_of(city))
        return answer_list(request, listing, wanted, "csv")

    def _query(self, request: Request, wanted: dict[str, Any]) -> HistoryQuery:
        if "points" in wanted and wanted.keys() & {"limit", "cursor", "as_of"}:
            raise BadParameters([("points", "expected without `limit`, `cursor` and `as_of`")])
        named = {"begin": wanted.get("from"), "end": wanted.get("to"), **wanted}
        given = {name: named[name] for name in ("zone", "begin", "end", "limit") if named.get(name)}
        path = request.path_params
        asked = HistoryQuery(path["city"], path["rule"], **{"limit": self._most, **given})
        refuse_empty(asked.begin, asked.end)
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


async def _read(
    connection: Connection, asked: HistoryQuery, wanted: Mapping[str, Any]
) -> Sequence[Row]:
    """The windows asked for: thinned out, or one more than the page holds."""
    if "points" in wanted:
        return await read_extremes(connection, asked, wanted["points"])
    more = replace(asked, limit=asked.limit + 1)
    if "as_of" in wanted:
        return await read_known_at(connection, more, wanted["as_of"])
    return await read_history(connection, more)


def _question(asked: HistoryQuery) -> str:
    """What a cursor belongs to; times and limit may change from page to page."""
    return f"{asked.city}/{asked.zone}/{asked.rule}"


def _select(items: Iterable[Item], wanted: dict[str, Any]) -> Iterable[Item]:
    return (item for item in items if all(getattr(item, name) == wanted[name] for name in wanted))


def _decoded(items: Iterable[Item], places: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Items as objects, with the place of their zone where places are wanted."""
    for item in items:
        shown: dict[str, Any] = msgspec.json.decode(item.body)
        yield {**shown, "geometry": places.get(item.zone)} if places else shown
