"""Wire models of readings and rollups, for the documentation; tests hold the examples true."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from api.schemas import LIST_EXAMPLE


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _OfCity(_Shown):
    city: str
    time_zone: str


class CityReading(_Shown):
    """A reading as it is current: `value` in the quantity's canonical unit, `rev` as sent."""

    sensor: str
    quantity: str
    channel: str
    observed_at: datetime
    value: float
    rev: int
    flags: list[Literal["unit_changed", "server_timed", "out_of_range", "fault_code", "clock_skew"]]


class CityReadings(_OfCity):
    """Readings by time; `next` is the cursor of the following page, null on the last."""

    items: list[CityReading]
    next: str | None


class CityRollup(_Shown):
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


class CityRollups(_OfCity):
    """Closed quarter hours by series, then time; `next` is the cursor of the following page."""

    items: list[CityRollup]
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
CITY_READINGS_EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "items": [READING_EXAMPLE],
    "next": None,
}
CITY_ROLLUPS_EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "items": [ROLLUP_EXAMPLE],
    "next": None,
}
