"""Indicators and alerts on retained topics of the broker, for whoever just subscribes.

Of several API processes one publishes: the one that holds a lock of the database. What is published
was committed before, since it comes from the stream of changes; whoever takes over, or finds the
broker again, publishes everything latest first, so nothing has to be remembered.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Final

import structlog

from api.broker_link import BrokerAway, BrokerLink, broker_link
from api.database import Database
from api.kpi_shelf import Shelf
from api.live import Live
from api.metrics import ApiMetrics
from cityvitals.errors import CityVitalsError
from cityvitals.settings import BrokerSettings
from cityvitals.store.pool import Connection
from cityvitals.store.views import hold_publishing, list_cities

_LOOK_SECONDS: Final = 2.0
"""Between looks for new cities, and for a lock that somebody else holds."""
_log = structlog.get_logger()


class Publisher:
    """Keeps the topics `…/kpi/{zone}/{rule}` and `…/alert/{zone}/{alert}` at what is latest.

    Args:
        database: says which cities there are, and who publishes.
        live: tells of every change.
        broker: where to.
        metrics: count what is published.
    """

    def __init__(
        self, database: Database, live: Live, broker: BrokerSettings, metrics: ApiMetrics
    ) -> None:
        self._database = database
        self._live = live
        self._broker = broker
        self._metrics = metrics

    async def run(self) -> None:
        """Publish whenever it is our turn, until cancelled."""
        while True:
            try:
                async with self._database.connection() as connection:
                    if await hold_publishing(connection):
                        await self._publish(connection)
            except CityVitalsError as error:
                _log.info("not publishing indicators", reason=str(error))
            except Exception:  # noqa: BLE001 - the outermost loop: say it, go on
                _log.exception("publishing indicators failed")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _publish(self, connection: Connection) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}
        async with broker_link(self._broker, f"cityvitals-kpi-{os.getpid()}") as link:
            _log.info("publishing indicators")
            try:
                await self._all_cities(connection, link, tasks)
            finally:
                for task in tasks.values():
                    task.cancel()
                await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _all_cities(
        self, connection: Connection, link: BrokerLink, tasks: dict[str, asyncio.Task[None]]
    ) -> None:
        """Follow every city; a look at the list also says whether the lock's session lives."""
        while not link.lost.is_set():
            for row in await list_cities(connection):
                city = row["id"]
                if city not in tasks:
                    work = self._follow(city, link)
                    tasks[city] = asyncio.create_task(work, name=f"publish {city}")
            await _until_one_ends(tasks, link.lost)
        raise BrokerAway("the connection to the broker is lost")

    async def _follow(self, city: str, link: BrokerLink) -> None:
        """Publish what is latest, then every change, until cancelled or too slow."""
        subscription = await self._live.join(city, None)
        shelf, outbox = Shelf(city), subscription.outbox
        try:
            for event in subscription.opening:
                shelf.put(event)
            while outbox.closed is None:
                posts = shelf.take()
                await link.publish(posts)
                self._metrics.published.inc(len(posts))
                for event in await outbox.take(self._live.timing.heartbeat):
                    shelf.put(event)
        finally:
            await self._live.leave(subscription)


async def _until_one_ends(tasks: Mapping[str, "asyncio.Task[None]"], lost: asyncio.Event) -> None:
    """Wait a while, or until a city's publishing ends; why it did is raised."""
    gone = asyncio.create_task(lost.wait(), name="broker lost")
    try:
        await asyncio.wait(
            {gone, *tasks.values()},
            timeout=_LOOK_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        gone.cancel()
    for task in tasks.values():
        if task.done():
            task.result()
            raise BrokerAway("a city's changes came faster than the broker takes them")
