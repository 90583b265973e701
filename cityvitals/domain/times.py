"""Times as the core handles them: whole microseconds since 1970-01-01 UTC, in int64.

Every stored time is an aware UTC instant; arrays and kernels see the number alone.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

US: Final = 1_000_000
"""Microseconds in a second."""

BUCKET_US: Final = 900 * US
"""The base bucket: a quarter hour. Every UTC offset in use is a multiple of it."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

EARLIEST_US: Final = -62_135_596_800 * US
"""0001-01-01T00:00Z, the first instant that Python and PostgreSQL both can name."""
LATEST_US: Final = 253_402_300_799 * US
"""9999-12-31T23:59:59Z, the last one."""


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime.

    Raises:
        ValueError: if `moment` has no time zone.
    """
    if moment.tzinfo is None:
        msg = f"{moment.isoformat()} has no time zone"
        raise ValueError(msg)
    return (moment - EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=int(us))


def iso(us: int) -> str:
    """RFC 3339 with `Z`, fraction only where there is one: `2026-11-23T10:15:00Z`."""
    return from_us(us).isoformat().replace("+00:00", "Z")


def bucket_of(us: int) -> int:
    """Begin of the quarter hour that holds an instant; an edge belongs to the bucket it begins."""
    return us - us % BUCKET_US


def ceil_bucket(us: int) -> int:
    """The first quarter-hour edge at or after an instant."""
    return -(-us // BUCKET_US) * BUCKET_US
