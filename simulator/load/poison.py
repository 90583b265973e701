"""What a load may spoil, by name: bytes written over a good message, and what it then deserves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cityvitals.domain.outcome import Reason
from simulator.load.digits import TIME_WIDTH, VALUE_WIDTH, Bytes


class Poison(StrEnum):
    """Kinds of spoilt messages."""

    UNDECODABLE = "undecodable"
    """The message is no JSON: it counts as one reading. All others spoil one reading of it."""
    NAN = "nan"
    NULL = "null"
    BAD_UNIT = "bad_unit"
    UNKNOWN_QUANTITY = "unknown_quantity"
    NO_TIME = "no_time"
    NO_OFFSET = "no_offset"
    FAR_FUTURE = "far_future"


KINDS: Final = tuple(Poison)
REASONS: Final = {
    Poison.UNDECODABLE: Reason.UNDECODABLE,
    Poison.NAN: Reason.NO_NUMBER,
    Poison.NULL: Reason.NO_NUMBER,
    Poison.BAD_UNIT: Reason.BAD_UNIT,
    Poison.UNKNOWN_QUANTITY: Reason.UNKNOWN_QUANTITY,
    Poison.NO_TIME: Reason.NO_TIME,
    Poison.NO_OFFSET: Reason.NO_TIME,
    Poison.FAR_FUTURE: Reason.FUTURE,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the parts of one reading stand in its packet.

    Attributes:
        series: which of the sensor's series it is of.
        t, v, q, u, seq: where the bytes begin; seq is meaningless where none is sent.
        q_width, u_width: how many bytes of quantity and unit there are.
    """

    series: int
    t: int
    v: int
    q: int
    u: int
    seq: int
    q_width: int
    u_width: int


def spoil(row: Bytes, poison: Poison, begin: int, place: Place) -> None:
    """Write over a message's bytes; its width stays.

    Args:
        row: the packet.
        poison: how.
        begin: where its payload begins.
        place: the reading that is spoilt.
    """
    at, written = _at(poison, begin, place), _written(poison, place)
    row[at : at + len(written)] = list(written)


def _at(poison: Poison, begin: int, place: Place) -> int:
    return {
        Poison.UNDECODABLE: begin,
        Poison.NAN: place.v,
        Poison.NULL: place.v,
        Poison.BAD_UNIT: place.u,
        Poison.UNKNOWN_QUANTITY: place.q,
        Poison.NO_TIME: place.t - len('t":"'),
        Poison.NO_OFFSET: place.t + TIME_WIDTH,
        Poison.FAR_FUTURE: place.t,
    }[poison]


def _written(poison: Poison, place: Place) -> bytes:
    return {
        Poison.UNDECODABLE: b"\xff",
        Poison.NAN: b"NaN".ljust(VALUE_WIDTH),
        Poison.NULL: b"null".ljust(VALUE_WIDTH),
        Poison.BAD_UNIT: b"?" * place.u_width,
        Poison.UNKNOWN_QUANTITY: b"x" * place.q_width,
        Poison.NO_TIME: b"x",
        Poison.NO_OFFSET: b" ",
        Poison.FAR_FUTURE: b"2999",
    }[poison]
