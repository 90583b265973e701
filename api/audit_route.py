"""The audit: what was changed in a city through the API, when, and by which token."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from api.access import ADMIN
from api.asking import take_city, take_query
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
from api.parameters import make_key_cursor, read_key_cursor
from api.schemas import LIST_EXAMPLE
from cityvitals.domain.times import iso, to_us
from cityvitals.store.tokens import list_audit
from cityvitals.store.views import Row

MOST: Final = 1_000
_FIRST: Final = 2**62
PARAMETERS: Final = (
    limit_parameter(MOST),
    CURSOR,
    format_parameter("csv"),
)


class AuditEntry(BaseModel):
    """A change: `body` is what was sent."""

    model_config = ConfigDict(extra="forbid")
    id: int
    at: datetime
    token: str
    token_name: str
    action: str
    body: Any


class AuditTrail(BaseModel):
    """Changes of a city through the API, newest first."""

    model_config = ConfigDict(extra="forbid")
    city: str
    time_zone: str
    items: list[AuditEntry]
    next: str | None


EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "items": [
        {
            "id": 7,
            "at": "2026-11-23T06:32:00Z",
            "token": "3f9a61c2d7",
            "token_name": "statistics office",
            "action": "state_facts",
            "body": {"items": [{"name": "population", "value": 708829, "unit": "{inhabitant}"}]},
        }
    ],
    "next": None,
}


class AuditRoute:
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
                "/v1/cities/{city}/audit",
                self.audit,
                AuditTrail,
                EXAMPLE,
                PARAMETERS,
                formats=("csv",),
                scope=ADMIN,
            )
        ]

    async def audit(self, request: Request) -> Response:
        """What was changed in a city through the API, newest first."""
        wanted = take_query(request, PARAMETERS)
        limit, before = wanted.get("limit", MOST), _FIRST
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            question = f"audit/{city['id']}"
            if "cursor" in wanted:
                (before,) = read_key_cursor(wanted["cursor"], question, int)
            found = await list_audit(connection, city["id"], min(before, _FIRST), limit + 1)
        rows, last = take_page(found, limit)
        following = make_key_cursor([last["id"]], question) if last else None
        listing = Listing([_entry(row) for row in rows], following, head_of(city))
        return answer_list(request, listing, wanted, "csv")


def _entry(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "at": iso(to_us(row["at"])),
        "token": row["token"],
        "token_name": row["token_name"],
        "action": row["action"],
        "body": row["body"],
    }
