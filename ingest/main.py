"""Process 1: what the broker hands over is committed, then acknowledged."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from cityvitals.catalogue.load import load_catalogue
from cityvitals.errors import StoreUnavailable
from cityvitals.service import run_service
from cityvitals.settings import Settings
from cityvitals.store.batch import Rejection
from cityvitals.store.failures import translated
from cityvitals.store.lane_workers import LaneWorker, beat
from cityvitals.store.lanes import Lane, require_mine, take_lane
from cityvitals.store.migrate import require_current
from cityvitals.store.patience import persist
from cityvitals.store.pool import Patience, Pool, application, open_pool, require_durable
from cityvitals.store.registry_watch import watch_registry
from cityvitals.store.writer import ReadingWriter
from cityvitals.telemetry import Health, configure_logging, serve_health
from ingest.arrival import Arrival
from ingest.draining import Drainer, beat_on
from ingest.intake import Intake
from ingest.letters import keep_letters
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline, wall_clock_us
from ingest.rejects import Notices
from ingest.resolve import Resolver, quotas_of
from ingest.routes import Routes
from ingest.statements import Declarer
from ingest.subscriber import Subscriber

_DRAIN_S: Final = 15.0
"""How long a clean stop may take to commit what is held; the broker keeps the rest."""
_COLLECT_AFTER: Final = (50_000, 20, 20)
_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


def run(settings: Settings) -> int:
    """Run ingest until it is asked to stop; returns the exit code."""
    configure_logging(settings.log, "ingest")
    structlog.contextvars.bind_contextvars(worker=settings.ingest.lane)
    _spare_collector()

    async def main(stop: asyncio.Event) -> None:
        await serve(settings, stop)

    return run_service(main)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Take readings until `stop` is set, then put away what is held.

    Waits for a database or broker that is away, at the start too.

    Raises:
        UnfitServer: database or broker cannot keep our promises as they are configured.
        Fenced: another process has taken the lane.
        SettingsError: the health port cannot be taken; user, password or database is wrong.
    """
    registry = CollectorRegistry()
    health = Health("database", "broker")
    on_store = _reporter(health, "database")
    host, port = settings.health.host, settings.ingest.health_port
    async with serve_health(host, port, health, registry), AsyncExitStack() as stack:
        started = await _unless(stop, _start(settings, stack, on_store))
        if started is not None:
            pool, worker = started
            _log.info("lane_taken", lane=worker.lane.name, epoch=worker.lane.epoch)
            await _ingest(settings, pool, worker, health, Metrics(registry), stop)


async def _start(
    settings: Settings, stack: AsyncExitStack, on_store: Callable[[str], None]
) -> tuple[Pool, LaneWorker]:
    """Connect to the database, which may still be away, and take the lane."""
    pool = await persist(
        lambda: stack.enter_async_context(
            open_pool(
                settings.database, application("ingest", settings.ingest.lane), _patience(settings)
            )
        ),
        on_store,
    )
    return pool, await persist(lambda: _admit(pool, settings), on_store)


def _patience(settings: Settings) -> Patience:
    return Patience(
        settings.ingest.statement_timeout_seconds, settings.database.lock_timeout_seconds
    )


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """The result of work, or None where `stop` came first and cut it short."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.wait({working, stopping})


def _spare_collector() -> None:
    """Look for garbage cycles seldom, and never among what was loaded at start.

    A message makes a dozen lists and no cycles; by default looking for those takes a third of
    decoding.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _admit(pool: Pool, settings: Settings) -> LaneWorker:
    """Refuse an unfit database, then take the lane, and say so before anybody empties it."""
    broker = f"{settings.broker.host}:{settings.broker.port}"
    with translated("taking the lane"):
        async with pool.acquire() as connection:
            await require_durable(connection)
            for note in await require_current(connection):
                _log.warning("schema_drift", what=str(note))
            lane = await take_lane(connection, settings.ingest.lane)
            worker = LaneWorker(lane, settings.ingest.share, broker)
            await beat(connection, worker, 0)
    return worker


async def _ingest(
    settings: Settings,
    pool: Pool,
    worker: LaneWorker,
    health: Health,
    metrics: Metrics,
    stop: asyncio.Event,
) -> None:
    lane = worker.lane
    catalogue = load_catalogue()
    routes = Routes(catalogue)
    on_store = _reporter(health, "database")
    allow = settings.ingest.register_unknown
    quotas = quotas_of(settings.ingest)
    intake = Intake(settings.ingest, routes, metrics)
    subscriber = Subscriber(
        settings.broker,
        settings.ingest,
        intake,
        wall_clock_us,
        _reporter(health, "broker", metrics.connections.inc),
        lambda: _check_lane(pool, lane),
    )
    drainer = Drainer(settings, pool, worker, intake, wall_clock_us, metrics.lanes_drained.inc)

    def acknowledge(arrivals: Sequence[Arrival]) -> None:
        # Each takes note of what came by its own connection.
        metrics.acked.inc(subscriber.acknowledge(arrivals) + drainer.acknowledge(arrivals))
        subscriber.resume()
        drainer.resume()

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
    silence_s = settings.ingest.orphan_after_seconds
    beside = {
        "registry": watch_registry(pool, registry_changed),
        "beat": beat_on(pool, worker, lambda: len(intake), silence_s),
        "drainer": drainer.run(),
        "letters": keep_letters(pool, settings.ingest.keep_dead_letters_days),
    }
    await _run(_Parts(intake, subscriber, drainer, pipeline), beside, stop)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a stop must put away in order."""

    intake: Intake
    subscriber: Subscriber
    drainer: Drainer
    pipeline: Pipeline


async def _run(
    parts: _Parts, beside: Mapping[str, Coroutine[Any, Any, None]], stop: asyncio.Event
) -> None:
    """Run until `stop`, then commit and acknowledge what is held before leaving the broker."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(work, name=name) for name, work in beside.items()]
        receiving = tasks.create_task(parts.subscriber.run(), name="subscriber")
        committing = tasks.create_task(parts.pipeline.run(), name="pipeline")
        await stop.wait()
        parts.subscriber.stop_receiving()
        parts.drainer.stop_receiving()
        parts.pipeline.stop()
        _, unfinished = await asyncio.wait([committing], timeout=_DRAIN_S)
        if unfinished:
            _log.warning("stopped_with_messages_held", messages=len(parts.intake))
        await parts.drainer.close()
        await parts.subscriber.close()
        for task in (*running, receiving, committing):
            task.cancel()


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
