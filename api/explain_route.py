"""The route that explains an indicator: from its value down to the readings."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import require_zone, take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.parameters import MOMENT, Parameter, parse_identifier, parse_moment, parse_zone
from api.rulebook import RuleBook
from api.schema_explain import EXPLANATION_EXAMPLE, Explanation
from cityvitals.domain.names import EXCLUDING_FLAGS, Flag, is_identifier
from cityvitals.domain.times import EARLIEST_US, from_us, iso, to_us
from cityvitals.errors import CannotExplain, NotFound
from cityvitals.store.audit import Audit, AuditCity, audit_on
from cityvitals.store.explained import find_definition, find_window, list_excluded
from cityvitals.store.pool import Connection
from cityvitals.store.views import Row, read_facts_by_id
from cityvitals.verify.explaining import Asked, Material, read_material
from kpi_rules.load import read_definition
from kpi_rules.model import Rule
from kpi_rules.present import present_fact

_AT_ONCE: Final = 1
"""Explanations worked out at the same time: each may hold some hundred megabytes."""

EXPLAIN_PARAMETERS: Final = (
    Parameter("zone", parse_zone, "Of this zone; left out: of the city itself."),
    Parameter(
        "at",
        parse_moment,
        "The window that holds this time: of those that overlap the one that begins last. Left "
        "out: the newest window.",
        MOMENT,
    ),
    Parameter(
        "sensor",
        parse_identifier,
        "Of this sensor alone, with the windows of its levels and its quarter hours.",
    ),
)


class ExplainRoute:
    """Handler of the route; one explanation at a time is worked out, in a thread.

    Args:
        database: where to read.
        rules: shows indicators.
    """

    def __init__(self, database: Database, rules: RuleBook) -> None:
        self._database = database
        self._rules = rules
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        return [
            Endpoint(
                "/v1/cities/{city}/indicators/{rule}/explain",
                self.explain,
                Explanation,
                EXPLANATION_EXAMPLE,
                EXPLAIN_PARAMETERS,
                (404, 409, 422, 503, 504),
            )
        ]

    async def explain(self, request: Request) -> Response:
        """The derivation of one window's newest revision, as a tree down to the readings."""
        wanted = take_query(request, EXPLAIN_PARAMETERS)
        async with self._turn, self._snapshot() as (connection, audit):
            city = await take_city(connection, request)
            row = await self._window(connection, request, city["id"], wanted)
            rule = await _definition(connection, row)
            asked = _asked(row, wanted.get("sensor", ""))
            found = await _audited(audit, city["id"])
            material = await read_material(audit, found, rule, asked)
            await self._rules.learn(connection, [row])
            facts = await read_facts_by_id(connection, material.fact_ids())
            shown = {fact["id"]: present_fact(fact) for fact in facts}
            told = await asyncio.to_thread(material.told, shown)
            excluded = await _excluded(connection, material, found.dropped_us)
        indicator = self._rules.show(row)
        found_out = {
            "city": city["id"],
            "zone": indicator["zone"],
            "time_zone": city["time_zone"],
            "indicator": indicator,
            "agrees": _agrees(indicator, told),
            "rule": rule.body(),
            "readings_since": iso(found.dropped_us) if found.dropped_us > EARLIEST_US else None,
            "excluded": excluded,
            **told,
        }
        _link(found_out, request, found.dropped_us)
        return answer(request, msgspec.json.encode(found_out))

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[tuple[Connection, Audit]]:
        async with self._database.connection() as connection, audit_on(connection) as audit:
            yield connection, audit

    async def _window(
        self, connection: Connection, request: Request, city: str, wanted: dict[str, Any]
    ) -> Row:
        rule, zone = request.path_params["rule"], wanted.get("zone", "")
        await require_zone(connection, city, zone)
        if not is_identifier(rule) or not await self._rules.knows(connection, rule):
            raise NotFound(f"there is no rule {rule!r}")
        row = await find_window(connection, city, rule, zone, wanted.get("at"))
        if row is None:
            where = f"in zone {zone!r}" if zone else "of the city itself"
            when = f" at {iso(to_us(wanted['at']))}" if "at" in wanted else ""
            raise NotFound(f"rule {rule!r} has no window {where}{when}")
        return row


def _asked(row: Row, sensor: str) -> Asked:
    mark: datetime | None = None if row["closed"] else row["watermark"]
    return Asked(
        zone=row["zone"],
        begin_us=to_us(row["window_begin"]),
        end_us=to_us(row["window_end"]),
        mark_us=None if mark is None else to_us(mark),
        sensor=sensor,
    )


async def _definition(connection: Connection, row: Row) -> Rule:
    """The rule as it was when it made the indicator."""
    named = f"rule {row['rule']} revision {row['rule_revision']}"
    text = await find_definition(connection, row["rule"], row["rule_revision"])
    if not text:
        raise CannotExplain(f"{named} was stored by a build that kept no definition of it")
    return read_definition(text)


async def _audited(audit: Audit, city: str) -> AuditCity:
    return next(one for one in await audit.cities() if one.id == city)


async def _excluded(
    connection: Connection, material: Material, dropped_us: int
) -> list[dict[str, Any]]:
    """Readings of the window that flags keep out of it."""
    window = material.window
    begin, end = int(window.begins[0]), int(window.ends[0])
    series = {one.id: one for one in material.model.series if one.id in material.model.folded}
    if end <= dropped_us or not series:
        return []
    rows = await list_excluded(connection, series, from_us(begin), from_us(end))
    return [
        {
            "sensor": series[row["series_id"]].sensor,
            "quantity": series[row["series_id"]].quantity,
            "channel": series[row["series_id"]].channel,
            "observed_at": iso(to_us(row["observed_at"])),
            "value": row["value"],
            "flags": [flag.name.lower() for flag in Flag if row["flags"] & EXCLUDING_FLAGS & flag],
        }
        for row in rows
    ]


def _agrees(indicator: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether what was derived now is what is stored."""
    stored, found = indicator["value"], told["value"]
    if stored is None or found is None:
        return stored is None and found is None
    return bool(abs(stored - found) <= 1e-9 * max(abs(stored), abs(found)))


def _link(answer: dict[str, Any], request: Request, dropped_us: int) -> None:
    """Say at each station where to go on: its own derivation, its rollups, its readings."""
    city = f"/v1/cities/{answer['city']}"
    own = {"zone": answer["zone"] or "", "at": answer["indicator"]["window_begin"]}
    for station in _stations(answer["derivation"]):
        asked = urlencode({**own, "sensor": station["sensor"]})
        series = f"{city}/series/{quote(station['sensor'])}/{quote(station['quantity'])}"
        stretch = {"from": station["begin"], "to": station["end"]}
        if station["channel"]:
            stretch["channel"] = station["channel"]
        gone = to_us(datetime.fromisoformat(station["end"])) <= dropped_us
        station["links"] = {
            "explain": f"{request.url.path}?{asked}",
            "rollups": f"{series}/rollups?{urlencode(stretch)}",
            "readings": None if gone else f"{series}/readings?{urlencode(stretch)}",
        }


def _stations(tree: Any) -> Iterator[dict[str, Any]]:
    """Every station of a derivation, of whatever zone and input."""
    if isinstance(tree, list):
        for each in tree:
            yield from _stations(each)
    elif isinstance(tree, dict):
        yield from tree.get("stations", ())
        for name in ("inputs", "zones", "derivation"):
            yield from _stations(tree.get(name))
