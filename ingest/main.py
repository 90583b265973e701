"""Process 1: what the broker hands over is committed, then acknowledged."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from cityvitals.catalogue.load import load_catalogue
from cityvitals.errors import StoreUnavailable
from cityvitals.service import run_service
from cityvitals.settings import IngestSettings, Settings
from cityvitals.store.batch import Rejection
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane, require_mine, take_lane
from cityvitals.store.migrate import require_current
from cityvitals.store.newcomers import Quotas
from cityvitals.store.patience import persist
from cityvitals.store.pool import Pool, open_pool, require_durable
from cityvitals.store.registry_watch import watch_registry
from cityvitals.store.writer import ReadingWriter
from cityvitals.telemetry import Health, configure_logging, serve_health
from ingest.arrival import Arrival
from ingest.intake import Intake
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline, wall_clock_us
from ingest.rejects import Notices
from ingest.resolve import Resolver
from ingest.retention import purge_hourly
from ingest.routes import Routes
from ingest.statements import Declarer
from ingest.subscriber import Subscriber

_HEALTH_HOST: Final = "127.0.0.1"
_DRAIN_S: Final = 15.0
"""How long a clean stop may take to commit what is held; the broker keeps the rest."""
_COLLECT_AFTER: Final = (50_000, 20, 20)
_log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Run ingest until it is asked to stop; returns the exit code."""
    configure_logging(settings.log, "ingest")
    _spare_collector()

    async def main(stop: asyncio.Event) -> None:
        await serve(settings, stop)

    return run_service(main)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Take readings until `stop` is set, then put away what is held.

    Raises:
        UnfitServer: database or broker cannot keep our promises as they are configured.
        Fenced: another process has taken the lane.
        SettingsError: the health port cannot be taken.
    """
    registry = CollectorRegistry()
    health = Health("database", "broker")
    on_store = _reporter(health, "database")
    port = settings.ingest.health_port
    async with (
        serve_health(_HEALTH_HOST, port, health, registry),
        open_pool(settings.database, "cityvitals-ingest") as pool,
    ):
        lane = await persist(lambda: _admit(pool, settings.ingest.lane), on_store)
        _log.info("lane_taken", lane=lane.name, epoch=lane.epoch)
        await _ingest(settings, pool, lane, health, Metrics(registry), stop)


def _spare_collector() -> None:
    """Look for garbage cycles seldom, and never among what was loaded at start.

    A message makes a dozen lists and no cycles; by default looking for those takes a third of
    decoding.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _admit(pool: Pool, name: str) -> Lane:
    """Refuse an unfit database, then take the lane."""
    async with pool.acquire() as connection:
        await require_durable(connection)
        await require_current(connection)
        return await take_lane(connection, name)


async def _ingest(
    settings: Settings,
    pool: Pool,
    lane: Lane,
    health: Health,
    metrics: Metrics,
    stop: asyncio.Event,
) -> None:
    catalogue = load_catalogue()
    routes = Routes(catalogue)
    on_store = _reporter(health, "database")
    allow = settings.ingest.register_unknown
    quotas = _quotas(settings.ingest)
    intake = Intake(settings.ingest, routes, metrics)
    subscriber = Subscriber(
        settings.broker,
        settings.ingest,
        intake,
        wall_clock_us,
        _reporter(health, "broker", metrics.connections.inc),
        lambda: _check_lane(pool, lane),
    )

    def acknowledge(arrivals: Sequence[Arrival]) -> None:
        metrics.acked.inc(subscriber.acknowledge(arrivals))
        subscriber.resume()

    pipeline = Pipeline(
        settings.ingest,
        intake,
        routes,
        Declarer(pool, lane, catalogue, allow, on_store, quotas),
        Resolver(pool, lane, catalogue, routes, allow, on_store, quotas),
        ReadingWriter(pool, lane, on_store),
        acknowledge,
        _teller(subscriber, metrics),
        metrics,
    )

    def registry_changed(by_lane: str) -> None:
        # Our own declarations are taken note of in their order; this would only repeat it.
        pipeline.is_stale = pipeline.is_stale or by_lane != lane.name

    metrics.unacked.set_function(lambda: len(intake))
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch_registry(pool, registry_changed), name="registry")
        receiving = tasks.create_task(subscriber.run(), name="subscriber")
        committing = tasks.create_task(pipeline.run(), name="pipeline")
        purging = tasks.create_task(
            purge_hourly(pool, settings.ingest.keep_dead_letters_days), name="retention"
        )
        await stop.wait()
        subscriber.stop_receiving()
        pipeline.stop()
        _, unfinished = await asyncio.wait([committing], timeout=_DRAIN_S)
        if unfinished:
            _log.warning("stopped_with_messages_held", messages=len(intake))
        await subscriber.close()
        for task in (watching, receiving, committing, purging):
            task.cancel()


def _quotas(settings: IngestSettings) -> Quotas:
    return Quotas(
        settings.new_series_per_hour, settings.new_gateways_per_hour, settings.new_cities_per_hour
    )


async def _check_lane(pool: Pool, lane: Lane) -> None:
    """Raise Fenced where the lane is no longer ours; without the store nobody can tell."""
    with suppress(StoreUnavailable), translated("checking the lane"):
        async with pool.acquire() as connection:
            await require_mine(connection, lane)


def _teller(subscriber: Subscriber, metrics: Metrics) -> Callable[[Sequence[Rejection]], None]:
    """Tell gateways what was rejected, as far as they can be told now."""
    notices = Notices()

    def tell(rejected: Sequence[Rejection]) -> None:
        for notice in notices.of(rejected, wall_clock_us()):
            sent = subscriber.tell(notice.topic, notice.payload)
            metrics.notices.labels("sent" if sent else "dropped").inc()

    return tell


def _reporter(
    health: Health, part: str, on_ready: Callable[[], None] = lambda: None
) -> Callable[[str], None]:
    """Tell `/readyz` about a part: "" is ready, anything else the reason why not."""

    def report(reason: str) -> None:
        if not reason:
            on_ready()
        health.set_ready(part, not reason, reason)

    return report
