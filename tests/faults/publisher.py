"""A gateway's end of QoS 1: publishes again, over broker restarts, until all is acknowledged."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.faults.workload import Message
from tests.service import wait_for

_IN_FLIGHT: Final = 100
"""Messages that the broker has not acknowledged; all that is held here."""


class Publisher:
    """Publishes messages in order, at most so many per second.

    Attributes:
        acked: how many the broker has acknowledged so far.
    """

    def __init__(self, port: int, messages: Sequence[Message], per_second: float = 0) -> None:
        self.acked = 0
        self._messages = messages
        self._pause_s = 1 / per_second if per_second else 0.0
        self._room = threading.Semaphore(_IN_FLIGHT)
        self._is_stopping = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._taken
        self._client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._client.loop_start()
        self._thread.start()

    def until(self, part: float) -> None:
        """Wait until the broker has a part of all, 0 to 1."""
        least = part * len(self._messages)
        wait_for(f"{part:.0%} is published", lambda: self.acked >= least, 300)

    def stop(self) -> None:
        self._is_stopping.set()
        self._room.release()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        begun = time.monotonic()
        for number, (topic, payload) in enumerate(self._messages):
            self._room.acquire()
            if self._is_stopping.wait(max(begun + number * self._pause_s - time.monotonic(), 0)):
                return
            self._client.publish(topic, payload, 1, retain=topic.endswith(("/meta", "/status")))

    def _taken(self, *_: Any) -> None:
        self.acked += 1
        self._room.release()


@contextmanager
def publishing(
    port: int, messages: Sequence[Message], per_second: float = 0
) -> Iterator[Publisher]:
    """A publisher at work; at the end of the block all of its messages are with the broker."""
    publisher = Publisher(port, messages, per_second)
    publisher.start()
    try:
        yield publisher
        publisher.until(1)
    finally:
        publisher.stop()


def publish(port: int, messages: Sequence[Message]) -> None:
    """Publish, and wait until the broker has all."""
    with publishing(port, messages):
        pass
