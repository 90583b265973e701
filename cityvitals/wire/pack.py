"""What every payload format decodes to: readings as a gateway words them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from cityvitals.domain.outcome import Reason


class Reading(NamedTuple):
    """A reading as a gateway words it.

    Attributes:
        t_us: observed at, microseconds since 1970 UTC.
        q: quantity.
        v: value, in unit `u`.
        u: unit token; "" is the declared one, or else the quantity's canonical unit.
        rev: revision of the value, where the source counts them.
        seq: the gateway's running number, where it counts.
        ch: channel, where a sensor has several of a quantity.
        device: the device, where the payload itself names one.
    """

    t_us: int
    q: str
    v: float
    u: str = ""
    rev: int = 0
    seq: int | None = None
    ch: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class BadReading:
    """A reading of a pack that cannot be taken, by its index; seq is -1 where it has none."""

    index: int
    reason: Reason
    detail: str
    seq: int = -1


@dataclass(slots=True)
class Pack:
    """A decoded message: parallel lists of its good readings, and the bad ones.

    Attributes:
        t_us: observed at, microseconds since 1970 UTC; of a row in `relative`, counted from the
            message's arrival instead (negative: before it).
        index: position in the pack as sent.
        device: the device that the payload names for each reading, "" where it names none; an empty
            list where it names none at all, as nearly always.
        relative: rows (positions in these lists, ascending) without an absolute time.
    """

    t_us: list[int] = field(default_factory=list)
    q: list[str] = field(default_factory=list)
    v: list[float] = field(default_factory=list)
    u: list[str] = field(default_factory=list)
    rev: list[int] = field(default_factory=list)
    seq: list[int | None] = field(default_factory=list)
    ch: list[str] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    bad: list[BadReading] = field(default_factory=list)
    device: list[str] = field(default_factory=list)
    relative: list[int] = field(default_factory=list)
