"""What a request asks for: its query, and the city, zone and rule that it names."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from api.parameters import Parameter, read_parameters
from cityvitals.domain.names import is_identifier
from cityvitals.errors import NotFound
from cityvitals.store.pool import Connection
from cityvitals.store.views import Row, find_city, list_zones


def take_query(request: Request, expected: Sequence[Parameter]) -> dict[str, Any]:
    """The query parameters of a request.

    Raises:
        BadParameters: naming each that cannot be taken.
    """
    return read_parameters(request.query_params.multi_items(), expected)


def city_id(request: Request) -> str:
    """The city's id in a path.

    Raises:
        NotFound: no city can have it.
    """
    city: str = request.path_params["city"]
    if not is_identifier(city):  # no such city can be, and PostgreSQL takes no text with NUL in it
        raise NotFound(f"there is no city {city!r}")
    return city


async def take_city(connection: Connection, request: Request) -> Row:
    """The city of a request.

    Raises:
        NotFound: there is none of that name.
    """
    city = city_id(request)
    row = await find_city(connection, city)
    if row is None:
        raise NotFound(f"there is no city {city!r}")
    return row


async def require_zone(connection: Connection, city: str, zone: str | None) -> None:
    """See that a city has a zone; '' and None are the city itself and any.

    Raises:
        NotFound: it has not.
    """
    if zone and all(row["id"] != zone for row in await list_zones(connection, city)):
        raise NotFound(f"city {city!r} has no zone {zone!r}")
