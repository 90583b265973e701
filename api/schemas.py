"""Wire models for the documentation: what answers look like, with examples that tests hold true.

Answers are not built through them, for speed; tests validate real answers against them.
"""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class City(_Shown):
    """A city; `complete_to` is up to when the data of all its domains is complete."""

    id: str
    name: str
    time_zone: str
    clock: Literal["live", "replay"]
    complete_to: datetime | None
    change_number: int


class Zone(_Shown):
    """A district of a city; `geometry` is GeoJSON."""

    id: str
    name: str
    geometry: dict[str, Any] | None


class LedgerCounts(_Shown):
    """What became of readings; `lost` are running numbers that have not arrived."""

    received: int
    stored: int
    duplicate: int
    revised: int
    rejected: int
    lost: int
    resets: int


class LedgerLine(LedgerCounts):
    """What became of one gateway's readings."""

    gateway: str


class InFlight(_Shown):
    """Messages that workers hold and have not committed yet, of all cities."""

    messages: int
    workers: int


class Ledger(_Shown):
    """What became of everything received: `closes` says whether each line adds up."""

    city: str
    time_zone: str
    gateways: list[LedgerLine]
    total: LedgerCounts
    closes: bool
    in_flight: InFlight


class Fact(_Shown):
    """A dated figure of a city, or of its `zone`, as stated.

    It holds from `valid_from` (null: ever since) until the next one of its name and zone. `quality`
    is how well it is known, by the classes of the U4SSC verification: counted or metered, from a
    survey, from figures of a higher level, on assumptions, somebody's own estimate, not traceable.
    """

    id: int
    name: str
    zone: str | None
    value: float
    unit: str
    valid_from: datetime | None
    source: str
    quality: Literal["measured", "surveyed", "extrapolated", "estimated", "personal", "unknown"]


class Facts(_Shown):
    """Facts of a city."""

    city: str
    time_zone: str
    items: list[Fact]
    next: str | None


class Indicator(_Shown):
    """An indicator with its warrant; `zone` null is the city itself.

    `value` is null where `state` is `insufficient`, and `reason` says why. Times are RFC 3339 in
    UTC, windows [begin, end), `coverage` the covered share of the window, 0 to 1. `stations` says
    how many took part, each once however many inputs it feeds. `facts` are those in force at the
    window's end that the rule uses.
    """

    rule: str
    zone: str | None
    window_begin: datetime
    window_end: datetime
    value: float | None
    unit: str
    band: str | None
    state: Literal["provisional", "final", "corrected", "insufficient"]
    coverage: float
    revision: int
    rule_revision: int
    numerator: float | None
    denominator: float | None
    observed: int
    flagged: int
    stations: int
    facts: list[Fact]
    silent: list[str]
    watermark: datetime | None
    computed_at: datetime
    reason: str
    title: str
    digits: int
    domain: str


class SeriesPoint(_Shown):
    """What a series said in [begin, end); of a reading by itself both are its time.

    `min` and `max` are over readings that no flag excludes; of totals, over what fell into each
    quarter hour. `mean` is weighted by time where `source` is `rollups`, null for totals; `total`
    is what came together, null for others. `count` readings begin here, `flagged` are left out.
    """

    begin: datetime
    end: datetime
    min: float | None
    max: float | None
    mean: float | None
    total: float | None
    count: int
    flagged: int


class SeriesHistory(_Shown):
    """A series' points, ascending; stretches of which nothing is known have none.

    `source` says what they are made of, `step_seconds` how long each stretch is: null where points
    are readings.
    """

    city: str
    time_zone: str
    sensor: str
    quantity: str
    channel: str
    kind: str
    unit: str | None
    from_: datetime = Field(alias="from")
    to: datetime
    source: Literal["readings", "rollups"]
    step_seconds: float | None
    items: list[SeriesPoint]


class Cities(_Shown):
    """All cities."""

    items: list[City]
    next: str | None


class Zones(_Shown):
    """All zones of a city."""

    city: str
    time_zone: str
    items: list[Zone]
    next: str | None


class Indicators(_Shown):
    """Indicators; `next` is the cursor of the following page, null on the last."""

    city: str
    time_zone: str
    items: list[Indicator]
    next: str | None


class Fault(_Shown):
    """One query parameter that cannot be taken."""

    parameter: str
    detail: str


class Problem(_Shown):
    """RFC 9457: what went wrong, where, and why."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] | None = None


CITY_EXAMPLE: Final = {
    "id": "beijing",
    "name": "Beijing",
    "time_zone": "Asia/Shanghai",
    "clock": "live",
    "complete_to": "2026-11-23T06:32:00Z",
    "change_number": 48211,
}
ZONE_EXAMPLE: Final = {
    "id": "dongcheng",
    "name": "Dongcheng",
    "geometry": {"type": "Point", "coordinates": [116.42, 39.93]},
}
FACT_EXAMPLE: Final = {
    "id": 12,
    "name": "population",
    "zone": "dongcheng",
    "value": 708829.0,
    "unit": "{inhabitant}",
    "valid_from": "2020-10-31T16:00:00Z",
    "source": "Seventh national population census",
    "quality": "measured",
}
INDICATOR_EXAMPLE: Final = {
    "rule": "air.pm2_5.hour",
    "zone": "dongcheng",
    "window_begin": "2026-11-23T06:00:00Z",
    "window_end": "2026-11-23T07:00:00Z",
    "value": 41.27,
    "unit": "ug/m3",
    "band": None,
    "state": "provisional",
    "coverage": 0.97,
    "revision": 12,
    "rule_revision": 1,
    "numerator": 123.81,
    "denominator": 3.0,
    "observed": 93,
    "flagged": 0,
    "stations": 3,
    "facts": [],
    "silent": [],
    "watermark": "2026-11-23T06:32:00Z",
    "computed_at": "2026-11-23T06:32:02.118Z",
    "reason": "",
    "title": "PM2.5, hourly mean",
    "digits": 0,
    "domain": "air",
}
FINAL_EXAMPLE: Final = {
    **INDICATOR_EXAMPLE,
    "window_begin": "2026-11-23T05:00:00Z",
    "window_end": "2026-11-23T06:00:00Z",
    "value": 38.9,
    "state": "final",
    "coverage": 1.0,
}
LEDGER_EXAMPLE: Final = {
    "received": 120_000,
    "stored": 119_400,
    "duplicate": 580,
    "revised": 8,
    "rejected": 12,
    "lost": 0,
    "resets": 0,
}
LIST_EXAMPLE: Final = {"city": "beijing", "time_zone": "Asia/Shanghai"}
EXAMPLES: Final[dict[str, Any]] = {
    "Cities": {"items": [CITY_EXAMPLE], "next": None},
    "City": CITY_EXAMPLE,
    "Zones": {**LIST_EXAMPLE, "items": [ZONE_EXAMPLE], "next": None},
    "Facts": {**LIST_EXAMPLE, "items": [FACT_EXAMPLE], "next": None},
    "Ledger": {
        **LIST_EXAMPLE,
        "gateways": [{"gateway": "gw-1", **LEDGER_EXAMPLE}],
        "total": LEDGER_EXAMPLE,
        "closes": True,
        "in_flight": {"messages": 12, "workers": 2},
    },
    "SeriesHistory": {
        **LIST_EXAMPLE,
        "sensor": "aotizhongxin",
        "quantity": "pm2_5",
        "channel": "",
        "kind": "interval_mean",
        "unit": "ug/m3",
        "from": "2026-11-16T00:00:00Z",
        "to": "2026-11-23T00:00:00Z",
        "source": "rollups",
        "step_seconds": 3600.0,
        "items": [
            {
                "begin": "2026-11-16T00:00:00Z",
                "end": "2026-11-16T01:00:00Z",
                "min": 38.0,
                "max": 44.5,
                "mean": 41.2,
                "total": None,
                "count": 1,
                "flagged": 0,
            }
        ],
    },
    "Indicators": {**LIST_EXAMPLE, "items": [FINAL_EXAMPLE, INDICATOR_EXAMPLE], "next": None},
}
"""Of each good answer, by its model."""

STREAM_EXAMPLE: Final = (
    "retry: 2000\n\n"
    'id: 48211\nevent: snapshot\ndata: {"alerts":[…],"items":[…],"next":null}\n\n'
    ": up to date at 48211\n\n"
    'id: 48212\nevent: value\ndata: {"rule":"air.pm2_5.hour","zone":"dongcheng",…}\n\n'
    'id: 48213\nevent: alert\ndata: {"event":"raised","id":42,"state":"active",…}\n\n'
    ": still here\n\n"
)
