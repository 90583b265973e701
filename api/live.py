"""Live clients: who watches which city, and what they are told first."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from api.database import APPLICATION, Database
from api.event import Event, change_event
from api.feed import READ_AT_ONCE, Feed, Timing, follows
from api.interest import EVERYTHING, Interest
from api.latest import LatestCache, Snapshot
from api.outbox import Outbox
from cityvitals.errors import CityVitalsError, NotFound, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import CHANGE_CHANNEL
from cityvitals.store.listen import Listener, listening
from cityvitals.store.views import Changes, find_change_number, find_changes

MISSED: Final = 20_000
"""Events that a client that comes back is told at most; a snapshot is smaller than more."""
_OPENINGS: Final = 16
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """One client's place in a city's stream; leave it when the client is gone.

    Attributes:
        opening: what comes before anything out of the outbox.
        number: the city's number that the opening leads up to.
    """

    feed: Feed
    outbox: Outbox
    opening: Sequence[Event]
    number: int


class Live:
    """One feed for each city that is watched, and one listening connection for all.

    Args:
        settings: where to listen.
        database: where changes are read.
        latest: where snapshots come from.
        queue: the most events that may wait for one client.
        timing: how long things wait.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        database: Database,
        latest: LatestCache,
        queue: int,
        timing: Timing,
    ) -> None:
        self._settings = settings
        self._database = database
        self._latest = latest
        self._queue = queue
        self.timing = timing
        self._feeds: dict[str, tuple[Feed, asyncio.Task[None]]] = {}
        self._shown_of: dict[str, tuple[Snapshot, dict[Interest, Event]]] = {}
        self._closed: str | None = None

    async def join(
        self, city: str, last_event_id: int | None, interest: Interest = EVERYTHING
    ) -> Subscription:
        """Begin to watch a city, where possible after the last event the client has seen.

        The outbox is filled from before the opening is read, and skips what the opening has, so
        nothing between the two is lost or told twice.

        Raises:
            NotFound: there is no such city.
            StoreUnavailable: the database is away, or the API is stopping.
        """
        if self._closed is not None:
            raise StoreUnavailable(self._closed)
        feed = await self._feed(city)
        outbox = Outbox(self._queue, interest)
        feed.outboxes.add(outbox)
        try:
            opening, number = await self._opening(city, last_event_id, interest)
        except BaseException:
            await self._discard(feed, outbox)
            raise
        outbox.skip_to(number)
        return Subscription(feed, outbox, opening, number)

    async def leave(self, subscription: Subscription) -> None:
        """Stop watching; the last one to leave a city ends its feed."""
        await self._discard(subscription.feed, subscription.outbox)

    def close(self, reason: str) -> None:
        """End every stream: clients come back, to this process' successor."""
        self._closed = reason
        for feed, _ in self._feeds.values():
            for outbox in feed.outboxes:
                outbox.close(reason)

    async def listen(self) -> None:
        """Wake the feeds at every NOTIFY; runs until cancelled."""
        while True:
            try:
                async with listening(
                    self._settings, f"{APPLICATION} listener", CHANGE_CHANNEL, self._heard
                ) as listener:
                    self._wake_all()  # for what was said before we listened
                    await self._watch(listener)
            except CityVitalsError as error:
                if self._database.away is None:  # else that is said already
                    _log.info("not listening", reason=str(error))
            except Exception:  # noqa: BLE001 - the outermost loop: say it, go on
                _log.exception("listening failed")
            self._wake_all()
            await asyncio.sleep(self.timing.retry)

    async def stop(self) -> None:
        """Cancel all feeds and wait until they are gone."""
        tasks = [task for _, task in self._feeds.values()]
        self._feeds.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, listener: Listener) -> None:
        while not listener.lost.is_set():
            try:
                async with asyncio.timeout(self.timing.ping):
                    await listener.lost.wait()
            except TimeoutError:
                await listener.ping(self.timing.ping)

    def _heard(self, city: str) -> None:
        if city in self._feeds:
            self._feeds[city][0].wake()

    def _wake_all(self) -> None:
        for feed, _ in self._feeds.values():
            feed.wake()

    async def _feed(self, city: str) -> Feed:
        if city not in self._feeds:
            async with self._database.connection() as connection:
                number = await find_change_number(connection, city)
            if number is None:
                raise NotFound(f"there is no city {city!r}")
            if city not in self._feeds:  # somebody else may have come while we asked
                self._feeds[city] = self._start(city, number)
        return self._feeds[city][0]

    def _start(self, city: str, number: int) -> tuple[Feed, asyncio.Task[None]]:
        feed = Feed(city, number, self._changes, self._latest.get, self.timing)
        task = asyncio.create_task(feed.run(), name=f"feed {city}")
        task.add_done_callback(lambda done: self._ended(feed, done))
        return feed, task

    def _ended(self, feed: Feed, task: "asyncio.Task[None]") -> None:
        """A feed never ends by itself; if a bug ends it, its clients go away to come again."""
        if task.cancelled() or task.exception() is None:
            return
        _log.error("feed failed", city=feed.city, exc_info=task.exception())
        if feed.city in self._feeds and self._feeds[feed.city][0] is feed:
            del self._feeds[feed.city]
        for outbox in feed.outboxes:
            outbox.close("the stream failed, come again")

    async def _discard(self, feed: Feed, outbox: Outbox) -> None:
        feed.outboxes.discard(outbox)
        if feed.outboxes or feed.city not in self._feeds or self._feeds[feed.city][0] is not feed:
            return
        _, task = self._feeds.pop(feed.city)
        self._shown_of.pop(feed.city, None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _opening(
        self, city: str, last_event_id: int | None, interest: Interest
    ) -> tuple[Sequence[Event], int]:
        """What a client has missed, provisional steps merged; a snapshot where that is too much."""
        if last_event_id is not None:
            missed, number = Outbox(MISSED, interest), last_event_id
            while True:
                read = await self._changes(city, number, READ_AT_ONCE)
                if read is None or not follows(number, read):
                    break
                missed.offer([change_event(change) for change in read.changes])
                number = read.changes[-1].number if read.changes else number
                if missed.closed is not None:
                    break
                if number == read.number:
                    return missed.waiting, number
        snapshot = await self._latest.get(city)
        return [self._shown(city, snapshot, interest)], snapshot.number

    def _shown(self, city: str, snapshot: Snapshot, interest: Interest) -> Event:
        """What is wanted of a snapshot: the same for all who come for it and want the same.

        Bounded: the newest snapshot of each city, and what `_OPENINGS` want of it.
        """
        of, known = self._shown_of.get(city, (None, {}))
        if of is not snapshot or len(known) >= _OPENINGS:
            known = {}
            self._shown_of[city] = snapshot, known
        if interest not in known:
            known[interest] = interest.snapshot(snapshot)
        return known[interest]

    async def _changes(self, city: str, after: int, limit: int) -> Changes | None:
        async with self._database.connection() as connection:
            return await find_changes(connection, city, after, limit)
