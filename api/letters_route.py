"""Dead letters of a city: what was rejected, why, and how often; not their bytes."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

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
from api.parameters import (
    BadParameters,
    Parameter,
    make_key_cursor,
    parse_identifier,
    read_key_cursor,
)
from api.schemas import LIST_EXAMPLE
from cityvitals.domain.times import from_us, iso, to_us
from cityvitals.store.letter_box import letter_id
from cityvitals.store.listing import LetterQuery, list_city_letters
from cityvitals.store.views import Row

MOST: Final = 1_000
PARAMETERS: Final = (
    Parameter("gateway", parse_identifier, "Only of this gateway."),
    Parameter("reason", parse_identifier, "Only with this reason.", example="not_allowed"),
    limit_parameter(MOST),
    CURSOR,
    format_parameter("csv"),
)


class DeadLetter(BaseModel):
    """A rejected reading; `id` is what `cityvitals deadletters show` takes."""

    model_config = ConfigDict(extra="forbid")
    id: str
    gateway: str
    topic: str
    reason: str
    detail: str
    times: int
    bytes: int
    first_at: datetime
    last_at: datetime
    replayed_at: datetime | None


class DeadLetters(BaseModel):
    """Dead letters, those that came last first."""

    model_config = ConfigDict(extra="forbid")
    city: str
    time_zone: str
    items: list[DeadLetter]
    next: str | None


EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "items": [
        {
            "id": "9f86d081884c7d65:0",
            "gateway": "gw-1",
            "topic": "city/v1/beijing/air/gw-1/aotizhongxin/obs",
            "reason": "no_time",
            "detail": "a reading without a time",
            "times": 3,
            "bytes": 41,
            "first_at": "2026-11-23T05:00:00Z",
            "last_at": "2026-11-23T06:00:00Z",
            "replayed_at": None,
        }
    ],
    "next": None,
}


class LettersRoute:
    """Handler of the route.

    Args:
        database: where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        path = "/v1/cities/{city}/dead-letters"
        return [
            Endpoint(path, self.letters, DeadLetters, EXAMPLE, PARAMETERS, formats=("csv",)),
        ]

    async def letters(self, request: Request) -> Response:
        """What was rejected of a city, those that came last first."""
        wanted = take_query(request, PARAMETERS)
        limit = wanted.get("limit", MOST)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            question = f"letters/{city['id']}"
            filters = (wanted.get("gateway"), wanted.get("reason"))
            asked = LetterQuery(city["id"], limit + 1, *filters, _after(wanted, question))
            rows, last = take_page(await list_city_letters(connection, asked), limit)
        following = make_key_cursor(_key(last), question) if last else None
        listing = Listing([_letter(row) for row in rows], following, head_of(city))
        return answer_list(request, listing, wanted, "csv")


def _key(row: Row) -> list[int | str]:
    return [to_us(row["last_at"]), row["hash"].hex(), row["index"]]


def _after(wanted: dict[str, Any], question: str) -> tuple[datetime | None, bytes, int]:
    if "cursor" not in wanted:
        return None, b"", 0
    last, hexed, index = read_key_cursor(wanted["cursor"], question, int, str, int)
    try:
        return from_us(last), bytes.fromhex(hexed), index
    except (ValueError, OverflowError):
        raise BadParameters([("cursor", "expected the `next` of an earlier answer")]) from None


def _letter(row: Row) -> dict[str, Any]:
    return {
        "id": letter_id(row),
        "gateway": row["gateway"],
        "topic": row["topic"],
        "reason": row["reason"],
        "detail": row["detail"],
        "times": row["times"],
        "bytes": row["bytes"],
        "first_at": iso(to_us(row["first_at"])),
        "last_at": iso(to_us(row["last_at"])),
        "replayed_at": None if row["replayed_at"] is None else iso(to_us(row["replayed_at"])),
    }
