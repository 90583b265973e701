"""Packs put together reading by reading, and the checks that every format shares."""

import math
from typing import Any, Final

from cityvitals.domain.names import is_identifier
from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload
from cityvitals.wire.pack import BadReading, Pack, Reading

MOST_READINGS: Final = 10_000
"""Of one message: a full one takes this many steps, and a larger one is a mistake or an attack."""

LONGEST_TEXT: Final = 200
"""Characters of a quantity, channel, unit or device as sent."""


class Rows:
    """A pack being filled, in the order of the message."""

    def __init__(self) -> None:
        self._pack = Pack()
        self._next = 0

    def add(self, reading: Reading, *, relative: bool = False) -> None:
        """Take a reading; `relative`: its time counts from the message's arrival."""
        pack = self._pack
        if relative:
            pack.relative.append(len(pack.index))
        pack.t_us.append(reading.t_us)
        pack.q.append(reading.q)
        pack.v.append(reading.v)
        pack.u.append(reading.u)
        pack.rev.append(reading.rev)
        pack.seq.append(reading.seq)
        pack.ch.append(reading.ch)
        pack.device.append(reading.device)
        pack.index.append(self._count())

    def reject(self, error: MalformedPayload, seq: int = -1) -> None:
        """Turn a reading away, and only it; `seq` is its running number, where it has one."""
        self._pack.bad.append(BadReading(self._count(), Reason(error.reason), error.detail, seq))

    def done(self) -> Pack:
        """The pack; without a column of devices where none is named."""
        if not any(self._pack.device):
            self._pack.device = []
        return self._pack

    def _count(self) -> int:
        if self._next >= MOST_READINGS:
            raise MalformedPayload(Reason.TOO_LARGE, f"more than {MOST_READINGS} readings")
        self._next += 1
        return self._next - 1


def number(given: Any, where: str) -> float:
    """A finite number; `where` says in the error which it was."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise MalformedPayload(Reason.NO_NUMBER, f"{where} holds {type(given).__name__}")
    try:
        value = float(given)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise MalformedPayload(Reason.NO_NUMBER, f"{where} is {value}")
    return value


def short_text(given: Any, where: str, reason: Reason = Reason.UNKNOWN_SCHEMA) -> str:
    """Text of a bearable length."""
    if not isinstance(given, str):
        raise MalformedPayload(reason, f"{where} must be text, not {type(given).__name__}")
    if len(given) > LONGEST_TEXT:
        raise MalformedPayload(
            reason, f"{where} is {given[:40]!a}... of {len(given)} characters, over {LONGEST_TEXT}"
        )
    return given


def channel(given: Any, where: str) -> str:
    """A channel: an id, or "" for none."""
    if given == "":
        return ""  # nearly always, so before the costlier look
    if not (isinstance(given, str) and given.isascii() and is_identifier(given)):
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"{where} must be letters, digits, . _ -")
    return given


def named(given: str, where: str) -> tuple[str, str]:
    """Quantity and channel of a name such as `no2` or `no2.b`."""
    short_text(given, where, Reason.UNKNOWN_QUANTITY)
    quantity, dot, rest = given.partition(".")
    if dot and not rest:
        raise MalformedPayload(Reason.UNKNOWN_SCHEMA, f"{where} {given[:40]!a} ends with a dot")
    return quantity, channel(rest, f"channel of {where}")


def worded(reading: Reading) -> str:
    """The inverse of `named`."""
    return f"{reading.q}.{reading.ch}" if reading.ch else reading.q


def refuse(reading: Reading, words: str, *, unit: bool = False) -> None:
    """ValueError where a reading says more than a format has words for."""
    if reading.rev or reading.seq is not None or (unit and reading.u):
        msg = f"{words} has no words for rev, seq{', u' if unit else ''}: {reading}"
        raise ValueError(msg)
