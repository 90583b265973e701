"""Wire models of sensors and series, for the documentation."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from api.schemas import LIST_EXAMPLE


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Series(_Shown):
    """A series: what it declares, and how it did on the day before `statistics_until`.

    `source` is where the declaration that counts comes from: registry, meta (the gateway), or the
    quantity's default. `last_seen` is its newest reading in a closed quarter hour. `coverage` is
    the covered share of that day, `observed` its readings, `flagged` those left out, `repeated`
    those that said again what the one before them did.
    """

    sensor: str
    quantity: str
    channel: str
    unit: str | None
    kind: str
    source: str | None
    period_seconds: float
    stamp: Literal["begin", "end"]
    reporting_seconds: float
    sent_in: str | None
    reference_state: str
    last_seen: datetime | None
    coverage: float
    observed: int
    flagged: int
    repeated: int


class SeriesList(_Shown):
    """Series of a city."""

    city: str
    time_zone: str
    statistics_until: datetime
    items: list[Series]
    next: str | None


class Sensor(_Shown):
    """A sensor: where it stands, when it last said something, and how its last day was.

    `status`: `active`; `silent` (nothing for three times its reporting, at least a quarter hour, by
    the city's clock and closed quarter hours); `new` (nothing yet). `coverage` is the mean over its
    series; `quality` the share of its readings that no flag left out, null where there are none.
    `stuck` are the gauges that repeated themselves all day: 19 of 20 samples, of at least 20.
    """

    id: str
    domain: str
    gateway: str
    gateway_status: str | None
    zone: str | None
    latitude: float | None
    longitude: float | None
    status: Literal["active", "silent", "new"]
    last_seen: datetime | None
    coverage: float
    quality: float | None
    observed: int
    flagged: int
    stuck: list[str]
    quantities: list[str]


class Sensors(_Shown):
    """Sensors of a city."""

    city: str
    time_zone: str
    statistics_until: datetime
    items: list[Sensor]
    next: str | None


_UNTIL: Final = "2026-11-23T06:30:00Z"
SERIES_LIST_EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "statistics_until": _UNTIL,
    "items": [
        {
            "sensor": "aotizhongxin",
            "quantity": "pm2_5",
            "channel": "",
            "unit": "ug/m3",
            "kind": "interval_mean",
            "source": "meta",
            "period_seconds": 3600.0,
            "stamp": "begin",
            "reporting_seconds": 0.0,
            "sent_in": "ug/m3",
            "reference_state": "",
            "last_seen": "2026-11-23T05:00:00Z",
            "coverage": 0.96,
            "observed": 23,
            "flagged": 0,
            "repeated": 1,
        }
    ],
    "next": None,
}
SENSORS_EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "statistics_until": _UNTIL,
    "items": [
        {
            "id": "aotizhongxin",
            "domain": "air",
            "gateway": "gw-1",
            "gateway_status": "online",
            "zone": "dongcheng",
            "latitude": 39.982,
            "longitude": 116.397,
            "status": "active",
            "last_seen": "2026-11-23T05:00:00Z",
            "coverage": 0.96,
            "quality": 1.0,
            "observed": 23,
            "flagged": 0,
            "stuck": [],
            "quantities": ["pm2_5"],
        }
    ],
    "next": None,
}
