"""Several workers of ingest on one machine: child processes with a lane each, kept running."""

from cityvitals.errors import SettingsError
from cityvitals.service import run_service
from cityvitals.settings import IngestSettings, Settings
from cityvitals.telemetry import configure_logging
from cityvitals.workers import Worker, keep_running, require_ports
from ingest.main import run as run_alone


def run(settings: Settings, workers: int | None = None) -> int:
    """Run ingest until it is asked to stop, in this process or in several; returns the exit code.

    Args:
        settings: of the whole; each worker gets its part of it.
        workers: how many; None is what the settings say.
    """
    count = workers or settings.ingest.workers
    if count == 1:
        return run_alone(settings)
    configure_logging(settings.log, "ingest-workers")
    return run_service(lambda stop: keep_running(workers_of(settings.ingest, count), stop))


def workers_of(settings: IngestSettings, count: int) -> list[Worker]:
    """The workers, a lane each.

    Raises:
        SettingsError: there are not so many ports, or messages to hold.
    """
    made = environments(settings, count)
    return [Worker(lane, ["ingest"], wanted) for lane, wanted in made.items()]


def environments(settings: IngestSettings, count: int) -> dict[str, dict[str, str]]:
    """What each worker's environment has besides ours, by lane.

    Raises:
        SettingsError: there are not so many ports, or messages to hold.
    """
    last = settings.worker_port(count - 1)
    require_ports("CITYVITALS_INGEST__HEALTH_PORT", last, count)
    if settings.receive_maximum < count:
        raise SettingsError(
            f"CITYVITALS_INGEST__RECEIVE_MAXIMUM: {settings.receive_maximum} cannot be divided "
            f"among {count} workers: raise it, or have fewer workers"
        )
    base = settings.lane.removesuffix("-0")
    return {
        f"{base}-{number}": {
            "CITYVITALS_INGEST__WORKERS": "1",
            "CITYVITALS_INGEST__LANE": f"{base}-{number}",
            "CITYVITALS_INGEST__HEALTH_PORT": str(settings.worker_port(number)),
            "CITYVITALS_INGEST__RECEIVE_MAXIMUM": str(settings.receive_maximum // count),
        }
        for number in range(count)
    }
