"""The persistent session with the broker: connecting, again and again, and acknowledging.

A message id means something on the connection it came by and nowhere else: messages carry that
connection's generation, and only those of the present one are acknowledged. The rest the broker
delivers again, which is harmless (promise 2).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cityvitals.settings import BrokerSettings, IngestSettings
from cityvitals.wire.topic import (
    CITY_META_FILTER,
    GATEWAY_OBS_FILTER,
    META_FILTER,
    OBS_FILTER,
    STATUS_FILTER,
)
from ingest.arrival import Arrival, Topics, next_generation
from ingest.link import Link, access_to
from ingest.packets import Published

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 10.0
_MOST_DOUBLINGS: Final = 10
_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where messages go."""

    @property
    def is_full(self) -> bool:
        """Whether no more should be read from the broker."""

    def add(self, arrivals: Sequence[Arrival]) -> None:
        """Take messages that came together, whatever they hold."""

    def drop_redelivered(self, session: str, generation: int) -> None:
        """Messages of QoS 1 of a session, from connections before `generation`, will come again."""


def session_filters(share: str) -> list[str]:
    """What a worker's session subscribes to."""
    # Only readings are shared among workers: shared subscriptions deliver nothing retained.
    shared = [f"$share/{share}/{one}" for one in (OBS_FILTER, GATEWAY_OBS_FILTER)]
    return [*shared, META_FILTER, STATUS_FILTER, CITY_META_FILTER]


class Subscriber:
    """Keeps a session with the broker, and hands over what it sends.

    Args:
        broker: where it is.
        settings: lane (the client id), share, Receive Maximum, session expiry.
        sink: takes the messages; bounds what is held.
        now_us: the clock that messages are stamped by, microseconds since 1970 UTC.
        on_state: told "" when messages can come, else why they cannot.
        before_again: called before connecting again; raises Fenced where another process has taken
            the lane, since that one is why many brokers ended the connection, and few say so.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        settings: IngestSettings,
        sink: Sink,
        now_us: Callable[[], int],
        on_state: Callable[[str], None],
        before_again: Callable[[], Awaitable[None]],
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._sink = sink
        self._now_us = now_us
        self._on_state = on_state
        self._before_again = before_again
        self._name = f"cityvitals-{settings.lane}"
        self._topics = Topics()
        self._access = access_to(broker)
        self._link: Link | None = None
        self._generation = 0
        self._has_connected = False
        self._is_paused = False
        self._is_stopping = False

    async def run(self) -> None:
        """Hold a session until `close`.

        Raises:
            UnfitServer: the broker refuses MQTT 5, us, or a subscription.
            Fenced: another process connected as this lane.
        """
        failures = 0
        while not self._is_stopping:
            self._has_connected = False
            try:
                await self._session()
            except OSError as error:  # TimeoutError is one
                failures = 1 if self._has_connected else failures + 1
                await self._wait(error, failures)
                await self._before_again()

    def acknowledge(self, arrivals: Sequence[Arrival]) -> int:
        """Acknowledge messages in order of arrival; how many came by the present connection."""
        if self._link is None:
            return 0
        mine = [one.mid for one in arrivals if one.qos and one.generation == self._generation]
        self._link.acknowledge(mine)
        return len(mine)

    def tell(self, topic: str, payload: bytes) -> bool:
        """Publish a message, if it can go out now; whether it did."""
        return self._link is not None and self._link.publish(topic, payload)

    def resume(self) -> None:
        """Read on, if reading stopped because the sink was full and it no longer is."""
        if self._is_paused and not self._sink.is_full and not self._is_stopping:
            self._is_paused = False
            self._watch(on=True)

    def stop_receiving(self) -> None:
        """Read no more messages; acknowledgements still go out."""
        self._is_stopping = True
        self._watch(on=False)

    async def close(self) -> None:
        """Leave the broker once all acknowledgements are sent; the session stays there."""
        self.stop_receiving()
        if self._link is not None:
            await self._link.leave()

    async def _session(self) -> None:
        """One connection, from connecting to its end; OSError where it is lost."""
        link = Link(self._broker, self._name, self._take, self._access)
        self._link = link
        # Before connecting: redelivered messages come in one piece with CONNACK, and are handled
        # before `connect` returns. Counted to the connection before, they were dropped.
        self._generation = next_generation()
        try:
            resumed = await link.connect(self._properties())
            self._has_connected = True
            if resumed:
                self._sink.drop_redelivered(self._name, self._generation)
            self._is_paused = False
            _log.info("broker_connected", session_resumed=resumed, connection=self._generation)
            await link.subscribe(session_filters(self._settings.share))
            self._on_state("")
            await link.until_lost()
        finally:
            self._link = None
            link.abandon()

    def _properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._settings.session_expiry_seconds
        properties.ReceiveMaximum = self._settings.receive_maximum
        return properties

    def _take(self, messages: Sequence[Published]) -> None:
        now_us, generation, name, topics = (
            self._now_us(),
            self._generation,
            self._name,
            self._topics,
        )
        self._sink.add(
            [
                Arrival(topics.text(topic), payload, now_us, mid, qos, generation, name)
                for topic, payload, mid, qos in messages
            ]
        )
        if self._sink.is_full and not self._is_paused:
            self._is_paused = True
            self._watch(on=False)

    def _watch(self, *, on: bool) -> None:
        if self._link is not None:
            self._link.watch(on=on)

    async def _wait(self, error: OSError, failures: int) -> None:
        """Wait before the next connection, a little longer each time, never in step."""
        reason = str(error) or type(error).__name__
        self._on_state(f"broker {self._broker.host}:{self._broker.port}: {reason}")
        _log.warning("broker_away", reason=reason, failures=failures)
        longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures, _MOST_DOUBLINGS))
        await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - not a secret
