"""What a load may spoil, by name: bytes written over a good message, and what it then deserves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cityvitals.domain.outcome import Reason
from simulator.load.digits import VALUE_WIDTH, Bytes


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
    at, written = _written(poison, begin, place)
    row[at : at + len(written)] = list(written)


def _written(poison: Poison, begin: int, place: Place) -> tuple[int, bytes]:
    """Where, and what."""
    match poison:
        case Poison.UNDECODABLE:
            return begin, b"\xff"
        case Poison.NAN:
            return place.v, b"NaN".ljust(VALUE_WIDTH)
        case Poison.NULL:
            return place.v, b"null".ljust(VALUE_WIDTH)
        case Poison.BAD_UNIT:
            return place.u, b"?" * place.u_width
        case Poison.UNKNOWN_QUANTITY:
            return place.q, b"x" * place.q_width
        case Poison.NO_TIME:
            return place.t - len('t":"'), b"x"
        case Poison.NO_OFFSET:
            return place.t + len("2026-11-23T10:15:00.000000"), b" "
        case Poison.FAR_FUTURE:
            return place.t, b"2999"
