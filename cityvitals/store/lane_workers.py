"""Workers: each says every few seconds that it runs its lane; others see whose lane nobody runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from cityvitals.settings import DatabaseSettings
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.sql import queries


@dataclass(frozen=True, slots=True)
class LaneWorker:
    """A process that runs a lane.

    Attributes:
        share: name of the shared subscription that it is a member of.
        broker: host and port of its broker.
    """

    lane: Lane
    share: str
    broker: str


class Sighting(NamedTuple):
    """What a worker said last; equal as long as it says nothing more."""

    epoch: int
    seen_at: datetime


async def beat(connection: Connection, worker: LaneWorker, in_flight: int) -> None:
    """Say that a worker runs its lane, with so many messages held.

    Raises:
        StoreUnavailable: the server is away.
    """
    lane = worker.lane
    with translated(f"saying that lane {lane.name} is run"):
        await connection.execute(
            queries("lane_workers")["beat"],
            lane.name,
            worker.share,
            worker.broker,
            lane.epoch,
            in_flight,
        )


async def other_workers(pool: Pool, worker: LaneWorker) -> dict[str, Sighting]:
    """What the others of a worker's share said last, by lane.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("looking for lanes that nobody runs"):
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                queries("lane_workers")["others"], worker.share, worker.broker, worker.lane.name
            )
    return {row["lane"]: Sighting(row["epoch"], row["seen_at"]) for row in rows}


@asynccontextmanager
async def claimed(settings: DatabaseSettings, lane: str, seen: Sighting) -> AsyncIterator[bool]:
    """Whether, while the block runs, we and nobody else may empty a lane.

    False where another process does, or where something was heard of the lane since `seen`. The
    connection is one of its own: the block may take long, and a small pool would run dry.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"claiming lane {lane}"):
        connection = await asyncpg.connect(
            settings.dsn.get_secret_value(),
            timeout=settings.connect_timeout_seconds,
            command_timeout=settings.command_timeout_seconds,
            server_settings={"application_name": f"cityvitals ingest {lane} drain"},
        )
    try:
        with translated(f"claiming lane {lane}"):
            is_ours = await connection.fetchval(
                queries("lane_workers")["claim"], lane
            ) and await connection.fetchval(queries("lane_workers")["is_unseen"], lane, *seen)
        yield bool(is_ours)
    finally:
        connection.terminate()


async def remove_worker(pool: Pool, lane: str, seen: Sighting) -> None:
    """Forget a worker, unless something was heard of it since `seen`.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"removing the worker of lane {lane}"):
        async with pool.acquire() as connection:
            await connection.execute(queries("lane_workers")["remove"], lane, *seen)
