"""Times as they come on the wire: RFC 3339 text with an offset, or epoch seconds. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from cityvitals.domain.outcome import Reason
from cityvitals.domain.times import EARLIEST_US, LATEST_US, US, to_us
from cityvitals.errors import MalformedPayload


def read_instant(given: Any) -> int:
    """Microseconds since 1970 UTC of a time on the wire; finer fractions are cut off.

    Raises:
        MalformedPayload: `no_time`, where there is no absolute time.
    """
    if isinstance(given, str):
        return _from_text(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise _no_time(f"{type(given).__name__} is neither RFC 3339 text nor epoch seconds")
    return _from_seconds(given)


_SHORTEST: Final = len("2026-11-23T10:15:00Z")
_LONGEST: Final = len("2026-11-23T10:15:00.123456Z")
_MARKS: Final = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))


def read_instants(texts: Sequence[str]) -> list[int] | None:
    """The same as `read_instant` of each, five times as fast; None where it needs that one's look.

    Taken are texts of one length in the form that nearly every gateway sends: UTC, at most
    microseconds.
    """
    count, joined = len(texts), "".join(texts)
    width = len(texts[0]) if texts else 0
    if not _SHORTEST <= width <= _LONGEST or len(joined) != count * width or not joined.isascii():
        return None
    marks = (*_MARKS, (width - 1, "Z"), *([] if width == _SHORTEST else [(_SHORTEST - 1, ".")]))
    if any(joined[place::width] != mark * count for place, mark in marks):
        return None
    written = joined.encode()
    # Digits everywhere else: numpy takes signs, blanks and whatever follows a NUL, too.
    if len(written.translate(None, b"0123456789")) != count * len(marks):
        return None
    bare: Any = np.ndarray(count, f"S{width - 1}", written, strides=(width,))  # without the Z
    try:
        instants = bare.astype("M8[us]").view(np.int64)
    except ValueError:
        return None
    return instants.tolist() if instants.min() >= EARLIEST_US else None


def _from_text(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_time(f"{text[:40]!a} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise _no_time(f"{text[:40]!a} has no offset from UTC")
    us = to_us(moment)
    if not EARLIEST_US <= us < LATEST_US + US:  # the offset may lead out of years 1 to 9999
        raise _no_time(f"{text[:40]!a} lies outside years 1 to 9999")
    return us


def _from_seconds(seconds: float) -> int:
    if not EARLIEST_US // US <= seconds <= LATEST_US // US:
        # As a decimal: whole numbers of any size come by JSON, and not all of them fit a float.
        raise _no_time(f"epoch second {Decimal(seconds):.6g} lies outside years 1 to 9999")
    if isinstance(seconds, int):
        return seconds * US
    # By its shortest decimal text: 1700000000.123457 times a million is not exact in binary.
    return math.floor(Decimal(repr(seconds)) * US)


def _no_time(detail: str) -> MalformedPayload:
    return MalformedPayload(Reason.NO_TIME, detail)
