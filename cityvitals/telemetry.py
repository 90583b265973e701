"""What a process tells about itself: log lines, whether it lives and is ready, and its metrics."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cityvitals.errors import SettingsError
from cityvitals.settings import LogSettings

_REQUEST_SECONDS: Final = 5.0
_REQUEST_BYTES: Final = 8192
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_STATUS: Final = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
_BROKEN: Final = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""What a client that goes away or sends no HTTP raises; it gets no answer."""


def configure_logging(settings: LogSettings, process: str) -> None:
    """Send structlog's and the standard library's log to stderr, one event a line.

    Args:
        settings: the lowest level shown, and whether lines are JSON or for a person at a console.
        process: stands in every line.
    """

    def named(_logger: Any, _method: str, event: Any) -> Any:
        event["process"] = process
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    level = logging.getLevelNamesMapping()[settings.level]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)


class Health:
    """Whether a process is ready: every part that it named says so.

    Args:
        parts: names that must be reported before the process counts as ready.
    """

    def __init__(self, *parts: str) -> None:
        self._parts: dict[str, str | None] = dict.fromkeys(parts, "starting")
        self._warnings: dict[str, tuple[str, ...]] = {}

    def set_ready(self, name: str, ok: bool, reason: str = "") -> None:  # noqa: FBT001 (a verdict)
        """Say whether the part `name` is ready, and if not, why."""
        self._parts[name] = None if ok else (reason or "not ready")

    def warn(self, name: str, messages: Iterable[str]) -> None:
        """Say what is wrong with `name` though the process is ready; nothing to take it back."""
        self._warnings[name] = tuple(messages)

    @property
    def is_ready(self) -> bool:
        """Whether all parts are ready; nothing reported yet is not ready."""
        return bool(self._parts) and not self.reasons

    @property
    def parts(self) -> Mapping[str, bool]:
        """Whether each part is ready."""
        return {name: why is None for name, why in self._parts.items()}

    @property
    def warnings(self) -> Mapping[str, int]:
        """How many things are wrong with each part that was warned of."""
        return {name: len(said) for name, said in self._warnings.items()}

    @property
    def reasons(self) -> list[str]:
        """Why the process is not ready, one line for each part."""
        if not self._parts:
            return ["starting"]
        return [f"{name}: {why}" for name, why in self._parts.items() if why is not None]

    def report(self) -> dict[str, object]:
        """The body of `/readyz`."""
        warnings = [f"{name}: {said}" for name, each in self._warnings.items() for said in each]
        found: dict[str, object] = {"ready": self.is_ready, "reasons": self.reasons}
        return found | {"warnings": warnings} if warnings else found


class HealthMetrics(Collector):
    """What `/readyz` says, for Prometheus."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Readiness and warnings as they stand."""
        ready = GaugeMetricFamily(
            "cityvitals_ready", "Whether a part of the process is ready: 1 or 0.", labels=["part"]
        )
        warnings = GaugeMetricFamily(
            "cityvitals_warnings", "Things wrong though the process is ready.", labels=["part"]
        )
        for part, is_ready in self._health.parts.items():
            ready.add_metric([part], float(is_ready))
        for part, count in self._health.warnings.items():
            warnings.add_metric([part], float(count))
        yield ready
        yield warnings


@asynccontextmanager
async def serve_health(
    host: str, port: int, health: Health, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Serve `/healthz`, `/readyz` and `/metrics` while the block runs.

    Args:
        host: address to listen on; the loopback unless metrics are scraped from elsewhere.
        port: port to listen on.
        health: what `/readyz` answers from.
        registry: the metrics of this process; readiness, memory and time are added.

    Raises:
        SettingsError: the port cannot be taken.
    """
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
            task.add_done_callback(running.discard)
        try:
            with suppress(*_BROKEN):
                async with asyncio.timeout(_REQUEST_SECONDS):
                    await _answer(reader, writer, health, registry)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(handle, host, port, limit=_REQUEST_BYTES)
    except OSError as error:
        raise SettingsError(
            f"health port {port} on {host}: {error.strerror}: free it, or set another *_PORT"
        ) from None
    collectors = [HealthMetrics(health), ProcessCollector(registry=None)]
    for collector in collectors:
        registry.register(collector)
    try:
        yield
    finally:
        for collector in collectors:
            registry.unregister(collector)
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    health: Health,
    registry: CollectorRegistry,
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    status, kind, body = _respond(method, path, health, registry)
    writer.write(
        f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    )
    writer.write(b"" if method == "HEAD" else body)
    await writer.drain()


def _respond(
    method: str, path: str, health: Health, registry: CollectorRegistry
) -> tuple[int, str, bytes]:
    if method not in {"GET", "HEAD"}:
        return 405, _TEXT, b"only GET\n"
    if path == "/healthz":
        return 200, _TEXT, b"ok\n"
    if path == "/readyz":
        return 200 if health.is_ready else 503, _JSON, _body(health.report())
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
    return 404, _TEXT, b"try /healthz, /readyz or /metrics\n"


def _body(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode()
