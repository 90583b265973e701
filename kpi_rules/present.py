"""An indicator as the API and its stream show it: one function, so that both show the same."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any


def present(
    body: Mapping[str, Any], row: Mapping[str, Any], facts: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The JSON object of an indicator.

    Args:
        body: `Rule.body()` of the rule revision that made the value.
        row: columns of the `indicator` table, times as aware datetimes, plus `city` or not.
        facts: those that the row names, columns of the `fact` table.
    """
    return {
        "rule": row["rule"],
        "zone": row["zone"] or None,
        "window_begin": shown_time(row["window_begin"]),
        "window_end": shown_time(row["window_end"]),
        "value": row["value"],
        "unit": body["unit"],
        "band": find_band(body["bands"], row["value"]),
        "state": str(row["state"]),
        "coverage": row["coverage"],
        "revision": row["revision"],
        "rule_revision": row["rule_revision"],
        "numerator": row["numerator"],
        "denominator": row["denominator"],
        "observed": row["observed"],
        "flagged": row["flagged"],
        "stations": row["station_count"],
        "facts": [present_fact(fact) for fact in facts],
        "silent": list(row["silent"]),
        "watermark": shown_time(row["watermark"]),
        "computed_at": shown_time(row["computed_at"]),
        "reason": row["reason"],
        "title": body["title"],
        "digits": body["digits"],
        "domain": body["domain"],
    }


def present_fact(fact: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of a fact: what it said when an indicator was made with it, as stated.

    Args:
        fact: columns of the `fact` table, `valid_from` an aware datetime or None for ever.
    """
    return {
        "id": fact["id"],
        "name": fact["name"],
        "zone": fact["zone"] or None,
        "value": fact["value"],
        "unit": fact["unit"],
        "valid_from": shown_time(fact["valid_from"]),
        "source": fact["source"],
        "quality": fact["quality"],
    }


def find_band(bands: Sequence[Mapping[str, Any]], value: float | None) -> str | None:
    """The name of the band that holds a value, upper edges inclusive, the value not rounded."""
    if value is None:
        return None
    for band in bands:
        if band["to"] is None or value <= band["to"]:
            return str(band["name"])
    return None


def shown_time(moment: datetime | None) -> str | None:
    """A moment as every answer has it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
