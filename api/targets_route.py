"""Targets: what a city aims at, by data point of its scorecard."""

from datetime import datetime
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from api.access import FACTS, required_token
from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import Listing, answer_list, format_parameter, head_of
from api.parameters import Parameter, parse_identifier
from api.schemas import LIST_EXAMPLE
from api.sent import take_json
from api.sent_facts import STATED_EXAMPLE, Stated
from api.sent_targets import StatedTargets, read_sent_targets
from cityvitals.domain.times import iso, to_us
from cityvitals.store.target_posting import post_targets
from cityvitals.store.targets import Row, read_targets
from kpi_rules.scorecard.model import Scorecard
from kpi_rules.scorecard.stating import judge_of

TARGET_PARAMETERS: Final = (
    Parameter("point", parse_identifier, "Only of this data point.", example="u4ssc.ec.i.ws.5c"),
    format_parameter("csv"),
)


class CityTarget(BaseModel):
    """A target as stated: it holds from `valid_from` (null: ever since) until the next one.

    `start` is the value that counts as 0 %, null where that goes without saying.
    """

    model_config = ConfigDict(extra="forbid")
    id: int
    point: str
    value: float
    start: float | None
    unit: str
    valid_from: datetime | None
    source: str
    declared_by: str | None
    declared_at: datetime


class Targets(BaseModel):
    """Targets of a city: its own, no standard's."""

    model_config = ConfigDict(extra="forbid")
    city: str
    time_zone: str
    items: list[CityTarget]
    next: str | None


EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "items": [
        {
            "id": 3,
            "point": "u4ssc.en.en.aq.1c.pm2_5",
            "value": 10.0,
            "start": 30.0,
            "unit": "ug/m3",
            "valid_from": "2024-12-31T16:00:00Z",
            "source": "Clean air plan 2025",
            "declared_by": "statistics office",
            "declared_at": "2026-02-03T08:20:10Z",
        }
    ],
    "next": None,
}


class TargetsRoute:
    """Handlers of the routes.

    Args:
        database: where to read, and to write.
        most_bytes: no more is taken of what is sent.
        card: whose data points have targets.
    """

    def __init__(self, database: Database, most_bytes: int, card: Scorecard) -> None:
        self._database = database
        self._most_bytes = most_bytes
        self._judge = judge_of(card)

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        path = "/v1/cities/{city}/targets"
        reading = Endpoint(
            path, self.targets, Targets, EXAMPLE, TARGET_PARAMETERS, formats=("csv",)
        )
        stating = Endpoint(
            path,
            self.state,
            Stated,
            STATED_EXAMPLE,
            method="POST",
            scope=FACTS,
            body=StatedTargets,
        )
        return [reading, stating]

    async def targets(self, request: Request) -> Response:
        """The targets of a city as they are stated now, by data point and date."""
        wanted = take_query(request, TARGET_PARAMETERS)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            rows = await read_targets(connection, city["id"])
        point = wanted.get("point")
        items = [_shown(row) for row in rows if point in {None, row["point"]}]
        return answer_list(request, Listing(items, head=head_of(city)), wanted, "csv")

    async def state(self, request: Request) -> Response:
        """State targets of a city: all or none. Doing it again changes nothing.

        What was stated before of the same data point and date is past, and is kept. Who stated it
        is noted.
        """
        take_query(request, ())
        sent = await take_json(request, self._most_bytes)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            targets = read_sent_targets(sent, city["time_zone"], self._judge)
            token = required_token(request)
            changes = await post_targets(connection, token, city["id"], targets, sent)
        told = head_of(city) | {"stated": len(targets), "changes": changes}
        return answer(request, msgspec.json.encode(told))


def _shown(row: Row) -> dict[str, Any]:
    since = row["valid_from"]
    return {
        "id": row["id"],
        "point": row["point"],
        "value": row["value"],
        "start": row["start"],
        "unit": row["unit"],
        "valid_from": None if since is None else iso(to_us(since)),
        "source": row["source"],
        "declared_by": row["declared_by"] or None,
        "declared_at": iso(to_us(row["declared_at"])),
    }
