"""Facts: the dated figures of a city and its zones."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.asking import require_zone, take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import Listing, answer_list, format_parameter, head_of
from api.parameters import MOMENT, Parameter, parse_identifier, parse_moment, parse_zone
from api.schemas import EXAMPLES, Facts
from cityvitals.store.views import list_facts
from kpi_rules.present import present_fact

FACT_PARAMETERS: Final = (
    Parameter("zone", parse_zone, "Only of this zone; empty: only of the city itself."),
    Parameter("name", parse_identifier, "Only of this name.", example="population"),
    Parameter(
        "at", parse_moment, "Only those in force at this time; left out: of all dates.", MOMENT
    ),
    format_parameter("csv"),
)


class FactsRoute:
    """Handler of the route.

    Args:
        database: where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

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
            )
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
