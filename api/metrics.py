"""What the API counts of itself, in a registry of its own."""

from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.outbox import TOO_SLOW

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STREAM_PATH: Final = "/v1/stream"
TAKES_NOTHING: Final = "takes nothing"


class ApiMetrics:
    """Counters of requests and of live streams."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "cityvitals_api_requests_total",
            "Requests answered, by route template and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "cityvitals_api_request_seconds",
            "Time from request to the end of its answer, live streams left out.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.clients = Gauge(
            "cityvitals_api_stream_clients", "Live clients connected.", registry=registry
        )
        self.events = Counter(
            "cityvitals_api_stream_events_total",
            "Live events sent to clients, by kind.",
            ["kind"],
            registry=registry,
        )
        self.published = Counter(
            "cityvitals_api_published_total",
            "Indicators published on retained topics of the broker.",
            registry=registry,
        )
        self.disconnected = Counter(
            "cityvitals_api_stream_disconnected_total",
            "Live clients that were sent away, by reason.",
            ["reason"],
            registry=registry,
        )
        # Prometheus sees no rise from nothing to one: these begin at nought.
        for reason in (TAKES_NOTHING, TOO_SLOW):
            self.disconnected.labels(reason)


class Measured:
    """ASGI middleware that counts and times requests by their route's template."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it ended."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = 500  # where nothing was sent

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begin = perf_counter()
        try:
            await self._app(scope, receive, note)
        finally:
            self._count(scope, status, perf_counter() - begin)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # Paths that no route took share one label: a scanner must not make labels.
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in {"GET", "HEAD"} else "other"
        self._metrics.requests.labels(method, route, status).inc()
        if route != STREAM_PATH:
            self._metrics.seconds.labels(route).observe(seconds)
