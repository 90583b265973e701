"""Wire models of readings and rollups, for the documentation."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from api.schemas import LIST_EXAMPLE


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _OfSeries(_Shown):
    city: str
    time_zone: str
    sensor: str
    quantity: str
    channel: str
    unit: str | None
    kind: str


class Reading(_Shown):
    """What was said at a time, in its newest revision; `flags` by name."""

    observed_at: datetime
    received_at: datetime
    value: float
    rev: int
    flags: list[str]


class Readings(_OfSeries):
    """Readings of a series; a page may be empty and yet have a `next`, where few lie far apart."""

    items: list[Reading]
    next: str | None


class Rollup(_Shown):
    """The partial of a quarter hour.

    `integral` is over `covered_seconds`; of totals what fell into it. `mean` is integral ÷ covered
    seconds, null for totals and where nothing is covered. `count` readings begin in it.
    """

    begin: datetime
    end: datetime
    count: int
    flagged: int
    min: float | None
    max: float | None
    mean: float | None
    integral: float
    covered_seconds: float
    first_at: datetime | None
    first: float | None
    last_at: datetime | None
    last: float | None


class Rollups(_OfSeries):
    """Closed quarter hours of a series; the newest is still open, its readings are there."""

    items: list[Rollup]
    next: str | None


_SERIES_EXAMPLE: Final = {
    **LIST_EXAMPLE,
    "sensor": "aotizhongxin",
    "quantity": "pm2_5",
    "channel": "",
    "unit": "ug/m3",
    "kind": "gauge",
}
READINGS_EXAMPLE: Final[dict[str, Any]] = {
    **_SERIES_EXAMPLE,
    "items": [
        {
            "observed_at": "2026-11-23T05:00:00Z",
            "received_at": "2026-11-23T05:00:01.204Z",
            "value": 38.9,
            "rev": 0,
            "flags": [],
        }
    ],
    "next": None,
}
ROLLUPS_EXAMPLE: Final[dict[str, Any]] = {
    **_SERIES_EXAMPLE,
    "items": [
        {
            "begin": "2026-11-23T05:00:00Z",
            "end": "2026-11-23T05:15:00Z",
            "count": 15,
            "flagged": 0,
            "min": 37.1,
            "max": 40.2,
            "mean": 38.9,
            "integral": 35010.0,
            "covered_seconds": 900.0,
            "first_at": "2026-11-23T05:00:00Z",
            "first": 37.1,
            "last_at": "2026-11-23T05:14:00Z",
            "last": 40.2,
        }
    ],
    "next": None,
}
