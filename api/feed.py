"""One reader of a city's changes for all clients that watch the city.

NOTIFY ─┐                     ┌─► Outbox ─► client
├─► wake ─► read ─►───┼─► Outbox ─► client
every 2 s ──┘    changes after    └─► Outbox ─► client
`position`
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.event import Event, change_event, database_event
from api.latest import Snapshot
from cityvitals.errors import StoreUnavailable
from cityvitals.store.views import Changes

if TYPE_CHECKING:
    from api.interest import Interest
    from api.outbox import Outbox

READ_AT_ONCE: Final = 5_000
"""Changes read by one query: a client further behind gets a snapshot, which is smaller."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the live stream waits for things, in seconds.

    Attributes:
        heartbeat: a silent connection gets a comment after this.
        poll: changes are looked for at least this often, were every NOTIFY lost.
        retry: between attempts to reach a database that is away.
        ping: the listening connection is tried this often.
        send: a client that takes nothing for so long is given up.
    """

    heartbeat: float = 15.0
    poll: float = 2.0
    retry: float = 0.5
    ping: float = 15.0
    send: float = 30.0


def follows(position: int, read: Changes) -> bool:
    """Whether changes that were read continue after `position` without a gap."""
    if read.changes:
        return read.changes[0].number == position + 1
    return read.number == position


class Feed:
    """Reads a city's changes in order and hands them to every outbox.

    Bounded: one batch of changes, and what each outbox holds.

    Args:
        city: whose changes.
        position: number of the last change that is not to be read.
        read: changes after a number; None when the city is gone.
        latest: the city's snapshot, for when changes have a gap.
        timing: how long to wait.
    """

    def __init__(
        self,
        city: str,
        position: int,
        read: Callable[[str, int, int], Awaitable[Changes | None]],
        latest: Callable[[str], Awaitable[Snapshot]],
        timing: Timing,
    ) -> None:
        self.city = city
        self.position = position
        self.outboxes: set[Outbox] = set()
        self._read = read
        self._latest = latest
        self._timing = timing
        self._wake = asyncio.Event()
        self._is_away = False

    def wake(self) -> None:
        """There may be something new."""
        self._wake.set()

    async def run(self) -> None:
        """Hand out changes until cancelled."""
        while True:
            try:
                await self._advance()
                self._say_back()
                await self._sleep(self._timing.poll)
            except StoreUnavailable as error:
                if await self._still_away(error):
                    await self._sleep(self._timing.retry)

    async def _still_away(self, error: StoreUnavailable) -> bool:
        """Whether the database is away on a second look: one broken connection is not news."""
        try:
            await self._advance()
        except StoreUnavailable:
            self._say_away(str(error))
            return True
        return False

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _advance(self) -> None:
        """Read and hand out until there is nothing new."""
        while True:
            read = await self._read(self.city, self.position, READ_AT_ONCE)
            if read is None or (not read.changes and read.number == self.position):
                return None
            if not follows(self.position, read):
                return await self._start_over()
            self._hand_out([change_event(change) for change in read.changes])
            self.position = read.changes[-1].number

    async def _start_over(self) -> None:
        """Changes between were pruned, or the city's numbers began anew: give everybody all."""
        snapshot = await self._latest(self.city)
        for outbox in self.outboxes:
            outbox.restart(snapshot)
        self.position = snapshot.number

    def _say_away(self, reason: str) -> None:
        if not self._is_away:
            self._is_away = True
            self._hand_out([database_event("away", reason)])

    def _say_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._hand_out([database_event("back")])

    def _hand_out(self, events: list[Event]) -> None:
        """Give everybody what is of interest; who is interested in the same is asked once."""
        fitting: dict[Interest, list[Event]] = {}
        for outbox in self.outboxes:
            some = fitting.get(outbox.interest)
            if some is None:
                some = [event for event in events if outbox.interest.wants(event)]
                fitting[outbox.interest] = some
            outbox.put(some)
