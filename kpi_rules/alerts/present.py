"""An alert as the API, its stream and the broker show it: one function for all."""

from collections.abc import Mapping
from typing import Any

from kpi_rules.present import shown_time


def present_alert(body: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of an alert.

    Args:
        body: `AlertRule.body()` of the revision that judged it.
        row: columns of the `alert` table, times as aware datetimes.
    """
    return {
        "id": row["id"],
        "alert": row["alert"],
        "alert_revision": row["alert_revision"],
        "rule": row["rule"],
        "zone": row["zone"] or None,
        "title": body["title"],
        "severity": body["severity"],
        "state": row["state"],
        "since": shown_time(row["since"]),
        "until": shown_time(row["until"]),
        "raised_at": shown_time(row["raised_at"]),
        "changed_at": shown_time(row["changed_at"]),
        "peak": row["peak"],
        "peak_at": shown_time(row["peak_at"]),
        "unit": body["unit"],
        "side": body["side"],
        "threshold": body["threshold"],
        "clear": body["clear"],
        "windows": body["windows"],
        "acknowledged": acknowledgement(row),
        "events": row["events"],
        "standard": body["standard"],
        "source": " ".join(body["source"].split()),
    }


def acknowledgement(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Who has taken note of an alert, when, and what they said; None where nobody has."""
    if row["acknowledged_at"] is None:
        return None
    return {
        "at": shown_time(row["acknowledged_at"]),
        "by": row["acknowledged_by"],
        "comment": row["comment"],
    }
