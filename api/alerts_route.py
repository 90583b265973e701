"""Alerts: which last, what happened to one, and taking note of one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import ALERTS, required_token
from api.answers import answer
from api.asking import require_zone, take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import (
    CURSOR,
    Listing,
    answer_list,
    format_parameter,
    head_of,
    limit_parameter,
    take_page,
)
from api.parameters import (
    Parameter,
    make_key_cursor,
    parse_identifier,
    parse_zone,
    read_key_cursor,
    several,
)
from api.schema_alerts import (
    ALERTS_EXAMPLE,
    HISTORY_EXAMPLE,
    MOST_COMMENT,
    Acknowledge,
    AlertHistory,
    Alerts,
)
from api.sent import take_json
from cityvitals.errors import BadRegistry, NotFound
from cityvitals.store.alert_list import (
    FIRST_PAGE,
    AlertQuery,
    acknowledge_alert,
    find_alert,
    list_alert_events,
    list_alerts,
)
from cityvitals.store.pool import Connection
from cityvitals.store.views import Row
from kpi_rules.alerts.model import Severity
from kpi_rules.alerts.present import present_alert
from kpi_rules.present import shown_time

MOST: Final = 1_000
STATES: Final = ("active", "cleared", "withdrawn")
_PATH: Final = "/v1/cities/{city}/alerts"
_NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)


def _parse_state(text: str) -> str:
    if text not in STATES:
        raise ValueError(f"expected one of {', '.join(STATES)}, got {text!r}")
    return text


def _parse_severity(text: str) -> str:
    if text not in list(Severity):
        raise ValueError(f"expected one of {', '.join(Severity)}, got {text!r}")
    return text


def _parse_truth(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"expected true or false, got {text!r}")
    return text == "true"


PARAMETERS: Final = (
    Parameter(
        "state",
        several(_parse_state),
        f"Only of these states, with commas: {', '.join(STATES)}.",
        example="active",
    ),
    Parameter(
        "acknowledged",
        _parse_truth,
        "Only those that somebody has taken note of, or nobody.",
        {"type": "boolean"},
    ),
    Parameter(
        "severity",
        several(_parse_severity),
        f"Only of these severities, with commas: {', '.join(Severity)}.",
        example="warning,critical",
    ),
    Parameter("zone", parse_zone, "Only of this zone; empty: only of the city itself."),
    Parameter("alert", parse_identifier, "Only of this alert rule.", example="eu2030.no2.alert"),
    limit_parameter(MOST),
    CURSOR,
    format_parameter("csv"),
)


class AlertsRoute:
    """Handlers of the routes.

    Args:
        database: where to read, and to write.
        most_bytes: no more is taken of what is sent.
    """

    def __init__(self, database: Database, most_bytes: int) -> None:
        self._database = database
        self._most_bytes = most_bytes

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        one = f"{_PATH}/{{alert}}"
        acknowledging = Endpoint(
            f"{one}/acknowledge",
            self.acknowledge,
            AlertHistory,
            HISTORY_EXAMPLE,
            method="POST",
            scope=ALERTS,
            body=Acknowledge,
        )
        return [
            Endpoint(_PATH, self.alerts, Alerts, ALERTS_EXAMPLE, PARAMETERS, formats=("csv",)),
            Endpoint(one, self.alert, AlertHistory, HISTORY_EXAMPLE),
            acknowledging,
        ]

    async def alerts(self, request: Request) -> Response:
        """Alerts of a city, the newest first: those that last, that ended, that were withdrawn."""
        wanted = take_query(request, PARAMETERS)
        limit = wanted.get("limit", MOST)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            await require_zone(connection, city["id"], wanted.get("zone"))
            asked = _query(city["id"], wanted, limit + 1)
            found = await list_alerts(connection, asked)
        rows, last = take_page(found, limit)
        following = make_key_cursor([last["id"]], _question(asked)) if last else None
        listing = Listing([_shown(row) for row in rows], following, head_of(city))
        return answer_list(request, listing, wanted, "csv")

    async def alert(self, request: Request) -> Response:
        """One alert, and what happened to it."""
        take_query(request, ())
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            row = await find_alert(connection, city["id"], _number(request))
            return await _answer(request, connection, city, row)

    async def acknowledge(self, request: Request) -> Response:
        """Take note of an alert. Where somebody has already, nothing changes.

        Who did is noted, and told on the stream.
        """
        take_query(request, ())
        comment = _comment(await take_json(request, self._most_bytes))
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            token = required_token(request)
            number = _number(request)
            row = await acknowledge_alert(connection, token, city["id"], number, comment)
            return await _answer(request, connection, city, row)


async def _answer(request: Request, connection: Connection, city: Row, row: Row) -> Response:
    events = await list_alert_events(connection, row["id"])
    told = {"alert": _shown(row), "history": [_event(one) for one in events]}
    return answer(request, msgspec.json.encode(head_of(city) | told))


def _query(city: str, wanted: Mapping[str, Any], limit: int) -> AlertQuery:
    asked = AlertQuery(
        city,
        wanted.get("state"),
        wanted.get("acknowledged"),
        wanted.get("severity"),
        wanted.get("zone"),
        wanted.get("alert"),
        limit=limit,
    )
    if "cursor" not in wanted:
        return asked
    (before,) = read_key_cursor(wanted["cursor"], _question(asked), int)
    return replace(asked, before=min(before, FIRST_PAGE))


def _question(asked: AlertQuery) -> str:
    """What a cursor belongs to; the limit may change from page to page."""
    said = (asked.states, asked.acknowledged, asked.severities, asked.zone, asked.alert)
    return f"alerts/{asked.city}/{said}"


def _number(request: Request) -> int:
    """The number of an alert in a path.

    Raises:
        NotFound: no alert can have it.
    """
    text: str = request.path_params["alert"]
    if not _NUMBER.fullmatch(text):
        raise NotFound(f"there is no alert {text!r}")
    return int(text)


def _comment(sent: Any) -> str:
    """What somebody says who acknowledges.

    Raises:
        BadRegistry: it is something else than a comment.
    """
    if not isinstance(sent, dict) or not sent.keys() <= {"comment"}:
        raise BadRegistry('expected {"comment": "…"} or {}, and nothing else')
    comment = sent.get("comment", "")
    if not isinstance(comment, str) or len(comment) > MOST_COMMENT or "\0" in comment:
        raise BadRegistry(f"comment: expected at most {MOST_COMMENT} characters, none of them NUL")
    return comment


def _shown(row: Row) -> dict[str, Any]:
    return present_alert(row["rule_body"], row)


def _event(row: Row) -> dict[str, Any]:
    return {
        "number": row["number"],
        "at": shown_time(row["at"]),
        "event": row["kind"],
        "since": shown_time(row["since"]),
        "until": shown_time(row["until"]),
        "peak": row["peak"],
        "by": row["by"],
        "comment": row["comment"],
    }
