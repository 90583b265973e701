"""Several aggregators on one machine: child processes that share the shards, kept running."""

from aggregator.main import run as run_alone
from cityvitals.service import run_service
from cityvitals.settings import AggregatorSettings, Settings
from cityvitals.telemetry import configure_logging
from cityvitals.workers import Worker, keep_running, require_ports


def run(settings: Settings, workers: int | None = None) -> int:
    """Derive until asked to stop, in this process or in several; returns the exit code.

    Args:
        settings: of the whole; each worker gets its part of it.
        workers: how many; None is what the settings say.
    """
    count = workers or settings.aggregator.workers
    if count == 1:
        return run_alone(settings)
    configure_logging(settings.log, "aggregate-workers")
    return run_service(lambda stop: keep_running(workers_of(settings.aggregator, count), stop))


def workers_of(settings: AggregatorSettings, count: int) -> list[Worker]:
    """The workers, told apart by their health ports alone.

    Raises:
        SettingsError: there are not so many ports.
    """
    require_ports("CITYVITALS_AGGREGATOR__HEALTH_PORT", settings.worker_port(count - 1), count)
    return [
        Worker(
            f"aggregate-{number}",
            ["aggregate"],
            {
                "CITYVITALS_AGGREGATOR__WORKERS": "1",
                "CITYVITALS_AGGREGATOR__HEALTH_PORT": str(settings.worker_port(number)),
            },
        )
        for number in range(count)
    ]
