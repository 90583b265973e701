"""What every payload format is: one object that reads and writes it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload
from cityvitals.wire.pack import Pack, Reading


@dataclass(frozen=True, slots=True)
class Format:
    """A payload format; each module of `cityvitals.wire.formats` has one, named FORMAT.

    Attributes:
        name: the module's name, by which the format is chosen for sending.
        parse: bytes to values in its notation; raises MalformedPayload and nothing else.
        claims: whether a parsed message has this format's shape, and no other format's.
        read: a claimed message to its readings; raises MalformedPayload and nothing else.
        write: the message that holds readings; raises ValueError for what it cannot express.
        samples: readings that it can express, for tests and load.
    """

    name: str
    parse: Callable[[bytes], Any]
    claims: Callable[[Any], bool]
    read: Callable[[Any], Pack]
    write: Callable[[Iterable[Reading]], bytes]
    samples: tuple[Reading, ...]

    def decode(self, payload: bytes) -> Pack:
        """The readings of a message that is known to be of this format.

        Raises:
            MalformedPayload: it is not, or cannot be decoded.
        """
        message = self.parse(payload)
        if not self.claims(message):
            raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"not of the format {self.name}")
        return self.read(message)

    def encode(self, readings: Iterable[Reading]) -> bytes:
        """The message that holds readings; `decode` gives them back.

        Raises:
            ValueError: the format has no words for one of them.
        """
        return self.write(readings)
