"""An input's windows from a station's quarter hours, level by level: plain, and pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from cityvitals.domain.arrays import Records
from cityvitals.domain.times import US
from cityvitals.domain.window import HOUR_US, longest_us, offset_changes, spans
from kpi_rules.expression import Calendar
from kpi_rules.levels import fold_values, is_enough
from kpi_rules.model import Input, Level, Rule
from kpi_rules.rounding import rounded
from kpi_rules.words import BelongsTo, ClockName, Length, Statistic

_DAY_US: Final = 24 * HOUR_US


class Place(NamedTuple):
    """The value of one window; nan for nothing."""

    begin: int
    end: int
    value: float


class Folded(NamedTuple):
    """An input over one window.

    Attributes:
        places: the values of its highest level, or the only value.
        known: how many of them are there, or how many microseconds are covered.
        possible: how many there could be.
        is_enough: whether the input is valid.
    """

    places: list[Place]
    known: float
    possible: float
    is_enough: bool


@dataclass(frozen=True, slots=True)
class Clockwork:
    """What a rule's clock shows, in a time zone."""

    rule: Rule
    time_zone: str

    def windows(
        self, length: Length, step: Length | None, clock: ClockName, low: int, high: int
    ) -> list[tuple[int, int]]:
        """Begins and ends of the windows that hold any instant of [low, high]."""
        customary = "" if step is None else str(step)
        begins, ends = spans(length, clock, self.time_zone, low, high, customary)
        return list(zip(begins.tolist(), ends.tolist(), strict=True))

    def shows(self, calendar: Calendar, at: int, clock: ClockName) -> float:
        """The hour, weekday (1 is Monday) or month at an instant."""
        local = at
        if clock is not ClockName.UTC:
            begins, offsets = offset_changes(self.time_zone, clock, at - _DAY_US, at + _DAY_US)
            local += int(offsets[np.searchsorted(begins, at, side="right") - 1])
        match calendar:
            case Calendar.HOUR:
                return float(local // HOUR_US % 24)
            case Calendar.WEEKDAY:
                return float((local // _DAY_US + 3) % 7 + 1)
            case Calendar.MONTH:
                month = np.int64(local // US).astype("datetime64[s]").astype("datetime64[M]")
                return float(month.astype(np.int64) % 12 + 1)


class Folding:
    """One input of a rule, over any windows.

    Bounded: one value for each window of each level that was asked for.

    Args:
        clockwork: the rule's clock.
        one: the input.
        partials: ROLLUP records of the station, in order of time.
    """

    def __init__(self, clockwork: Clockwork, one: Input, partials: Records) -> None:
        self._clockwork = clockwork
        self._one = one
        self._partials = partials
        self._clock = one.clock or clockwork.rule.window.clock
        self._values: dict[tuple[int, int, int], float] = {}
        # As partials have it; the rule says it in the unit that its expression sees.
        self._floor = -math.inf if one.floor is None else one.floor / (one.scale or 1.0)

    def over(self, window: tuple[int, int]) -> Folded:
        """The input over one window of the rule, [begin, end)."""
        one = self._one
        begin, end = self._own(window)
        if not one.levels:
            return self._from_quarters(begin, end)
        places = self._places(one.levels, begin, end)
        known = sum(1 for place in places if not math.isnan(place.value))
        enough = is_enough(_as_level(one), known, len(places))
        if one.is_series:
            return Folded(places, known, len(places), enough)
        value = fold_values(_as_level(one), [place.value for place in places])
        return Folded([Place(begin, end, value)], known, len(places), enough)

    def _own(self, window: tuple[int, int]) -> tuple[int, int]:
        length, last = self._one.length, window[1] - 1
        if length is None:
            return window
        own = self._clockwork.windows(length, None, self._clock, last - longest_us(length), last)
        return next(each for each in reversed(own) if each[1] == window[1])

    def _places(self, levels: tuple[Level, ...], begin: int, end: int) -> list[Place]:
        """The values of the last level whose windows belong to [begin, end)."""
        level = levels[-1]
        found = []
        for window in self._clockwork.windows(
            level.length, level.step, self._clock, begin, end + _DAY_US
        ):
            belongs = window[0] if level.belongs_to is BelongsTo.BEGIN else window[1] - 1
            if begin <= belongs < end and self._may_begin(level, window[0]):
                found.append(Place(*window, self._value(levels, window)))
        return found

    def _may_begin(self, level: Level, at: int) -> bool:
        if level.begins is None:
            return True
        shown = self._clockwork.shows(Calendar.HOUR, at, self._clock)
        return level.begins[0] <= shown <= level.begins[1]

    def _value(self, levels: tuple[Level, ...], window: tuple[int, int]) -> float:
        key = (len(levels), *window)
        if key not in self._values:
            self._values[key] = self._worked_out(levels, window)
        return self._values[key]

    def _worked_out(self, levels: tuple[Level, ...], window: tuple[int, int]) -> float:
        level = levels[-1]
        if len(levels) > 1:
            below = self._places(levels[:-1], *window)
            return fold_values(level, [place.value for place in below])
        inside = _inside(self._partials, *window)
        covered = float(inside["covered"].sum())
        if covered == 0.0 or not is_enough(level, covered, window[1] - window[0]):
            return math.nan
        value = max(OF_QUARTERS[level.statistic](inside), self._floor)
        if level.rounding is None:
            return value
        return rounded(value, level.rounding.mode, level.rounding.digits)

    def _from_quarters(self, begin: int, end: int) -> Folded:
        one = self._one
        inside = _inside(self._partials, begin, end)
        covered = float(inside["covered"].sum())
        enough = covered > 0.0 and is_enough(_as_level(one), covered, end - begin)
        value = max(OF_QUARTERS[one.statistic](inside), self._floor) if enough else math.nan
        return Folded([Place(begin, end, value)], covered, end - begin, enough)


def _as_level(one: Input) -> Level:
    """An input as the level above its highest."""
    statistic = Statistic.MEAN if one.is_series else one.statistic
    length = one.length or Length.DAY
    return Level(length, statistic, one.min_coverage, one.min_count)


def _inside(partials: Records, begin: int, end: int) -> Records:
    low, high = np.searchsorted(partials["bucket"], [begin, end])
    found: Records = partials[low:high]
    return found


def _mean(inside: Any) -> float:
    return float(inside["integral"].sum() / (inside["covered"].sum() * 1e-6))


def _energy_mean(inside: Any) -> float:
    """The level of the mean power, of which the integral is."""
    power = _mean(inside)
    return float(10.0 * np.log10(power)) if power > 0.0 else math.nan


OF_QUARTERS: Final[dict[Statistic, Callable[[Any], float]]] = {
    Statistic.MEAN: _mean,
    Statistic.INTEGRAL: lambda inside: float(inside["integral"].sum()),
    Statistic.TOTAL: lambda inside: float(inside["integral"].sum()),
    Statistic.MIN: lambda inside: float(inside["min"].min()),
    Statistic.MAX: lambda inside: float(inside["max"].max()),
    Statistic.COUNT: lambda inside: float(inside["count"].sum()),
    Statistic.FIRST: lambda inside: float(inside[inside["count"] > 0]["first_v"][0]),
    Statistic.LAST: lambda inside: float(inside[inside["count"] > 0]["last_v"][-1]),
    Statistic.INCREASE: lambda inside: float(inside["increase"].sum()),
    Statistic.ENERGY_MEAN: _energy_mean,
}
"""What a lowest level makes of quarter hours, of which at least one is covered."""
