"""The ledger's route: what became of everything that a city's gateways sent."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.asking import take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import head_of
from api.schemas import EXAMPLES, Ledger
from cityvitals.store.ledger_view import Line, read_ledger


class LedgerRoute:
    """Handler of the ledger's route.

    Args:
        database: where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        return [Endpoint("/v1/cities/{city}/ledger", self.ledger, Ledger, EXAMPLES["Ledger"])]

    async def ledger(self, request: Request) -> Response:
        """What became of everything received, by gateway and in total."""
        take_query(request, ())
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            view = await read_ledger(connection, city["id"])
        ledger = {
            **head_of(city),
            "gateways": [{"gateway": line.gateway, **_shown(line)} for line in view.lines],
            "total": _shown(view.total),
            "closes": view.closes,
            "in_flight": {"messages": view.in_flight, "workers": view.workers},
        }
        return answer(request, msgspec.json.encode(ledger))


def _shown(line: Line) -> dict[str, Any]:
    return dict(line.counts)
