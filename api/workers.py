"""Several workers of the API on one machine: child processes on one listening socket."""

import asyncio

from api.main import bound
from api.main import run as run_alone
from cityvitals.service import run_service
from cityvitals.settings import ApiSettings, Settings
from cityvitals.telemetry import configure_logging
from cityvitals.workers import Worker, keep_running, require_ports


def run(settings: Settings, workers: int | None = None) -> int:
    """Serve until asked to stop, in this process or in several; returns the exit code.

    Args:
        settings: of the whole; each worker gets its part of it.
        workers: how many; None is what the settings say.
    """
    count = workers or settings.api.workers
    if count == 1:
        return run_alone(settings)
    configure_logging(settings.log, "api-workers")
    return run_service(lambda stop: _main(settings.api, count, stop))


async def _main(settings: ApiSettings, count: int, stop: asyncio.Event) -> None:
    """Hold the socket, so that whoever connects while a worker is away is taken by another."""
    made = environments(settings, count)
    with bound(settings.host, settings.port) as listener:
        words = ["api", "--socket", str(listener.fileno())]
        await keep_running(
            [Worker(name, words, own, [listener.fileno()]) for name, own in made.items()], stop
        )


def environments(settings: ApiSettings, count: int) -> dict[str, dict[str, str]]:
    """What each worker's environment has besides ours, by its name.

    Raises:
        SettingsError: there are not so many ports.
    """
    last = settings.worker_port(count - 1)
    require_ports("CITYVITALS_API__HEALTH_PORT", last, count)
    return {
        f"api-{number}": {
            "CITYVITALS_API__WORKERS": "1",
            "CITYVITALS_API__HEALTH_PORT": str(settings.worker_port(number)),
        }
        for number in range(count)
    }
