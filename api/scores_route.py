"""The scores' route: how a city does against its own targets, and what is missing."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.parameters import Parameter, parse_moment
from api.schema_scores import SCORES_EXAMPLE, Scores
from cityvitals.store.scores import ScoreRows, read_score_rows
from kpi_rules.scorecard.checks import findings_of
from kpi_rules.scorecard.model import Scorecard
from kpi_rules.scorecard.present import present_scores
from kpi_rules.scorecard.rows import given_of, names_of, rules_of
from kpi_rules.scorecard.tree import score

SCORE_PARAMETERS: Final = (
    Parameter(
        "at",
        parse_moment,
        "As of this time: figures and targets in force then, windows of rules that had ended; "
        "left out: now.",
        {"type": "string", "format": "date-time"},
    ),
)


def _now() -> datetime:
    return datetime.now(UTC)


class ScoresRoute:
    """Handler of the scores' route.

    Args:
        database: where to read.
        card: whose KPIs are scored.
        now: what time it is.
    """

    def __init__(
        self, database: Database, card: Scorecard, now: Callable[[], datetime] = _now
    ) -> None:
        self._database = database
        self._card = card
        self._names = names_of(card)
        self._rules = rules_of(card)
        self._now = now

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        return [
            Endpoint(
                "/v1/cities/{city}/scores", self.scores, Scores, SCORES_EXAMPLE, SCORE_PARAMETERS
            )
        ]

    async def scores(self, request: Request) -> Response:
        """How a city does, from dimensions down to data points, and what is missing and why."""
        at: datetime = take_query(request, SCORE_PARAMETERS).get("at") or self._now()
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            rows = await read_score_rows(connection, city["id"], at, self._names, self._rules)
        # Exact fractions over a hundred data points take milliseconds, which live streams feel.
        return answer(request, await asyncio.to_thread(self._body, city["id"], at, rows))

    def _body(self, city: str, at: datetime, rows: ScoreRows) -> bytes:
        given = given_of(self._card, at, rows.time_zone, rows.facts, rows.targets, rows.windows)
        found = score(self._card, given)
        return msgspec.json.encode(present_scores(city, found, findings_of(found)))
