"""Every kind of shipped rule, by verify and by `cityvitals rules try`, which share no folding.

One sensor with random readings each hour: what both say there is, must be the same.
"""

import csv
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest

from cityvitals.catalogue.load import Quantity, load_catalogue
from cityvitals.domain.arrays import READING
from cityvitals.domain.names import INTERVALS
from cityvitals.domain.times import to_us
from cityvitals.store.audit import DeclaredRow
from cityvitals.trial.main import Options, try_rule
from cityvitals.trial.table import instants_of
from cityvitals.verify.able import unable
from cityvitals.verify.fold import fold, span
from cityvitals.verify.stations import Station, keep
from kpi_rules.load import load_rules
from kpi_rules.model import Input, Rule
from kpi_rules.words import SIZE_H
from tests.unit.verify.town import ROME, figure, found, station

_HOUR = timedelta(hours=1)
_LONG = {"air.eu2008.co.mda8", "air.eu2008.o3.aot40", "air.eu2008.pm10.day", "air.eu2030.co.day"}
_LONG |= {"air.who.o3.peak_season", "air.who.pm2_5.year"}
"""One of each kind: all of them take as long as they are."""


def is_chosen(one: Rule) -> bool:
    if not one.inputs or unable(one):
        return False
    return SIZE_H[one.window.length] <= 7 * 24 or one.id in _LONG


RULES = {one.id: one for one in load_rules() if is_chosen(one)}


def dates(one: Rule) -> tuple[datetime, int]:
    """From when on there are readings, and for how many hours: over a lost hour, or a year."""
    size = SIZE_H[one.window.length]
    if size > 7 * 24:
        first = one.valid_from.year if one.valid_from else 2024
        return datetime(first, 12, 31, tzinfo=UTC), 368 * 24
    first = min(2026, one.valid_to.year - 1) if one.valid_to else 2026
    return datetime(first, 3, 27, tzinfo=UTC), 24 * 4 if size <= 24 else 24 * 10


def _figure(name: str) -> float:
    """Shares of a fleet add up to it."""
    return 0.5 if "share" in name else 3.0


def readings(one: Rule, random: Random) -> dict[str, list[tuple[datetime, float]]]:
    begin, count = dates(one)
    times = [begin + n * _HOUR for n in range(count)]
    quantities = load_catalogue().quantities
    return {
        each.name: [
            (at, random.uniform(*_limits(quantities[each.quantity])))
            for at in times
            if random.random() < 0.95
        ]
        for each in one.inputs
    }


def _limits(quantity: Quantity) -> tuple[float, float]:
    low = max(quantity.low or 0.0, 0.0)
    return low, min(quantity.high or 150.0, 150.0)


def fed(nth: int, one: Input, said: list[tuple[datetime, float]]) -> Station:
    quantity = load_catalogue().quantities[one.quantity]
    rows = np.zeros(len(said), READING)
    rows["t"], rows["v"] = [to_us(at) for at, _ in said], [value for _, value in said]
    period = 3600.0 if quantity.kind in INTERVALS else 0.0
    declared = DeclaredRow(nth, "registry", quantity.kind, period, quantity.stamp, 3600.0, -(2**62))
    scale = 1.0 if one.scale is None else one.scale
    return station(nth, keep(fold(span(rows, [declared], one.quantity), nth)), "a", scale=scale)


def write(path: Path, instants: str, said: dict[str, list[tuple[datetime, float]]]) -> None:
    cells = {name: dict(rows) for name, rows in said.items()}
    times = sorted({at for rows in cells.values() for at in rows})
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([instants, *cells])
        rows.writerows(
            [at.isoformat(), *(repr(one[at]) if at in one else "" for one in cells.values())]
            for at in times
        )


@pytest.mark.parametrize("rule_id", RULES)
def test_both_say_the_same(rule_id: str, tmp_path: Path) -> None:
    one = RULES[rule_id]
    said = readings(one, Random(rule_id))  # noqa: S311 (a repeatable choice)
    write(tmp_path / "said.csv", instants_of(one), said)
    options = Options(ROME, {each.name: _figure(each.name) for each in one.facts})
    tried = {each.begin: each for each in try_rule(one, tmp_path / "said.csv", options)}
    stations = {
        each.name: {"": [fed(nth, each, said[each.name])]} for nth, each in enumerate(one.inputs, 1)
    }
    facts = [figure(each.name, _figure(each.name)) for each in one.facts]
    rows = found(one, stations, facts=facts, time_zone=ROME, at_once=3000)
    same = 0
    for begin, row in rows.items():
        value, enough = float(row["value"]), row["coverage"] >= one.space.min_coverage
        theirs = tried[begin].outcome.value if begin in tried else math.nan
        if not math.isnan(theirs) and enough:
            assert value == pytest.approx(theirs, rel=1e-12)
            same += 1
        elif begin in tried:
            assert math.isnan(value)
    assert same
