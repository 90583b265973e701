"""What one live client has still to be sent."""

import asyncio
from collections.abc import Sequence
from typing import Final

from api.event import Event, Window
from api.interest import EVERYTHING, Interest
from api.latest import Snapshot

TOO_SLOW: Final = "too slow"


class Outbox:
    """Events that wait for one client and are of interest to it.

    When there are `limit`, provisional steps that a later event of the same window follows are
    dropped, and from then on an event takes the place of the step before it, until the client has
    caught up: one step for each open window of the city at most. When `limit` may not be
    dropped, it closes and the client is disconnected: it comes back with the last number it saw.
    Nobody ever waits for a slow client.

    Attributes:
        interest: what the client wants to be told.
        closed: why no more will come, None while more may.
        after: numbered events up to this one are not taken.
    """

    def __init__(self, limit: int, interest: Interest = EVERYTHING) -> None:
        self._limit = limit
        self.interest = interest
        self._events: dict[int, Event] = {}
        self._steps: dict[Window, int] = {}
        self._place = 0
        self._merging = False
        self.after = -1
        self._ready = asyncio.Event()
        self.closed: str | None = None

    def __len__(self) -> int:
        return len(self._events)

    @property
    def waiting(self) -> list[Event]:
        """Everything that waits, in order."""
        return list(self._events.values())

    def offer(self, events: Sequence[Event]) -> None:
        """Add those of some events that are of interest, in their order; never blocks."""
        self.put([event for event in events if self.interest.wants(event)])

    def put(self, events: Sequence[Event]) -> None:
        """Add events that are of interest, in their order; never blocks."""
        for event in events:
            if self.closed is not None:
                return
            if event.number is None or event.number > self.after:
                self._add(event)
        if self._events:
            self._ready.set()

    def skip_to(self, number: int) -> None:
        """Forget numbered events up to `number`, now and later: the client has them otherwise."""
        self.after = max(self.after, number)
        kept = [
            event
            for event in self._events.values()
            if event.number is None or event.number > self.after
        ]
        self._refill(kept)

    def restart(self, snapshot: Snapshot) -> None:
        """Replace everything that waits by what is wanted of a snapshot."""
        self._refill([])
        self.after = -1
        self.offer([self.interest.snapshot(snapshot)])

    def close(self, reason: str) -> None:
        """Take no more; what waits may still be taken."""
        self.closed = self.closed or reason
        self._ready.set()

    async def take(self, within_seconds: float) -> list[Event]:
        """Everything that waits, in order; empty when nothing came in time or it closed."""
        if not self._events and self.closed is None:
            self._ready.clear()
            try:
                async with asyncio.timeout(within_seconds):
                    await self._ready.wait()
            except TimeoutError:
                return []
        taken = self.waiting
        self._refill([])
        self._merging = False
        return taken

    def _add(self, event: Event) -> None:
        if self._merging and event.window is not None:
            self._drop_step(event.window)
        if len(self._events) >= self._limit:
            self._merge(event)
        if len(self._events) - len(self._steps) >= self._limit:
            self._refill([])
            self.close(TOO_SLOW)
            return
        self._place += 1
        self._events[self._place] = event
        if event.is_step and event.window is not None:
            self._steps[event.window] = self._place

    def _drop_step(self, window: Window) -> None:
        place = self._steps.pop(window, None)
        if place is not None:
            del self._events[place]

    def _merge(self, newest: Event) -> None:
        """Drop every step that a later event of its window follows."""
        if self._merging:
            return
        self._merging = True
        followed = {newest.window}
        kept: list[Event] = []
        for event in reversed(self._events.values()):
            if not (event.is_step and event.window in followed):
                kept.append(event)
            followed.add(event.window)
        self._refill(kept[::-1])

    def _refill(self, events: Sequence[Event]) -> None:
        self._events = dict(enumerate(events, self._place + 1))
        self._place += len(events)
        self._steps = {
            event.window: place
            for place, event in self._events.items()
            if event.is_step and event.window is not None
        }
