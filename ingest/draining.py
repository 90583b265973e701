"""Lanes that nobody runs: their sessions at the broker are taken over, emptied and ended.

A shared subscription hands messages to every session that has it, whether anybody is connected or
not. So a worker that is gone for good would keep its share of all readings to itself.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cityvitals.errors import Fenced, StoreUnavailable, UnfitServer
from cityvitals.settings import BrokerSettings, IngestSettings, Settings
from cityvitals.store.lane_workers import (
    LaneWorker,
    Sighting,
    beat,
    claimed,
    other_workers,
    remove_worker,
)
from cityvitals.store.pool import Pool, acquired
from ingest.arrival import Arrival, Topics, next_generation
from ingest.link import Link
from ingest.orphans import Orphans
from ingest.packets import Published
from ingest.subscriber import Sink, session_filters

_QUIET_S: Final = 1.0
_PART_OF_ROOM: Final = 4
"""A drain asks for this part of our own Receive Maximum, which it comes on top of."""
_BEATS: Final = 6
"""A worker says so often that it lives in the time after which it counts as gone."""
_LOOKS: Final = 3
_LEAST_PATIENCE_S: Final = 2.0
_log = structlog.get_logger(__name__)


async def beat_on(
    pool: Pool, worker: LaneWorker, in_flight: Callable[[], int], orphan_after_s: float
) -> None:
    """Say that we run our lane, again and again, until cancelled."""
    every_s = orphan_after_s / _BEATS
    while True:
        await asyncio.sleep(every_s)
        try:
            async with asyncio.timeout(max(every_s, _LEAST_PATIENCE_S)):
                async with acquired(pool) as connection:
                    await beat(connection, worker, in_flight())
        except (StoreUnavailable, OSError) as away:  # the next beat tells as much
            _log.info("beat_missed", reason=str(away)[:200])


class Drain:
    """The session of a lane that nobody runs, from taking it over to its end.

    Args:
        lane: whose session it is.
        sink: takes the messages, as those of our own session.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        settings: IngestSettings,
        lane: str,
        sink: Sink,
        now_us: Callable[[], int],
    ) -> None:
        self.received = 0
        self._broker = broker
        self._settings = settings
        self._sink = sink
        self._now_us = now_us
        self._name = f"cityvitals-{lane}"
        self._generation = next_generation()
        self._filters = session_filters(settings.share)
        self._topics = Topics()
        self._done = 0
        self._is_paused = False
        self._link: Link | None = None

    async def run(self) -> bool:
        """Empty the session and end it at the broker; whether it came to that before `leave`.

        Raises:
            OSError: the broker is away, or the connection was lost.
            UnfitServer: the broker refuses us.
            Fenced: the lane's own worker is back.
        """
        link = self._link = Link(self._broker, self._name, self._take)
        try:
            if await link.connect(self._properties()):
                self._sink.drop_redelivered(self._name, self._generation)
                # First of all, so that nothing new comes to a session that nobody wants.
                await link.unsubscribe(self._filters)
                if not await self._until_empty(link):
                    return False
            await link.end_session()
        finally:
            self._link = None
            link.abandon()
        return True

    def acknowledge(self, arrivals: Sequence[Arrival]) -> int:
        """Acknowledge messages in order of arrival; how many came by this connection."""
        if self._link is None:
            return 0
        mine = [one for one in arrivals if one.generation == self._generation]
        mids = [one.mid for one in mine if one.qos]
        self._link.acknowledge(mids)
        self._done += len(mine)
        return len(mids)

    def resume(self) -> None:
        """Read on, if reading stopped because the sink was full and it no longer is."""
        if self._link is not None and self._is_paused and not self._sink.is_full:
            self._is_paused = False
            self._link.watch(on=True)

    def stop_receiving(self) -> None:
        """Read no more messages; acknowledgements still go out."""
        if self._link is not None:
            self._link.watch(on=False)

    async def leave(self) -> None:
        """Leave the broker; what the session still holds stays there for another worker."""
        if self._link is not None:
            await self._link.leave()

    def _properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._settings.session_expiry_seconds
        properties.ReceiveMaximum = max(1, self._settings.receive_maximum // _PART_OF_ROOM)
        return properties

    def _take(self, messages: Sequence[Published]) -> None:
        now_us, topics = self._now_us(), self._topics
        self.received += len(messages)
        self._sink.add(
            [
                Arrival(topics.text(topic), payload, now_us, mid, qos, self._generation, self._name)
                for topic, payload, mid, qos in messages
            ]
        )
        if self._sink.is_full and self._link is not None:
            self._is_paused = True
            self._link.watch(on=False)

    async def _until_empty(self, link: Link) -> bool:
        """Keep the connection until nothing is left; False where it was left before."""
        lost = asyncio.create_task(link.until_lost(), name="drain link")
        empty = asyncio.create_task(self._emptied(link), name="drain")
        try:
            await asyncio.wait({lost, empty}, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                lost.result()
                return False
            empty.result()
            return True
        finally:
            lost.cancel()
            empty.cancel()
            await asyncio.gather(lost, empty, return_exceptions=True)

    async def _emptied(self, link: Link) -> None:
        """Wait until all is acknowledged and the broker, asked behind that, had nothing more."""
        while True:
            received = self.received
            await asyncio.sleep(_QUIET_S)
            if self._is_paused or self._done < self.received or received < self.received:
                continue
            await link.unsubscribe(self._filters)
            if received == self.received:
                return


class Drainer:
    """Looks for lanes that nobody runs, and empties them one after the other.

    Args:
        worker: who we are: lanes of the same share and broker are looked after.
        sink: takes their messages, as those of our own session.
        on_drained: told of each lane that is empty and gone.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        worker: LaneWorker,
        sink: Sink,
        now_us: Callable[[], int],
        on_drained: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._worker = worker
        self._sink = sink
        self._now_us = now_us
        self._on_drained = on_drained
        self._look_s = settings.ingest.orphan_after_seconds / _LOOKS
        self._patience_s = max(self._look_s, _LEAST_PATIENCE_S)
        self._orphans = Orphans(settings.ingest.orphan_after_seconds, 2 * self._look_s)
        self._drain: Drain | None = None
        self._is_stopping = False

    async def run(self) -> None:
        """Look and empty, until cancelled."""
        while True:
            for lane, seen in (await self._look()).items():
                await self._take_over(lane, seen)
            await asyncio.sleep(self._look_s)

    def acknowledge(self, arrivals: Sequence[Arrival]) -> int:
        """Acknowledge what came by the session that is being emptied; how many that were."""
        return 0 if self._drain is None else self._drain.acknowledge(arrivals)

    def resume(self) -> None:
        """Read on, if there is room again."""
        if self._drain is not None and not self._is_stopping:
            self._drain.resume()

    def stop_receiving(self) -> None:
        """Read no more messages, and take over nothing more."""
        self._is_stopping = True
        if self._drain is not None:
            self._drain.stop_receiving()

    async def close(self) -> None:
        """Leave a session that is being emptied; another worker goes on with it."""
        self.stop_receiving()
        if self._drain is not None:
            await self._drain.leave()

    async def _look(self) -> dict[str, Sighting]:
        try:
            async with asyncio.timeout(self._patience_s):
                seen = await other_workers(self._pool, self._worker)
        except (StoreUnavailable, OSError):
            self._orphans.look_failed()
            return {}
        return self._orphans.look(seen, time.monotonic())

    async def _take_over(self, lane: str, seen: Sighting) -> None:
        try:
            async with claimed(self._settings.database, lane, seen) as is_ours:
                if is_ours and not self._is_stopping and await self._has_drained(lane, seen):
                    await remove_worker(self._pool, lane, seen)
        except StoreUnavailable as away:
            _log.warning("lane_drain_interrupted", lane=lane, reason=str(away)[:200])

    async def _has_drained(self, lane: str, seen: Sighting) -> bool:
        _log.warning("lane_orphaned", lane=lane, last_seen=seen.seen_at.isoformat())
        drain = self._drain = Drain(
            self._settings.broker, self._settings.ingest, lane, self._sink, self._now_us
        )
        try:
            if not await drain.run():
                return False
        except (Fenced, OSError, UnfitServer) as error:
            # Often the lane's own worker, back again, and few brokers say so: the next look tells.
            reason = str(error) or type(error).__name__
            _log.warning("lane_drain_interrupted", lane=lane, reason=reason)
            return False
        finally:
            self._drain = None
        _log.info("lane_drained", lane=lane, messages=drain.received)
        self._on_drained()
        return True
