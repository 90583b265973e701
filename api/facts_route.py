"""Facts: the dated figures of a city and its zones."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import FACTS, required_token
from api.answers import answer
from api.asking import require_zone, take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import Listing, answer_list, format_parameter, head_of
from api.parameters import MOMENT, Parameter, parse_identifier, parse_moment, parse_zone
from api.schemas import EXAMPLES, Facts
from api.sent import take_json
from api.sent_facts import STATED_EXAMPLE, Stated, StatedFacts, read_sent_facts
from cityvitals.store.fact_format import Wanted
from cityvitals.store.fact_posting import post_facts
from cityvitals.store.views import list_facts
from kpi_rules.facts import wanted_units
from kpi_rules.load import load_all
from kpi_rules.present import present_fact
from kpi_rules.scorecard.load import load_scorecard
from kpi_rules.scorecard.stating import merged

FACT_PARAMETERS: Final = (
    Parameter("zone", parse_zone, "Only of this zone; empty: only of the city itself."),
    Parameter("name", parse_identifier, "Only of this name.", example="population"),
    Parameter(
        "at", parse_moment, "Only those in force at this time; left out: of all dates.", MOMENT
    ),
    format_parameter("csv"),
)


class FactsRoute:
    """Handlers of the routes.

    Args:
        database: where to read, and to write.
        most_bytes: no more is taken of what is sent.
        rules: folder of further rules, which say in what units facts are used.
    """

    def __init__(self, database: Database, most_bytes: int, rules: Path | None) -> None:
        self._database = database
        self._most_bytes = most_bytes
        self._rules = rules
        self._wanted: Wanted | None = None

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        return [
            Endpoint(
                "/v1/cities/{city}/facts",
                self.facts,
                Facts,
                EXAMPLES["Facts"],
                FACT_PARAMETERS,
                formats=("csv",),
            ),
            Endpoint(
                "/v1/cities/{city}/facts",
                self.state,
                Stated,
                STATED_EXAMPLE,
                method="POST",
                scope=FACTS,
                body=StatedFacts,
            ),
        ]

    async def facts(self, request: Request) -> Response:
        """The dated figures of a city and its zones as they are stated now, oldest first."""
        wanted = take_query(request, FACT_PARAMETERS)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            await require_zone(connection, city["id"], wanted.get("zone"))
            rows = await list_facts(
                connection, city["id"], wanted.get("at"), wanted.get("zone"), wanted.get("name")
            )
        listing = Listing([present_fact(row) for row in rows], head=head_of(city))
        return answer_list(request, listing, wanted, "csv")

    async def state(self, request: Request) -> Response:
        """State facts of a city: all or none. Doing it again changes nothing.

        What was stated before of the same name, zone and date is past, and stays readable. The
        aggregator derives again what used it; who stated it is noted.
        """
        take_query(request, ())
        sent = await take_json(request, self._most_bytes)
        wanted = await self._wanted_units()
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            changes = await post_facts(
                connection,
                required_token(request),
                city["id"],
                lambda place: (read_sent_facts(sent, place), sent),
                wanted,
            )
        told = head_of(city) | {"stated": len(sent["items"]), "changes": changes}
        return answer(request, msgspec.json.encode(told))

    async def _wanted_units(self) -> Wanted:
        if self._wanted is None:
            loaded = await asyncio.to_thread(load_all, self._rules)
            self._wanted = merged(wanted_units(loaded.rules), load_scorecard().wanted)
        return self._wanted
