"""Wire models of readings and rollups, for the documentation; tests hold the examples true."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from api.schemas import LIST_EXAMPLE


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StoredReading(_Shown):
    """A reading as it is current: `value` in the quantity's canonical unit, `rev` as sent."""

    sensor: str
    quantity: str
    channel: str
    observed_at: datetime
    value: float
    rev: int
    flags: list[Literal["unit_changed", "server_timed", "out_of_range", "fault_code", "clock_skew"]]


class StoredReadings(_Shown):
    """Readings by time; `next` is the cursor of the following page, null on the last."""

    city: str
    time_zone: str
    items: list[StoredReading]
    next: str | None


class StoredRollup(_Shown):
    """What a series said in the quarter hour from `begin`.

    `count`, `sum`, `sumsq`, `first` and `last` are over readings that begin here and that no flag
    excludes, `flagged` counts the others. `integral` is value by seconds (of totals their share),
    over the `covered_seconds` of which something is known.
    """

    sensor: str
    quantity: str
    channel: str
    begin: datetime
    count: int
    flagged: int
    sum: float
    sumsq: float
    min: float | None
    max: float | None
    first_at: datetime | None
    first: float | None
    last_at: datetime | None
    last: float | None
    integral: float
    increase: float
    covered_seconds: float


class StoredRollups(_Shown):
    """Closed quarter hours by series, then time; `next` is the cursor of the following page."""

    city: str
    time_zone: str
    items: list[StoredRollup]
    next: str | None


_SERIES_EXAMPLE: Final = {"sensor": "aotizhongxin", "quantity": "pm2_5", "channel": ""}
READING_EXAMPLE: Final = {
    **_SERIES_EXAMPLE,
    "observed_at": "2026-11-23T06:00:00Z",
    "value": 41.3,
    "rev": 0,
    "flags": [],
}
ROLLUP_EXAMPLE: Final = {
    **_SERIES_EXAMPLE,
    "begin": "2026-11-23T06:00:00Z",
    "count": 2,
    "flagged": 0,
    "sum": 82.0,
    "sumsq": 3362.5,
    "min": 40.5,
    "max": 41.5,
    "first_at": "2026-11-23T06:00:00Z",
    "first": 40.5,
    "last_at": "2026-11-23T06:10:00Z",
    "last": 41.5,
    "integral": 36750.0,
    "increase": 0.0,
    "covered_seconds": 900.0,
}
READINGS_EXAMPLE: Final = {**LIST_EXAMPLE, "items": [READING_EXAMPLE], "next": None}
ROLLUPS_EXAMPLE: Final = {**LIST_EXAMPLE, "items": [ROLLUP_EXAMPLE], "next": None}
