"""Cities and their zones."""

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.access import may_see
from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import Listing, answer_list, format_parameter, head_of
from api.schemas import CITY_EXAMPLE, EXAMPLES, Cities, City, Zones
from cityvitals.domain.times import iso, to_us
from cityvitals.store.views import Row, list_cities, list_zones

_CITIES: Final = (format_parameter("csv"),)
_ZONES: Final = (format_parameter("csv", "geojson"),)
_CITY: Final = "/v1/cities/{city}"


class PlacesRoute:
    """Handlers of the routes.

    Args:
        database: where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        return [
            Endpoint(
                "/v1/cities",
                self.cities,
                Cities,
                EXAMPLES["Cities"],
                _CITIES,
                (422, 503, 504),
                ("csv",),
            ),
            Endpoint(_CITY, self.city, City, CITY_EXAMPLE),
            Endpoint(
                f"{_CITY}/zones",
                self.zones,
                Zones,
                EXAMPLES["Zones"],
                _ZONES,
                formats=("csv", "geojson"),
            ),
        ]

    async def cities(self, request: Request) -> Response:
        """All cities, each with its own time zone."""
        wanted = take_query(request, _CITIES)
        async with self._database.connection() as connection:
            rows = await list_cities(connection)
        return answer_list(
            request,
            Listing([_city(row) for row in rows if may_see(request, row["id"])]),
            wanted,
            "csv",
        )

    async def city(self, request: Request) -> Response:
        """One city."""
        take_query(request, ())
        async with self._database.connection() as connection:
            row = await take_city(connection, request)
        return answer(request, msgspec.json.encode(_city(row)))

    async def zones(self, request: Request) -> Response:
        """The zones of a city."""
        wanted = take_query(request, _ZONES)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            rows = await list_zones(connection, city["id"])
        listing = Listing([_zone(row) for row in rows], head=head_of(city))
        return answer_list(request, listing, wanted, "csv", "geojson")


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
