"""Health and metrics on the API's own port, for those who can only reach that one."""

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from api.access import may_see, require_all_cities
from api.database import Database
from api.exposition import expose
from api.latest import LatestCache
from cityvitals.store.views import list_cities
from cityvitals.telemetry import Health


class HealthRoutes:
    """Handlers of `/healthz`, `/readyz`, `/metrics` and `/metrics/indicators`."""

    def __init__(
        self, health: Health, registry: CollectorRegistry, database: Database, latest: LatestCache
    ) -> None:
        self._health = health
        self._registry = registry
        self._database = database
        self._latest = latest

    async def healthz(self, request: Request) -> Response:
        """The process lives."""
        del request
        return Response(b"ok\n", media_type="text/plain")

    async def readyz(self, request: Request) -> Response:
        """Whether the process can do its work, and if not, why."""
        del request
        body = msgspec.json.encode(self._health.report())
        return Response(body, 200 if self._health.is_ready else 503, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Metrics in the Prometheus text format."""
        require_all_cities(request)
        return Response(
            generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def indicators(self, request: Request) -> Response:
        """The latest indicators of every city that whoever asks may know of, for Prometheus."""
        async with self._database.connection() as connection:
            cities = [row["id"] for row in await list_cities(connection)]
        shown = [city for city in cities if may_see(request, city)]
        body = expose({city: await self._latest.get(city) for city in shown})
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})
