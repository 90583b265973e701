"""The API's process: its port, its health port, and how it stops."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api.app import create_app
from cityvitals.errors import SettingsError
from cityvitals.service import run_service
from cityvitals.settings import Settings
from cityvitals.telemetry import Health, configure_logging, serve_health

_GRACE_SECONDS: Final = 2
_BACKLOG: Final = 2048
_log = structlog.get_logger()


def run(settings: Settings) -> int:
    """Serve until asked to stop; returns the exit code."""
    configure_logging(settings.log, "api")
    return run_service(lambda stop: _main(settings, stop))


async def _main(settings: Settings, stop: asyncio.Event) -> None:
    health = Health("database")
    registry = CollectorRegistry()
    api = settings.api
    with bound(api.host, api.port) as listener:
        app = create_app(settings, stop=stop, health=health, registry=registry)
        async with serve_health(settings.health.host, api.health_port, health, registry):
            _log.info("serving", address=f"http://{api.host}:{api.port}/")
            await serve(app, listener, stop)


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, closed on leaving.

    Raises:
        SettingsError: the address cannot be taken, and why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named (socket.create_server leaves it 0) asyncio sets TCP_NODELAY on what
    # it accepts; without, each answer waited 40 ms for a delayed ACK: 360 requests/s, not 3,600.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise SettingsError(
                f"the API cannot listen on {host}:{port}: {error.strerror}: "
                "free the port, or set CITYVITALS_API__PORT"
            ) from None
        yield listener


async def serve(app: FastAPI, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve on a bound socket until `stop` is set; open answers get two seconds to end."""
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve([listener]), name="serve")
        stopping = group.create_task(stop.wait(), name="stop")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await asyncio.wait({serving})
        stopping.cancel()


class _Server(uvicorn.Server):
    """uvicorn, with signals left to `cityvitals.service`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield
