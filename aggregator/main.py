"""The aggregator's composition root."""

import asyncio
import os
import socket
import time
from contextlib import AsyncExitStack

import structlog

from aggregator.loop import Loop, pause
from aggregator.metrics import Metrics
from aggregator.rule_files import RuleFiles
from aggregator.tuning import tune
from aggregator.warmup import warm_up
from cityvitals.errors import StoreUnavailable
from cityvitals.service import run_service
from cityvitals.settings import Settings
from cityvitals.store.migrate import require_current
from cityvitals.store.pool import Patience, Pool, acquired, application, open_pool, require_durable
from cityvitals.telemetry import Health, configure_logging, serve_health


def run(settings: Settings) -> int:
    """Run the aggregator until it is told to stop; returns the exit code."""
    configure_logging(settings.log, "aggregate")
    return run_service(lambda stop: _main(settings, stop))


async def _main(settings: Settings, stop: asyncio.Event) -> None:
    health, metrics = Health("kernels", "store"), Metrics()
    host, port = settings.health.host, settings.aggregator.health_port
    async with serve_health(host, port, health, metrics.registry):
        files = RuleFiles(settings.aggregator, health, metrics)
        await asyncio.to_thread(warm_up)
        tune()
        health.set_ready("kernels", ok=True)
        async with AsyncExitStack() as stack:
            worker = f"{socket.gethostname()}:{os.getpid()}"
            pool = await _connect(stack, settings, worker, stop, health)
            if pool is None:
                return
            rules = await files.read(pool)
            owner = f"{worker}:{time.monotonic_ns()}"
            structlog.get_logger().info("aggregating", rules=len(rules), owner=owner)
            loop = Loop(pool, settings, rules, owner, health, metrics, _now_us, files)
            await loop.run(stop)


async def _connect(
    stack: AsyncExitStack, settings: Settings, worker: str, stop: asyncio.Event, health: Health
) -> Pool | None:
    """A pool of a fit database, waited for; None when told to stop meanwhile."""
    patience = Patience(
        settings.aggregator.statement_timeout_seconds,
        settings.database.lock_timeout_seconds,
        # Whoever is put to sleep in a transaction keeps the shard no longer than its lease.
        settings.aggregator.lease_seconds,
    )
    while not stop.is_set():
        try:
            pool = await stack.enter_async_context(
                open_pool(settings.database, application("aggregate", worker), patience)
            )
            async with acquired(pool) as connection:
                await require_durable(connection)
                for note in await require_current(connection):
                    structlog.get_logger().warning("schema_drift", what=str(note))
        except StoreUnavailable as error:
            health.set_ready("store", ok=False, reason=str(error))
            structlog.get_logger().warning("waiting for the store", reason=str(error))
            await pause(stop, 1.0)
        else:
            return pool
    return None


def _now_us() -> int:
    return time.time_ns() // 1000
