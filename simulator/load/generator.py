"""Sends a plan by the clock over some connections, and measures what the broker makes of it."""

import select
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cityvitals.settings import BrokerSettings
from simulator.load.delays import Delays
from simulator.load.lane import Lane
from simulator.load.plan import Plan
from simulator.load.schedule import Schedule
from simulator.load.supply import Supply
from simulator.load.truth import Truth

_PIECE: Final = 50
"""Messages handed to a socket at once."""
_WAIT_S: Final = 0.05
"""How long a request to stop may go unseen."""
_TELL_S: Final = 1.0
_NOT_STOPPED: Final = lambda: False  # noqa: E731 (a default)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, and how long.

    Attributes:
        rate: readings a second; 0: as many as the broker acknowledges.
        duration_s: stop then, even if the plan goes on; None: when the plan is at its end.
        connections, in_flight: how many, and unacknowledged messages of each at most.
        drain_s: how long acknowledgements are waited for at the end without any coming.
    """

    rate: float = 0.0
    duration_s: float | None = None
    connections: int = 1
    in_flight: int = 500
    drain_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How a load stands: readings sent in all, messages under way, how late the last one was.

    Attributes:
        bytes: of all packets sent, each counted once.
        ack_ms: 50th, 95th, 99th percentile of what was acknowledged since the last time; or None.
    """

    readings: int
    outstanding: int
    lateness_s: float
    bytes: int = 0
    ack_ms: tuple[float, float, float] | None = None


class Generator:
    """One load. What is late is sent at once; nothing is left out.

    Latency counts from when a message was due to its acknowledgement, lateness from when it was
    due to when it was handed to a socket: a stalled broker shows in every message due meanwhile.
    """

    def __init__(
        self,
        plan: Plan,
        broker: BrokerSettings,
        pace: Pace,
        name: str = "cityvitals-load",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._plan, self._pace = plan, pace
        self._lanes = [
            Lane(broker, f"{name}-{number}", pace.in_flight, tls, plan.delivery)
            for number in range(pace.connections)
        ]
        self._supply = Supply(plan)
        self._last_late_s = 0.0
        self._told_s = 0.0
        self._bytes = 0
        self._recent = Delays()
        self.latency, self.lateness = Delays(), Delays()
        self.seconds = 0.0
        """From the first message's due time to the last acknowledgement."""

    @property
    def truth(self) -> Truth:
        """What must become of what was sent."""
        return self._supply.truth()

    @property
    def sent(self) -> int:
        """Messages sent, each counted once."""
        return self._supply.taken

    @property
    def outstanding(self) -> int:
        """Messages that the broker has not acknowledged."""
        return sum(lane.outstanding for lane in self._lanes)

    @property
    def sent_again(self) -> int:
        """Messages sent once more after a connection broke, counted each time."""
        return sum(lane.sent_again for lane in self._lanes)

    @property
    def given_up(self) -> int:
        """Messages of QoS 0 that were under way when a connection broke."""
        return sum(lane.given_up for lane in self._lanes)

    @property
    def unheard(self) -> int:
        """Messages that the broker took while nobody was subscribed to their topic."""
        return sum(lane.unheard for lane in self._lanes)

    def run(
        self,
        stop: Callable[[], bool] = _NOT_STOPPED,
        tell: Callable[[Progress], None] | None = None,
    ) -> None:
        """Send all; then, or when stopped, wait for what is under way.

        Raises:
            BrokerAway: nobody is there at the start.
            BrokerRefused: the broker will not take a message.
            SettingsError: it does not know the credentials.
        """
        try:
            for lane in self._lanes:
                lane.open()
            begin_s = self._told_s = time.monotonic()
            schedule = Schedule(begin_s, self._pace.rate / self._plan.pack)
            self._send_all(schedule, stop, tell)
            self._drain(tell)
            self.seconds = time.monotonic() - begin_s
        finally:
            for lane in self._lanes:
                lane.close()

    def _send_all(
        self,
        schedule: Schedule,
        stop: Callable[[], bool],
        tell: Callable[[Progress], None] | None,
    ) -> None:
        end_s = schedule.begin_s + (self._pace.duration_s or float("inf"))
        while self._supply.left and not stop():
            now_s = time.monotonic()
            # By what is due before the end, not by when it is sent: a late sender catches up.
            if now_s >= end_s and self._due(schedule, end_s) <= 0:
                return
            sent = self._send(schedule, min(now_s, end_s))
            self._collect(0.0 if sent else self._wait_s(schedule, now_s))
            self._tell(tell)

    def _due(self, schedule: Schedule, now_s: float) -> int:
        """Messages that are due and not sent."""
        allowed = schedule.allowed(now_s)
        if allowed is None:
            over = self._pace.duration_s is not None
            is_over = over and now_s >= schedule.begin_s + (self._pace.duration_s or 0.0)
            return 0 if is_over else self._supply.left
        return min(allowed - self._supply.taken, self._supply.left)

    def _send(self, schedule: Schedule, now_s: float) -> int:
        """Give each connection a piece, as far as there is room and something is due."""
        sent = 0
        for lane in self._lanes:
            count = min(lane.room, _PIECE, self._due(schedule, now_s))
            if count <= 0:
                continue
            first = self._supply.taken
            piece = self._supply.take(count)
            at_s = time.monotonic()
            due_s = schedule.due(first, len(piece.row), at_s)
            late_s = np.maximum(at_s - due_s, 0.0)
            self.lateness.add(late_s)
            self._last_late_s = float(late_s[-1])
            self._bytes += sum(map(len, piece.packets))
            lane.send(self._plan.template, piece.packets, piece.row, due_s)
            sent += len(piece.row)
        return sent

    def _wait_s(self, schedule: Schedule, now_s: float) -> float:
        """How long nothing can be sent but for an acknowledgement."""
        has_room = any(lane.room > 0 for lane in self._lanes)
        return min(_WAIT_S, schedule.wait_s(self._supply.taken, now_s) if has_room else _WAIT_S)

    def _collect(self, wait_s: float) -> int:
        """Take acknowledgements; waits so long for the first."""
        _wait(self._lanes, wait_s)
        due_s = [due for lane in self._lanes for due in lane.collect()]
        seconds = np.maximum(time.monotonic() - np.array(due_s, np.float64), 0.0)
        self.latency.add(seconds)
        self._recent.add(seconds)
        return len(due_s)

    def _drain(self, tell: Callable[[Progress], None] | None) -> None:
        """Wait for what is under way, for as long as something still comes."""
        heard_s = time.monotonic()
        while self.outstanding and time.monotonic() - heard_s < self._pace.drain_s:
            if self._collect(_WAIT_S):
                heard_s = time.monotonic()
            self._tell(tell)

    def _tell(self, tell: Callable[[Progress], None] | None) -> None:
        now_s = time.monotonic()
        if tell is not None and now_s - self._told_s >= _TELL_S:
            self._told_s = now_s
            taken, recent = self._supply.taken, self._recent
            self._recent = Delays()
            shares = (0.5, 0.95, 0.99)
            ack_ms = tuple(round(recent.quantile(share) * 1000, 3) for share in shares)
            tell(
                Progress(
                    taken * self._plan.pack,
                    self.outstanding,
                    self._last_late_s,
                    self._bytes,
                    (ack_ms[0], ack_ms[1], ack_ms[2]) if len(recent) else None,
                )
            )


def _wait(lanes: Iterable[Lane], wait_s: float) -> None:
    """Until a broker says something, takes something, or may be tried again."""
    if wait_s <= 0:
        return
    lanes = list(lanes)
    open_ones = [lane.publisher for lane in lanes if lane.publisher is not None]
    away_s = [lane.retry_in_s for lane in lanes if lane.publisher is None]
    writing = [one for one in open_ones if one.wants_write]
    select.select(open_ones, writing, [], min([wait_s, *away_s]))
