"""Messages to the broker at least once, across its restarts, with a bound on what is under way."""

import asyncio
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import Final

import structlog

from cityvitals.settings import BrokerSettings
from simulator.session import BrokerAway, Message, Session, connected

_BACKOFF_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_STEADY_SECONDS: Final = 10.0

_log = structlog.get_logger()


class Link:
    """One connection to the broker, made again for as long as it is needed.

    At most `bound` messages are unacknowledged; `send` then waits for half of them. (paho loses
    messages silently once more than 65,535 are under way.)

    Args:
        will: published by the broker when this link is cut without leave.
        greeting: published first on every new connection, before what was not acknowledged.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        will: Message | None,
        greeting: Iterable[Message],
        bound: int,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._greeting = list(greeting)
        self._bound = bound
        self._waiting: deque[Message] = deque()
        self._flight: dict[int, Message] = {}
        self._session: Session | None = None
        self._window = 0
        self._room, self._empty = asyncio.Event(), asyncio.Event()
        self.sent_again = 0
        self.readings_again = 0
        """Readings of these at most, as they may have come twice."""
        self.unheard = 0
        """Messages that the broker took while nobody was subscribed to their topic."""

    @property
    def outstanding(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._waiting) + len(self._flight)

    async def run(self) -> None:
        """Keep the connection, until cancelled.

        Raises:
            BrokerRefused: the broker will not take messages, or another took this client's id.
            SettingsError: it does not know the credentials.
        """
        failures = 0
        while True:
            begin = monotonic()
            try:
                async with connected(
                    self._broker, self._client_id, self._will, self._on_acknowledged
                ) as (session, receive_maximum):
                    self._begin(session, receive_maximum)
                    raise await session.serve()
            except BrokerAway as error:
                _log.warning("broker away", reason=str(error), unacknowledged=self.outstanding)
            finally:
                self._session = None
            # Two simulators of one city cut each other off, and not every broker says so: only a
            # connection that lasts makes the next wait short again.
            failures = 0 if monotonic() - begin > _STEADY_SECONDS else failures + 1
            await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])

    async def send(self, message: Message) -> None:
        """Publish a message, now or when there is room and a connection."""
        while self.outstanding >= self._bound:
            self._room.clear()
            await self._room.wait()
        self._waiting.append(message)
        self._pump()

    async def drain(self) -> None:
        """Wait until the broker has acknowledged everything, the greeting included."""
        while self._greeting_is_due or self.outstanding:
            self._empty.clear()
            await self._empty.wait()

    def forget_greeting(self) -> None:
        """Greet no more: what it says is over."""
        self._greeting.clear()

    @property
    def _greeting_is_due(self) -> bool:
        return bool(self._greeting) and self._session is None

    def _begin(self, session: Session, receive_maximum: int) -> None:
        again = list(self._flight.values())
        self.sent_again += len(again)
        self.readings_again += sum(message.readings for message in again)
        self._flight.clear()
        self._waiting.extendleft(reversed([*self._greeting, *again]))
        self._session, self._window = session, min(self._bound, receive_maximum)
        self._pump()

    def _pump(self) -> None:
        while self._session and self._waiting and len(self._flight) < self._window:
            mid = self._session.publish(self._waiting[0])
            if mid is None:  # lost: the next connection sends it
                return
            self._flight[mid] = self._waiting.popleft()

    def _on_acknowledged(self, mid: int, unheard: bool) -> None:  # noqa: FBT001 - as paho calls
        if self._flight.pop(mid, None) is None:
            return
        self.unheard += unheard
        self._pump()
        if self.outstanding <= self._bound // 2:
            self._room.set()
        if not self.outstanding:
            self._empty.set()
