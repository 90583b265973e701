"""Random towns and rules against the definitions written out once more, window by window.

Nothing here is shared with `cityvitals.verify` but the words: windows come from
`cityvitals.domain.window`, and every value is worked out from the quarter hours anew.
"""

import math
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from cityvitals.domain.window import spans
from cityvitals.verify.edges import HOUR
from cityvitals.verify.fold import QUARTER
from cityvitals.verify.layers import EVER
from cityvitals.verify.stations import Station
from kpi_rules.model import Input, Level, Rule
from tests.unit.verify.town import found, hours, rule, station, us

ZONES = {
    "Europe/Rome": us(2022, 10, 28),
    "Australia/Lord_Howe": us(2023, 3, 31),
    "Asia/Kathmandu": us(2024, 2, 28),
}
VALID_HOURS = '{ length = "hour", statistic = "mean", min_coverage = 0.75 }'
RUNNING = ', { length = "running_8h", statistic = "mean", min_coverage = 0.75, belongs_to = "end" }'
QUARTERS = '{ length = "quarter_hour", statistic = "mean", min_coverage = 0.5 }'
ROUNDED = ', rounding = { mode = "half_even", digits = 0 } }'
LEVELS = {
    "day": [
        VALID_HOURS,
        VALID_HOURS.replace(" }", ", begins = [7, 18] }"),
        QUARTERS + ', { length = "hour", statistic = "max", min_coverage = 0.5 }',
        VALID_HOURS + RUNNING,
        VALID_HOURS + RUNNING.replace('"end"', '"begin"'),
        '{ length = "running_3h", statistic = "mean", min_coverage = 0.5, belongs_to = "begin" }',
        '{ length = "running_3h", step = "quarter_hour", statistic = "mean", min_count = 1 }',
    ],
    "running_8h": [VALID_HOURS, VALID_HOURS.replace(" }", ROUNDED)],
    "running_7_days": [
        VALID_HOURS + ', { length = "day", statistic = "max", min_coverage = 0.5 }',
    ],
}
STATISTICS = ["mean", "min", "max", "first", "last", "total"]
COMBINES = ["mean", "min", "max", "median"]


def random_rule(random: Random) -> Rule:
    length = random.choice(list(LEVELS))
    more = random.choice(["", ", min_count = 3", ", floor = 20.0", ', clock = "standard"'])
    text = (
        f'{{ name = "x", quantity = "o3", statistic = "{random.choice(STATISTICS)}", '
        f"min_coverage = {random.choice([0, 0.3, 0.75])}, "
        f"levels = [{random.choice(LEVELS[length])}]{more} }}"
    )
    order = random.choice(["combine_first", "evaluate_first"])
    return rule(
        text,
        window=f'length = "{length}", clock = "{random.choice(["utc", "local"])}"',
        space=f'zone = "mean", city = "{random.choice(COMBINES)}", min_coverage = 0, '
        f'order = "{order}", min_stations = {random.choice([1, 2])}',
    )


def random_station(random: Random, series: int, begin: int) -> Station:
    count = random.randrange(30, 80)
    said = [random.choice([math.nan, *[random.uniform(0, 100)] * 9]) for _ in range(count)]
    shares = [random.choice([1.0, 1.0, 0.8, 0.6]) for _ in range(count)]
    return station(series, hours(begin + random.randrange(-4, 4) * QUARTER, said, shares))


class Reference:
    """The definitions, for one station and input."""

    def __init__(self, one: Rule, it: Input, time_zone: str, mark: int, said: Station) -> None:
        self.one, self.it, self.mark = one, it, mark
        self.time_zone, self.clock = time_zone, str(it.clock or one.window.clock)
        self.partials = {int(row["bucket"]): row for row in said.folded}

    def value(self, depth: int, begin: int, end: int) -> float:
        """Of a window of the level so deep from below; the input's own lies above all levels."""
        own = depth == len(self.it.levels)
        said: Input | Level = self.it if own else self.it.levels[depth]
        if depth == 0:
            found_here = self.quarter_hours(said, begin, end)
        else:
            found_here = self.windows(said, depth, begin, end)
        if math.isnan(found_here) or said.rounding is None:
            return found_here
        return float(round(found_here))  # the one mode and step that occur

    def quarter_hours(self, said: Input | Level, begin: int, end: int) -> float:
        rows = [self.partials[at] for at in range(begin, end, QUARTER) if at in self.partials]
        covered = sum(int(row["covered"]) for row in rows)
        passed = min(end, self.mark) - begin
        if not covered or passed <= 0 or min(covered / passed, 1) < said.min_coverage - 1e-9:
            return math.nan
        mean = sum(float(row["integral"]) for row in rows) / (covered / 1e6)
        return mean if self.it.floor is None else max(mean, self.it.floor)

    def windows(self, said: Input | Level, depth: int, begin: int, end: int) -> float:
        level = self.it.levels[depth - 1]
        step = str(level.step or "")
        below = spans(str(level.length), self.clock, self.time_zone, begin, end, step)
        pairs = zip(below[0].tolist(), below[1].tolist(), strict=True)
        held = [(a, b) for a, b in pairs if self.belongs(level, a, b, begin, end)]
        row = [self.value(depth - 1, first, last) for first, last in held]
        known = [each for each in row if not math.isnan(each)]
        places = sum(1 for first, _ in held if first < self.mark)
        if not known or not places or len(known) < said.min_count:
            return math.nan
        if len(known) / places < said.min_coverage - 1e-9:
            return math.nan
        return folded(str(said.statistic), known)

    def belongs(self, level: Level, first: int, last: int, begin: int, end: int) -> bool:
        at = first if level.belongs_to == "begin" else last - 1
        fits = level.begins is None or level.begins[0] <= self.hour(first) <= level.begins[1]
        return begin <= at < end and fits

    def hour(self, at: int) -> int:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
        if self.clock == "utc":
            return moment.hour
        local = moment.astimezone(ZoneInfo(self.time_zone))
        if self.clock == "standard":
            local -= local.dst() or timedelta()
        return local.hour


def folded(statistic: str, known: Sequence[float]) -> float:
    picks = {"first": known[0], "last": known[-1], "min": min(known), "max": max(known)}
    picks |= {"total": math.fsum(known), "mean": statistics.fmean(known)}
    return picks[statistic]


def in_city(one: Rule, row: Sequence[float]) -> float:
    known = [each for each in row if not math.isnan(each)]
    if len(known) < one.space.min_stations:
        return math.nan
    if one.space.city == "median":
        return statistics.median(known)
    return folded(str(one.space.city), known)


@pytest.mark.parametrize("seed", range(60))
def test_a_random_town_has_the_values_that_are_defined(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    time_zone, begin = random.choice(list(ZONES.items()))
    one = random_rule(random)
    stations = [random_station(random, nth, begin) for nth in (1, 2, 3)]
    mark = random.choice([EVER, EVER, begin + random.randrange(20, 60) * HOUR + 3 * QUARTER])
    rows = found(one, {"x": {"": stations}}, time_zone=time_zone, mark=mark)
    references = [Reference(one, one.inputs[0], time_zone, mark, each) for each in stations]
    assert rows
    for row in rows.values():
        window = int(row["begin"]), int(row["end"])
        if window[0] >= mark:
            continue  # not derived yet
        expected = in_city(
            one, [each.value(len(one.inputs[0].levels), *window) for each in references]
        )
        assert float(row["value"]) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_random_towns_have_values_and_lack_some() -> None:
    """Or the test above would compare nothing with nothing."""
    known = lacking = 0
    for seed in range(20):
        random = Random(seed)  # noqa: S311
        time_zone, begin = random.choice(list(ZONES.items()))
        one = random_rule(random)
        stations = [random_station(random, nth, begin) for nth in (1, 2, 3)]
        for row in found(one, {"x": {"": stations}}, time_zone=time_zone).values():
            known += not math.isnan(row["value"])
            lacking += math.isnan(row["value"])
    assert known > 100
    assert lacking > 100
