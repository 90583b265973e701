"""Zone and city share a station's numbers, and nothing of what comes out tells."""

from dataclasses import fields

import numpy as np
import pytest

from aggregator import folds
from aggregator.columns import no_cells
from aggregator.derive import Derived, derive
from aggregator.folds import Columns, Held, folds_of
from aggregator.frame import frame_of
from aggregator.members import Members
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from aggregator.stations import Cells
from aggregator.touched import windows_beginning
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from tests.unit.aggregator.small_city import (
    DAY,
    HOUR,
    NOON,
    NORTH,
    SOUTH,
    instants,
    plan,
    series,
)

MIDNIGHT = NOON - 13 * HOUR
"""Rome's."""
MOVED = ((EARLIEST_US, "north"), (MIDNIGHT + 5 * HOUR, "south"))
RULES = ("air.pm2_5.hour", "air.pm2_5.day", "air.us_aqi.pm2_5.day", "air.us_aqi.pm2_5.nowcast")
_SEEDS = range(6)


def _city(name: str) -> RulePlan:
    """Three stations that stay, one that moves, and one that stands in no zone."""
    places = (NORTH, NORTH, SOUTH, MOVED, ())
    return plan(name, *(series(number, places=place) for number, place in enumerate(places)))


def _source(one: RulePlan, drawn: np.random.Generator, there_are: float = 0.95) -> Cells:
    """A day of buckets, some or many of them missing or covered by a third."""
    first = MIDNIGHT // BUCKET_US
    made = no_cells(len(one.feeds), 132)
    for number in range(first, first + 110):
        cell = made[:, number % 132]
        there = drawn.random(len(one.feeds)) < there_are
        cell["covered"] = np.where(drawn.random(len(there)) < there_are, BUCKET_US, BUCKET_US // 3)
        cell["integral"] = drawn.uniform(1, 60, len(there)) * cell["covered"] * 1e-6
        cell["count"], cell["flagged"] = 3, drawn.integers(0, 2, len(there))
        cell["tag"] = np.where(there, number, -(2**31))
    return Cells(made, np.arange(len(one.feeds), dtype=np.int64))


def _derived(one: RulePlan, seed: int) -> Derived:
    """Of two windows, of which each group has seen another part."""
    drawn = np.random.default_rng(seed)
    source = _source(one, drawn, 0.95 if seed % 2 else 0.6)
    length = DAY if one.reach.length > HOUR else HOUR
    begins, ends = windows_beginning(one, instants(MIDNIGHT, MIDNIGHT + length))
    marks = MIDNIGHT + drawn.integers(60, 26 * 60, len(one.groups)) * 60_000_000
    marks[0] = marks.min()
    judged = np.minimum(ends[:, None], marks[None, :]) - begins[:, None]
    return derive(frame_of(one, begins, ends, {}), judged, source)


def _apart(members: Members, _first: Ints, _last: Ints) -> Columns:
    everybody = np.arange(len(members.rows))
    return Columns(everybody, everybody)


@pytest.mark.parametrize("name", RULES)
def test_what_comes_out_is_the_same_to_the_last_bit_without_sharing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _city(name)
    shared = [_derived(one, seed) for seed in _SEEDS]
    monkeypatch.setattr(folds, "_columns", _apart)
    for found, seed in zip(shared, _SEEDS, strict=True):
        alone = _derived(one, seed)
        for field in fields(Derived):
            mine, other = getattr(found, field.name), getattr(alone, field.name)
            for left, right in zip(
                *((each if isinstance(each, tuple) else (each,)) for each in (mine, other)),
                strict=True,
            ):
                np.testing.assert_array_equal(left, right, field.name)
    assert any(np.isfinite(found.value).any() for found in shared)


def test_only_who_stood_in_a_zone_all_the_time_shares_its_column() -> None:
    one = _city("air.pm2_5.hour")
    source, (members,) = _source(one, np.random.default_rng(1)), one.members
    layers = frame_of(one, *windows_beginning(one, instants(MIDNIGHT + 5 * HOUR)), {}).layers[0]
    columns = folds_of(Held(source.cells, source.at, None), members, layers).columns
    zones = [one.groups[group] for group in members.group[columns.others].tolist()]
    # The one that moved stood in the south all of this hour, and in the north for nothing of it.
    assert zones == ["north", "north", "south", "south"]
    assert len(columns.own) == len(members.rows) - len(zones)
