"""A message as the broker handed it over."""

import itertools
from typing import Final, NamedTuple

_MOST_TOPICS: Final = 100_000
_LONGEST_TOPIC: Final = 512
_generations = itertools.count(1)


def next_generation() -> int:
    """A number for a connection that no other connection of this process has."""
    return next(_generations)


class Arrival(NamedTuple):
    """A message and what acknowledging it takes.

    Attributes:
        received_us: when it came, microseconds since 1970 UTC.
        mid: the broker's number for it, which means nothing on another connection.
        qos: only QoS 1 is acknowledged.
        generation: the connection that it came by; no two of a process share a number.
        session: the session that the connection continued.
    """

    topic: str
    payload: bytes
    received_us: int
    mid: int
    qos: int
    generation: int
    session: str = ""


class Topics:
    """Topics as text; the same topic is the same object each time, which look-ups are faster by.

    Bounded by forgetting all past 100,000, and not keeping longer ones than any that is ours.
    """

    def __init__(self) -> None:
        self._texts: dict[bytes, str] = {}

    def text(self, topic: bytes) -> str:
        """The topic's text, total: what is no UTF-8, and NUL, which no table takes, is replaced."""
        found = self._texts.get(topic)
        if found is None:
            if len(topic) > _LONGEST_TOPIC:
                return _decoded(topic)
            if len(self._texts) >= _MOST_TOPICS:
                self._texts.clear()
            found = _decoded(topic)
            self._texts[topic] = found
        return found


def _decoded(topic: bytes) -> str:
    return topic.decode("utf-8", "replace").replace("\0", "\ufffd")
