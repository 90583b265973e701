"""The prober's process: sends readings by a schedule and waits for each on the live stream.

The reading of probe k makes its indicator say that k readings were observed, so the first event
that says k or more answers it. Its time counts from when it was due.
"""

import random
import select
import socket
import sys
import time
from pathlib import Path

import msgspec

from cityvitals.domain.times import US
from cityvitals.settings import BrokerSettings
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from simulator.load.packet import publish_packet
from simulator.load.publisher import Publisher
from tests.benchmarks.city import PROBED_CITY, PROBED_RULE, PROBED_ZONE, probe_topic

UNANSWERED_S = 60.0
_WARM_UP = 5
"""Sent together: until the watermark has passed the window's begin nothing is said."""
_MARK = f'data: {{"rule":"{PROBED_RULE}","zone":"{PROBED_ZONE}",'.encode()
_HOUR_US = 3600 * US
_PATIENCE_S = 15.0
"""How long the last probes are waited for."""


class Probes(msgspec.Struct, frozen=True):
    """What to send: `count` probes, `rate` a second, observed within the hour from base_us on."""

    mqtt_port: int
    api_port: int
    base_us: int
    count: int
    rate: float
    result: str


class Probed(msgspec.Struct, frozen=True):
    """How many readings were sent, warm-up included, and the seconds that each probe took."""

    sent: int
    seconds: list[float]


class _Told(msgspec.Struct):
    observed: int
    value: float | None


_decode = msgspec.json.Decoder(_Told).decode


class Prober:
    """Sends probes and takes the time of each."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._step_us = min(US, (_HOUR_US - US) // (probes.count + _WARM_UP))
        self._publisher = Publisher(BrokerSettings(port=probes.mqtt_port), "bench-probe")
        self._stream = self._open_stream()
        self._rest = b""
        self._sent = 0
        self._answered_s: list[float] = []

    def run(self) -> Probed:
        """Send all and wait for them; those never answered take `UNANSWERED_S`."""
        for _ in range(_WARM_UP):
            self._send()
        self._await(self._sent, time.monotonic() + _PATIENCE_S)
        due = self._schedule(time.monotonic() + 0.5)
        for moment in due:
            while (left := moment - time.monotonic()) > 0:
                self._listen(left)
            self._send()
        self._await(self._sent, time.monotonic() + _PATIENCE_S)
        taken = [
            answered - moment
            for moment, answered in zip(due, self._answered_s[_WARM_UP:], strict=False)
        ]
        return Probed(self._sent, taken + [UNANSWERED_S] * (len(due) - len(taken)))

    def _schedule(self, begin_s: float) -> list[float]:
        """Moments a period apart on average, never in step with anything."""
        drawn = random.Random(1)  # noqa: S311 (no secret)
        period = 1 / self._probes.rate
        return [begin_s + (k + drawn.random()) * period for k in range(self._probes.count)]

    def _send(self) -> None:
        """The next reading; its value differs from the one before."""
        self._sent += 1
        t_us = self._probes.base_us + self._sent * self._step_us
        reading = Reading(t_us, "traffic_speed", 20.0 + self._sent % 50)
        packet = publish_packet(probe_topic(), encode([reading]), self._sent)
        self._publisher.send(packet, 1)

    def _await(self, number: int, deadline_s: float) -> None:
        while len(self._answered_s) < number:
            left = deadline_s - time.monotonic()
            if left <= 0:
                return
            self._listen(left)

    def _listen(self, seconds: float) -> None:
        """Take what the broker or the stream says, at most so long."""
        both: list[Publisher | socket.socket] = [self._publisher, self._stream]
        ready, _, _ = select.select(both, [], [], seconds)
        if self._publisher in ready:
            self._publisher.collect(0.0)
        if self._stream in ready:
            received = self._stream.recv(1 << 20)
            if not received:
                raise ConnectionError("the API closed the stream")
            now_s = time.monotonic()
            *lines, self._rest = (self._rest + received).split(b"\n")
            for line in lines:
                if line.startswith(_MARK):
                    self._answer(_decode(line.removeprefix(b"data: ")), now_s)

    def _answer(self, told: _Told, now_s: float) -> None:
        if told.value is not None:
            missing = min(told.observed, self._sent) - len(self._answered_s)
            self._answered_s += [now_s] * missing

    def _open_stream(self) -> socket.socket:
        stream = socket.create_connection(("127.0.0.1", self._probes.api_port), 10)
        request = f"GET /v1/stream?city={PROBED_CITY} HTTP/1.1\r\nHost: bench\r\n\r\n"
        stream.sendall(request.encode())
        head = stream.recv(1 << 16)
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"the API answers {head[:200]!r}")
        return stream


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Probes)
    Path(wanted.result).write_bytes(msgspec.json.encode(Prober(wanted).run()))
