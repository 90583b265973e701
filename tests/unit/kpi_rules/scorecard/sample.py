"""The sample city of tests/data/u4ssc as facts, targets and windows of rules."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kpi_rules.scorecard.given import Aim, Given, Told
from tests.unit.kpi_rules.scorecard.build import Facts, aim, given, point, told

FOLDER: Final = Path(__file__).parents[3] / "data" / "u4ssc"
LOSS_BY_RULE: Final = 30.0
"""What the rule of water loss came to beside the city's final value."""


def rows(name: str = "sample_city") -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def facts() -> Facts:
    found = Facts()
    known = set()
    for row in rows("sample_denominators"):
        found.add(row["name"], float(row["value"]))
        known.add(row["name"])
    for row in rows():
        if row["how"] == "final":
            found.add(f"u4ssc.{row['point']}", float(row["value"]))
        elif row["how"] == "figures" and row["fact"] not in known:
            found.add(row["fact"], float(row["stated"]))
            known.add(row["fact"])
    return found


def aims() -> list[Aim]:
    return [
        aim(row["point"], float(row["target"]), float(row["start"]) if row["start"] else None)
        for row in rows()
        if row["target"]
    ]


def windows() -> Iterator[Told]:
    for row in rows():
        live = point(row["point"]).live
        if live is None:
            continue
        if row["how"] == "year":
            yield told(live.year, "2025-01-01", "2026-01-01", float(row["value"]), row["unit"])
        elif row["how"] == "running":
            yield told(live.running, "2025-11-01", "2026-11-01", float(row["value"]), row["unit"])
        elif row["how"] == "final":
            yield told(live.year, "2025-01-01", "2026-01-01", LOSS_BY_RULE, row["unit"])


def sample() -> Given:
    return given(facts().made, aims(), windows())
