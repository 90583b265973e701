"""The API put together: everything is wired here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry

from api import documentation
from api.access import Access
from api.database import Database
from api.direct import DirectRoute
from api.endpoint import Endpoint
from api.event_stream import EventStream
from api.feed import Timing
from api.health_routes import HealthRoutes
from api.latest import LatestCache
from api.live import Live
from api.metrics import STREAM_PATH, ApiMetrics, Measured
from api.page_files import PageRoutes, load_page
from api.problems import install_problems
from api.publishing import Publisher
from api.resources import resources
from api.rulebook import RuleBook
from api.shield import Shield, Turnstile
from api.stream_route import STREAM_PARAMETERS, StreamRoute
from cityvitals import __version__
from cityvitals.settings import ApiSettings, Settings
from cityvitals.telemetry import Health

STOPPING: Final = "the API is stopping"


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
    running = [database.keep, live.listen]
    if settings.api.publish:
        running.append(Publisher(database, live, settings.broker, metrics).run)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with _running(running, stop, live):
            try:
                yield
            finally:
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
    app.state.access = Access(database, reads_openly=settings.api.reads_openly)
    app.state.request_seconds = settings.api.request_seconds
    _protect(app, settings.api)
    app.add_middleware(Measured, metrics=metrics)
    install_problems(app)
    endpoints = resources(settings, database, rules, latest)
    for endpoint in endpoints:
        _add(app, endpoint)
    _add_stream(app, StreamRoute(live, metrics))
    _add_unlisted(
        app, HealthRoutes(health, metrics.registry, database, latest), PageRoutes(load_page())
    )
    app.state.endpoints = endpoints
    documentation.document(app, endpoints)
    return app


@asynccontextmanager
async def _running(
    forever: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    stop: asyncio.Event | None,
    live: Live,
) -> AsyncIterator[None]:
    """Everything that runs as long as the app does; afterwards no stream is left."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for one in forever]
        tasks.append(group.create_task(_close_on(stop, live), name="stop"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await live.stop()


async def _close_on(stop: asyncio.Event | None, live: Live) -> None:
    if stop is not None:
        await stop.wait()
        live.close(STOPPING)


def _protect(app: FastAPI, settings: ApiSettings) -> None:
    app.add_middleware(Shield, turnstile=Turnstile(settings.requests_per_second))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Link", "Retry-After"],
        )


def _add(app: FastAPI, endpoint: Endpoint) -> None:
    app.add_api_route(
        endpoint.path,
        endpoint.handler,
        methods=[endpoint.method],
        status_code=endpoint.status,
        response_model=endpoint.model,
        responses=documentation.answers(endpoint),
        openapi_extra=documentation.described(endpoint),
    )


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
    # Metrics tell of all cities, so whoever reads them needs what reading takes.
    needed = documentation.parameters("/metrics", ())
    for path, handler in (
        ("/metrics", health.metrics),
        ("/metrics/indicators", health.indicators),
    ):
        app.add_api_route(path, handler, include_in_schema=False, openapi_extra=needed)
    for path, handler in (
        ("/healthz", health.healthz),
        ("/readyz", health.readyz),
        ("/", page.index),
        ("/static/{name}", page.static),
    ):
        app.add_api_route(path, handler, include_in_schema=False)
