"""One connection that is made again for as long as it is needed, and what is under way on it."""

import random
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from cityvitals.settings import BrokerSettings
from simulator.load.digits import Bytes, Ints
from simulator.load.packet import AT_LEAST_ONCE, Delivery
from simulator.load.publisher import Publisher
from simulator.load.template import Packets, Template
from simulator.session import BrokerAway

_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_IDS: Final = 65_535
MOST_IN_FLIGHT: Final = 10_000

_log = structlog.get_logger()


class Sent(NamedTuple):
    """A message that the broker has not acknowledged: when it was due, and its packet."""

    due_s: float
    packet: Bytes | bytearray


class Lane:
    """Sends packets at least once, across the broker's restarts.

    Bounded: at most `in_flight` messages (or the broker's Receive Maximum) are unacknowledged;
    these are kept, and sent again before anything new where the connection breaks. Of QoS 0 they
    are given up then.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        in_flight: int,
        tls: ssl.SSLContext | None = None,
        delivery: Delivery = AT_LEAST_ONCE,
    ) -> None:
        self._delivery = delivery
        self._broker, self._client_id, self._tls = broker, client_id, tls
        self._in_flight = in_flight
        self._publisher: Publisher | None = None
        self._flight: dict[int, Sent] = {}
        self._again: deque[tuple[int, Sent]] = deque()
        self._number = 0
        self._failures = 0
        self._retry_s = 0.0
        self._unheard = 0
        self.sent_again = 0
        self.given_up = 0
        """Messages of QoS 0 that were under way when a connection broke."""

    @property
    def publisher(self) -> Publisher | None:
        """The open connection, for `select`; None while the broker is away."""
        return self._publisher

    @property
    def outstanding(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._flight) + len(self._again)

    @property
    def unheard(self) -> int:
        """Messages that the broker took while nobody was subscribed to their topic."""
        return self._unheard + (self._publisher.unheard if self._publisher else 0)

    @property
    def retry_in_s(self) -> float:
        """How long until the connection is tried again."""
        return max(0.0, self._retry_s - time.monotonic())

    @property
    def room(self) -> int:
        """New messages that may be sent now; a packet id is used again only when it is free."""
        if self._publisher is None or self._again:
            return 0
        oldest = next(iter(self._flight), self._number)
        return min(self._publisher.room, oldest + _IDS - self._number)

    def open(self) -> None:
        """Connect, at the first time; whoever starts a load wants to hear at once what is wrong.

        Raises:
            BrokerAway: nobody is there.
        """
        self._publisher = Publisher(
            self._broker, self._client_id, self._in_flight, self._tls, self._delivery
        )

    def send(
        self, template: Template, packets: Packets, row: Ints, due_s: NDArray[np.float64]
    ) -> None:
        """Send new messages, no more than there is room for."""
        numbers = np.arange(self._number, self._number + len(row))
        if self._delivery.qos:
            template.number(packets, row, numbers % _IDS + 1)
        self._number += len(row)
        for number, due, packet in zip(numbers.tolist(), due_s.tolist(), packets, strict=True):
            self._flight[number] = Sent(due, packet)
        self._write(template.joined(packets), len(row))

    def collect(self) -> list[float]:
        """When the messages acknowledged meanwhile were due; never waits, connects where needed."""
        if self._publisher is None and not self.retry_in_s:
            self._reopen()
        if self._publisher is None:
            return []
        try:
            mids = self._publisher.collect(0.0)
        except BrokerAway as error:
            self._lost(error)
            return []
        done = self._acknowledged(mids) if self._delivery.qos else self._handed_over()
        self._send_again()
        return [sent.due_s for sent in done]

    def close(self) -> None:
        """Take leave."""
        if self._publisher is not None:
            self._unheard = self.unheard
            self._publisher.close()
            self._publisher = None

    def _acknowledged(self, mids: Sequence[int]) -> list[Sent]:
        """Take messages out of those under way, by their packet ids."""
        found = []
        for mid in mids:
            number = self._number - 1 - (self._number - mid) % _IDS
            sent = self._flight.pop(number, None)
            if sent is not None:
                found.append(sent)
        if found:
            self._failures = 0
        return found

    def _handed_over(self) -> list[Sent]:
        """Of QoS 0, all messages once the socket has taken all: nothing more is heard of them."""
        if self._publisher is None or self._publisher.wants_write:
            return []
        done = list(self._flight.values())
        self._flight.clear()
        return done

    def _reopen(self) -> None:
        try:
            self.open()
        except BrokerAway as error:
            self._lost(error)
        else:
            self._again = deque(self._flight.items())
            self._flight.clear()
            self._send_again()

    def _send_again(self) -> None:
        while self._again and self._publisher is not None and self._publisher.room > 0:
            number, sent = self._again.popleft()
            self._flight[number] = sent
            self.sent_again += 1
            self._write(bytes(sent.packet), 1)

    def _write(self, stretch: bytes, count: int) -> None:
        if self._publisher is not None:
            try:
                self._publisher.send(stretch, count)
            except BrokerAway as error:
                self._lost(error)

    def _lost(self, error: BrokerAway) -> None:
        """Keep what is under way, in its order, for the next connection; wait longer each time."""
        self.close()
        if not self._delivery.qos:
            self.given_up += len(self._flight)
            self._flight.clear()
        self._flight.update(self._again)
        self._again.clear()
        wait_s = _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        # Jittered: connections that broke together should not all come back together.
        self._retry_s = time.monotonic() + wait_s * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        _log.warning("broker away", reason=str(error), unacknowledged=self.outstanding)
