"""Alerts as the API answers them."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import LIST_EXAMPLE

MOST_COMMENT: Final = 1_000


class StandardOf(BaseModel):
    """Where a threshold stands."""

    model_config = ConfigDict(extra="forbid")
    body: str
    document: str
    clause: str
    edition: str


class Acknowledgement(BaseModel):
    """Who has taken note of an alert, by their token's name."""

    model_config = ConfigDict(extra="forbid")
    at: datetime
    by: str
    comment: str


class Alert(BaseModel):
    """A stretch of final windows of an indicator beyond a threshold.

    `since` and `until` are begins of windows: the first beyond the threshold, and the first of
    those that ended it. `withdrawn` is an alert that a correction has shown to be none.
    """

    model_config = ConfigDict(extra="forbid")
    id: int
    alert: str
    alert_revision: int
    rule: str
    zone: str | None
    title: str
    severity: Literal["notice", "warning", "critical"]
    state: Literal["active", "cleared", "withdrawn"]
    since: datetime
    until: datetime | None
    raised_at: datetime
    changed_at: datetime
    peak: float
    peak_at: datetime
    unit: str
    side: Literal["above", "below"]
    threshold: float
    clear: float
    windows: int
    acknowledged: Acknowledgement | None
    events: int
    standard: StandardOf | None
    source: str


class Alerts(BaseModel):
    """Alerts of a city, the newest first."""

    model_config = ConfigDict(extra="forbid")
    city: str
    time_zone: str
    items: list[Alert]
    next: str | None


class AlertEvent(BaseModel):
    """What happened to an alert, and how it stood then."""

    model_config = ConfigDict(extra="forbid")
    number: int
    at: datetime
    event: Literal[
        "raised", "worsened", "cleared", "reopened", "amended", "withdrawn", "acknowledged"
    ]
    since: datetime
    until: datetime | None
    peak: float
    by: str | None
    comment: str | None


class AlertHistory(BaseModel):
    """One alert, and what happened to it."""

    model_config = ConfigDict(extra="forbid")
    city: str
    time_zone: str
    alert: Alert
    history: list[AlertEvent]


class Acknowledge(BaseModel):
    """That somebody has taken note of an alert, and what they say."""

    model_config = ConfigDict(extra="forbid")
    comment: str = Field(default="", max_length=MOST_COMMENT, pattern=r"^[^\x00]*$")


ALERT_EXAMPLE: Final[dict[str, Any]] = {
    "id": 42,
    "alert": "eu.o3.information",
    "alert_revision": 1,
    "rule": "air.eu2008.o3.alert",
    "zone": "dongcheng",
    "title": "Ozone above the EU information threshold",
    "severity": "warning",
    "state": "active",
    "since": "2026-07-23T12:00:00Z",
    "until": None,
    "raised_at": "2026-07-23T13:01:12Z",
    "changed_at": "2026-07-23T14:01:09Z",
    "peak": 204.0,
    "peak_at": "2026-07-23T13:00:00Z",
    "unit": "ug/m3",
    "side": "above",
    "threshold": 180.0,
    "clear": 180.0,
    "windows": 1,
    "acknowledged": {"at": "2026-07-23T13:04:40Z", "by": "duty desk", "comment": "Press told."},
    "events": 3,
    "standard": {
        "body": "European Union",
        "document": "Directive 2008/50/EC",
        "clause": "Annex XII, B",
        "edition": "2008",
    },
    "source": "The hourly mean, as SNPA (aq-framework) transcribes it; 2024/2881 keeps it.",
}
ALERTS_EXAMPLE: Final[dict[str, Any]] = {**LIST_EXAMPLE, "items": [ALERT_EXAMPLE], "next": None}
HISTORY_EXAMPLE: Final[dict[str, Any]] = {
    **LIST_EXAMPLE,
    "alert": ALERT_EXAMPLE,
    "history": [
        {
            "number": 1,
            "at": "2026-07-23T13:01:12Z",
            "event": "raised",
            "since": "2026-07-23T12:00:00Z",
            "until": None,
            "peak": 184.0,
            "by": None,
            "comment": None,
        },
        {
            "number": 2,
            "at": "2026-07-23T13:04:40Z",
            "event": "acknowledged",
            "since": "2026-07-23T12:00:00Z",
            "until": None,
            "peak": 184.0,
            "by": "duty desk",
            "comment": "Press told.",
        },
        {
            "number": 3,
            "at": "2026-07-23T14:01:09Z",
            "event": "worsened",
            "since": "2026-07-23T12:00:00Z",
            "until": None,
            "peak": 204.0,
            "by": None,
            "comment": None,
        },
    ],
}
