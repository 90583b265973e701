"""The API put together: everything is wired here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api import documentation
from api.database import Database
from api.direct import DirectRoute
from api.event_stream import EventStream
from api.feed import Timing
from api.health_routes import HealthRoutes
from api.latest import LatestCache
from api.ledger_route import LedgerRoute
from api.live import Live
from api.metrics import STREAM_PATH, ApiMetrics, Measured
from api.page_files import PageRoutes, load_page
from api.parameters import Parameter
from api.problems import install_problems
from api.routes import FACT_PARAMETERS, LATEST_PARAMETERS, Routes, history_parameters
from api.rulebook import RuleBook
from api.schemas import Cities, City, Facts, Indicators, Ledger, SeriesHistory, Zones
from api.series_route import SeriesRoute, series_parameters
from api.stored_route import StoredRoutes, stored_parameters
from api.stored_schemas import Readings, Rollups
from api.stream_route import STREAM_PARAMETERS, StreamRoute
from cityvitals import __version__
from cityvitals.catalogue.load import load_catalogue
from cityvitals.settings import Settings
from cityvitals.telemetry import Health

STOPPING: Final = "the API is stopping"

Handler = Callable[[Request], Awaitable[Response]]


def create_app(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    health: Health | None = None,
    registry: CollectorRegistry | None = None,
    timing: Timing | None = None,
) -> FastAPI:
    """The API. It starts without its database, says so, and goes on once it is there.

    Args:
        settings: of all processes; the database's and the API's are used.
        stop: when set, live streams end, so that the server can stop.
        health: what `/readyz` answers from; told of the database.
        registry: where metrics go.
        timing: how long the live stream waits for things.
    """
    health = health or Health("database")
    metrics = ApiMetrics(registry or CollectorRegistry())
    database = Database(settings.database, health, settings.api.statement_timeout_seconds)
    rules = RuleBook()
    latest = LatestCache(database, rules)
    live = Live(settings.database, database, latest, settings.api.stream_queue, timing or Timing())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(database.keep(), name="database"),
                group.create_task(live.listen(), name="listen"),
                group.create_task(_close_on(stop, live), name="stop"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await live.stop()
                await latest.close()

    app = FastAPI(
        title="CityVitals",
        version=__version__,
        description=documentation.DESCRIPTION,
        docs_url=None,  # both pages load their scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.router.route_class = DirectRoute
    app.add_middleware(Measured, metrics=metrics)
    install_problems(app)
    routes = Routes(database, rules, latest, settings.api.history_limit)
    series = SeriesRoute(database, load_catalogue(), settings.api.history_limit)
    stored = StoredRoutes(database, settings.api.history_limit)
    _add_rest(app, routes, LedgerRoute(database), series, stored, settings.api.history_limit)
    _add_stream(app, StreamRoute(live, metrics))
    _add_unlisted(app, HealthRoutes(health, metrics.registry), PageRoutes(load_page()))
    documentation.document(app)
    return app


async def _close_on(stop: asyncio.Event | None, live: Live) -> None:
    if stop is not None:
        await stop.wait()
        live.close(STOPPING)


def _add_rest(
    app: FastAPI,
    routes: Routes,
    ledger: LedgerRoute,
    series: SeriesRoute,
    stored: StoredRoutes,
    history_limit: int,
) -> None:
    def add(path: str, handler: Handler, model: type[BaseModel], *query: Parameter) -> None:
        missing = (404,) if "{" in path else ()
        app.add_api_route(
            path,
            handler,
            response_model=model,
            responses=documentation.problems(*missing, 422, 503, 504),
            openapi_extra=documentation.parameters(path, query),
        )

    city = "/v1/cities/{city}"
    history = f"{city}/indicators/{{rule}}/history"
    add("/v1/cities", routes.cities, Cities)
    add(city, routes.city, City)
    add(f"{city}/zones", routes.zones, Zones)
    add(f"{city}/facts", routes.facts, Facts, *FACT_PARAMETERS)
    add(f"{city}/ledger", ledger.ledger, Ledger)
    add(f"{city}/indicators", routes.indicators, Indicators, *LATEST_PARAMETERS)
    add(history, routes.history, Indicators, *history_parameters(history_limit))
    listed = stored_parameters(history_limit)
    add(f"{city}/readings", stored.readings, Readings, *listed)
    add(f"{city}/rollups", stored.rollups, Rollups, *listed)
    sensor = f"{city}/series/{{sensor}}/{{quantity}}/history"
    add(sensor, series.history, SeriesHistory, *series_parameters(history_limit))


def _add_stream(app: FastAPI, route: StreamRoute) -> None:
    app.add_api_route(
        STREAM_PATH,
        route.stream,
        status_code=200,
        response_model=None,
        response_class=EventStream,
        responses=documentation.stream_answers(),
        openapi_extra=documentation.parameters(STREAM_PATH, STREAM_PARAMETERS),
    )


def _add_unlisted(app: FastAPI, health: HealthRoutes, page: PageRoutes) -> None:
    for path, handler in (
        ("/healthz", health.healthz),
        ("/readyz", health.readyz),
        ("/metrics", health.metrics),
        ("/", page.index),
        ("/static/{name}", page.static),
    ):
        app.add_api_route(path, handler, include_in_schema=False)
