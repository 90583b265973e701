"""What twins have in common: rules' numbers read from the TOML itself, and the table they fill.

A twin computes with pandas, straight from a recorded file, what the service should say of it. It
imports nothing of the service. Its table has a row for each (rule, zone, begin), '' being the city,
begin an aware UTC timestamp, and the columns value (nan for none) and coverage.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

ROOT: Final = Path(__file__).parents[2]
KEY: Final = ["rule", "zone", "begin"]


@dataclass(frozen=True)
class Numbers:
    """What a twin takes from a rule's file."""

    unit: str
    length: str
    station_min: float
    space_min: float


def numbers(rule: str) -> Numbers:
    """A rule's numbers, by its id."""
    for path in sorted((ROOT / "kpi_rules").glob("*.toml")):
        for one in tomllib.loads(path.read_text("utf-8"))["rule"]:
            if one["id"] == rule:
                (only,) = one["input"]
                return Numbers(
                    unit=one["unit"],
                    length=one["window"]["length"],
                    station_min=only["min_coverage"],
                    space_min=one["space"]["min_coverage"],
                )
    raise LookupError(f"no rule {rule} in kpi_rules")


def mapping(name: str) -> dict[str, Any]:
    """A shipped mapping of a recorded file, by its name."""
    return tomllib.loads((ROOT / "simulator" / "mappings" / f"{name}.toml").read_text("utf-8"))


def within_limits(quantity: str, values: Any) -> Any:
    """The values that the catalogue lets take part; the others are as if they were missing."""
    path = ROOT / "cityvitals" / "catalogue" / "quantities.toml"
    entry = tomllib.loads(path.read_text("utf-8"))[quantity]
    low, high = entry.get("low", float("-inf")), entry.get("high", float("inf"))
    excluded = (values < low) | (values > high) | values.isin(entry.get("fault_codes", []))
    return values.mask(excluded)


def rows(rule: str, zone: str, values: Any, coverage: Any) -> pd.DataFrame:
    """Rows of one rule and zone, from two series by the begin of their windows."""
    frame = pd.DataFrame({"value": values, "coverage": coverage})
    frame.index.name = "begin"
    frame = frame.reset_index()
    frame["rule"], frame["zone"] = rule, zone
    frame["begin"] = frame["begin"].dt.tz_convert("UTC")
    return frame[[*KEY, "value", "coverage"]]


def table(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All rows, by key."""
    return pd.concat(list(parts), ignore_index=True).sort_values(KEY).set_index(KEY)


def enough(values: Any, coverage: Any, least: float) -> Any:
    """No value where too little of the zone is covered."""
    return values.where(coverage >= least)


def window_begins(index: Any, length: str) -> Any:
    """The begin of the local hour or day that holds each instant of a local index."""
    if length == "day":
        return index.normalize()
    # An hour that comes twice is two windows: its own offset goes with each.
    return index.tz_convert("UTC").floor("h").tz_convert(index.tz)


def steps_in(begins: Any, length: str, step: pd.Timedelta) -> Any:
    """How many steps each window holds: 23 to 25 hours in a day where the clocks change."""
    after = begins + (pd.DateOffset(days=1) if length == "day" else pd.Timedelta(hours=1))
    return pd.Series((after - begins) / step, index=begins)
