"""Times as they come on the wire: RFC 3339 text with an offset, or epoch seconds. Pure."""

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

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


def _from_text(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_time(f"{text[:40]!a} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise _no_time(f"{text[:40]!a} has no offset from UTC")
    try:
        return to_us(moment)
    except OverflowError:  # an offset that leads out of years 1 to 9999
        raise _no_time(f"{text[:40]!a} is out of range") from None


def _from_seconds(seconds: float) -> int:
    if not EARLIEST_US // US <= seconds <= LATEST_US // US:
        raise _no_time(f"epoch second {seconds:.6g} lies outside years 1 to 9999")
    if isinstance(seconds, int):
        return seconds * US
    # By its shortest decimal text: 1700000000.123457 times a million is not exact in binary.
    return math.floor(Decimal(repr(seconds)) * US)


def _no_time(detail: str) -> MalformedPayload:
    return MalformedPayload(Reason.NO_TIME, detail)
