"""A message as the broker handed it over."""

from typing import NamedTuple


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
