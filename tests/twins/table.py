"""What twins have in common: rules' numbers read from the TOML itself, and the table they fill.

A twin computes with pandas, straight from a recorded file, what the service should say of it. It
imports nothing of the service. Its table has a row for each (rule, zone, begin), '' being the city,
begin an aware UTC timestamp, and the columns value (nan for none), coverage and needed.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

ROOT: Final = Path(__file__).parents[2]
KEY: Final = ["rule", "zone", "begin"]
_HAIR: Final = 1e-12
"""What a mean of shares may miss of the share that it is."""


@dataclass(frozen=True)
class Numbers:
    """What a twin takes from the file of a rule of one input."""

    unit: str
    length: str
    station_min: float
    space_min: float


@cache
def _files() -> tuple[dict[str, Any], ...]:
    paths = sorted((ROOT / "kpi_rules").glob("*.toml"))
    return tuple(tomllib.loads(path.read_text("utf-8")) for path in paths)


def definition(rule: str) -> dict[str, Any]:
    """A rule as its file has it, by its id."""
    for file in _files():
        for one in file.get("rule", []):
            if one["id"] == rule:
                return dict(one)
    raise LookupError(f"no rule {rule} in kpi_rules")


def breakpoints(name: str) -> dict[str, Any]:
    """A table that rules look numbers up in, as its file has it."""
    return next(t for file in _files() for t in file.get("table", []) if t["name"] == name)


def numbers(rule: str) -> Numbers:
    """A rule's numbers, by its id."""
    one = definition(rule)
    (only,) = one["input"]
    return Numbers(
        unit=one["unit"],
        length=one["window"]["length"],
        station_min=only["min_coverage"],
        space_min=one["space"]["min_coverage"],
    )


def constant(rule: str, name: str) -> float:
    """A number that a rule's standard fixes."""
    return float(next(c["value"] for c in definition(rule)["constant"] if c["name"] == name))


def facts(registry: str, name: str) -> dict[str, float]:
    """A figure's values by zone ('' for the city), from a shipped registry; none of them dated."""
    path = ROOT / "simulator" / "registries" / f"{registry}.toml"
    found = tomllib.loads(path.read_text("utf-8")).get("fact", [])
    return {one.get("zone", ""): float(one["value"]) for one in found if one["name"] == name}


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


def rows(rule: str, zone: str, values: Any, coverage: Any, needed: Any = None) -> pd.DataFrame:
    """Rows of one rule and zone, from series by the begin of their windows.

    Args:
        rule: its id.
        zone: '' is the city.
        values: nan for none.
        coverage: a share.
        needed: whether there must be a row: somebody there said something in the window. Else
            there may be one, since what the rule folds reaches further. Needed if not told.
    """
    frame = pd.DataFrame({"value": values, "coverage": coverage})
    frame["needed"] = True if needed is None else needed
    frame.index.name = "begin"
    frame = frame.reset_index()
    frame["rule"], frame["zone"] = rule, zone
    frame["begin"] = frame["begin"].dt.tz_convert("UTC")
    return frame[[*KEY, "value", "coverage", "needed"]]


def table(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All rows, by key."""
    return pd.concat(list(parts), ignore_index=True).sort_values(KEY).set_index(KEY)


def enough(values: Any, coverage: Any, least: float) -> Any:
    """No value where too little of the zone is covered."""
    return values.where(coverage >= least - _HAIR)
