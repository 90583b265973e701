"""The CSV file of a trial: a column of instants, and one for each input of the rule.

Instants stand under `time`, or under `instant` where an input of the rule is called `time` itself.
"""

import csv
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.times import to_us
from cityvitals.errors import BadTrial
from kpi_rules.model import Rule

TIME: Final = "time"
INSTANT: Final = "instant"

Readings = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Times in microseconds since 1970 UTC, ascending, and values."""


def read_csv(path: Path, rule: Rule, time_zone: str) -> dict[str, Readings]:
    """Readings by input; empty cells are none.

    Args:
        path: the file.
        rule: whose inputs the columns are called by.
        time_zone: whose clock times without an offset show.

    Raises:
        BadTrial: naming file, line and column.
    """
    wanted = [one.name for one in rule.inputs]
    instants = instants_of(rule)
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in wanted}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            _check_header(path, rows.fieldnames or [], rule)
            for row in rows:
                where = f"{path}:{rows.line_num}"
                at = _time(row.get(instants), time_zone, f"{where}: {instants}")
                for name in wanted:
                    value = _value(row.get(name), f"{where}: {name}")
                    if value is not None:
                        found[name].append((at, value))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadTrial(f"{path}: cannot be read: {error}") from None
    return {name: _in_order(path, name, rows) for name, rows in found.items()}


def instants_of(rule: Rule) -> str:
    """What the column of instants is called in files for a rule."""
    return INSTANT if any(one.name == TIME for one in rule.inputs) else TIME


def _check_header(path: Path, header: Sequence[str], rule: Rule) -> None:
    columns, instants = set(header), instants_of(rule)
    wanted = ", ".join(one.name for one in rule.inputs)
    lacking = [one.name for one in rule.inputs if one.name not in columns and not one.optional]
    if instants not in columns:
        lacking.insert(0, instants)
    if lacking:
        raise BadTrial(
            f"{path}:1: expected the columns {instants} and {wanted}; lacking: {', '.join(lacking)}"
        )


def _time(text: str | None, time_zone: str, where: str) -> int:
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise BadTrial(f"{where}: expected such as 2026-11-23T12:00Z, got {text!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    return to_us(moment.astimezone(UTC))


def _value(text: str | None, where: str) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise BadTrial(f"{where}: expected a number or nothing, got {text!r}") from None
    return value if math.isfinite(value) else None


def _in_order(path: Path, name: str, rows: list[tuple[int, float]]) -> Readings:
    rows.sort()
    times = np.array([at for at, _ in rows], np.int64)
    if (np.diff(times) == 0).any():
        twice = times[np.flatnonzero(np.diff(times) == 0)[0]]
        moment = datetime.fromtimestamp(int(twice) / 1e6, UTC).isoformat()
        raise BadTrial(f"{path}: {name}: two values for {moment}")
    return times, np.array([value for _, value in rows])
