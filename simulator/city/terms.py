"""What signals are composed of: each term is a factor or a summand, a pure function of time.

Only additions, products and table look-ups, as in `simulator.signals`: the same bits everywhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np

from cityvitals.domain.times import US
from simulator.signals import LocalTimes, Numbers, chance, drift, key_of, wrapped

_HOUR_US: Final = 3600 * US
_MONTHS: Final = 12

_Hours = Annotated[float, msgspec.Meta(gt=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Day = Annotated[tuple[float, ...], msgspec.Meta(min_length=24, max_length=24)]
Year = Annotated[tuple[float, ...], msgspec.Meta(min_length=12, max_length=12)]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a term is asked of.

    Attributes:
        signal: name of the signal that is composed.
        sensor: whose course it is; "" for the city's own.
        course: the city's own course of another signal, at the same times.
    """

    seed: int
    signal: str
    sensor: str
    times: LocalTimes
    course: Callable[[str], Numbers]

    def key(self, of: str, *words: str) -> int:
        """The key of a source of chance: the city's, or the sensor's own."""
        own = (self.sensor,) if of == "sensor" and self.sensor else ()
        return key_of(self.seed, self.signal, *own, *words)


class Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is"):
    """A part of a signal; `op` says whether it multiplies what stands before it, or is added."""

    op: Literal["times", "plus"] = "times"

    @property
    def neutral(self) -> float:
        """What changes nothing."""
        return 1.0 if self.op == "times" else 0.0

    def applied(self, before: Numbers, scene: Scene) -> Numbers:
        """What stands before it, with this term."""
        own = self.values(scene)
        return before * own if self.op == "times" else before + own

    def values(self, scene: Scene) -> Numbers:
        """The factor or summand at each time."""
        raise NotImplementedError


class Daily(Term, frozen=True, kw_only=True, tag="daily"):
    """By the local hour, straight in between; a weekend has its own day, and a week its shape."""

    workday: Day
    weekend: Day

    def values(self, scene: Scene) -> Numbers:
        """The factor or summand at each time."""
        hours = scene.times.hours
        return np.where(
            scene.times.weekend, wrapped(self.weekend, hours), wrapped(self.workday, hours)
        )


class Seasonal(Term, frozen=True, kw_only=True, tag="seasonal"):
    """By the time of year: a figure for the middle of each month, straight in between."""

    months: Year

    def values(self, scene: Scene) -> Numbers:
        """The factor or summand at each time."""
        table = np.array(self.months)
        place = scene.times.months - 0.5
        first = np.floor(place)
        before = first.astype(np.int64) % _MONTHS
        after = (before + 1) % _MONTHS
        found: Numbers = table[before] + (table[after] - table[before]) * (place - first)
        return found


class Drift(Term, frozen=True, kw_only=True, tag="drift"):
    """Noise in [-weight, weight) around what is neutral that forgets over `hours`."""

    weight: float
    hours: _Hours
    of: Literal["city", "sensor"] = "sensor"

    def values(self, scene: Scene) -> Numbers:
        """The factor or summand at each time."""
        scale_us = round(self.hours * _HOUR_US)
        key = scene.key(self.of, f"{self.hours:g}")
        return self.neutral + self.weight * drift(key, scene.times.us, scale_us)


class Follows(Term, frozen=True, kw_only=True, tag="follows"):
    """As the city's course of another signal goes: `slope` for each unit above `about`."""

    signal: str
    about: float
    slope: float
    low: float = -math.inf
    high: float = math.inf

    def values(self, scene: Scene) -> Numbers:
        """The factor or summand at each time."""
        given = self.neutral + self.slope * (scene.course(self.signal) - self.about)
        clipped: Numbers = np.minimum(np.maximum(given, self.low), self.high)
        return clipped


class Incidents(Term, frozen=True, kw_only=True, tag="incidents"):
    """Now and then something happens: with `probability` once in `every_hours`, full after a tenth.

    Attributes:
        lasting_hours: how long; no longer than `every_hours`, within which it begins and ends.
        to: the factor or summand while it lasts.
    """

    every_hours: _Hours
    probability: _Share
    lasting_hours: _Hours
    to: float
    of: Literal["city", "sensor"] = "sensor"

    def __post_init__(self) -> None:
        if self.lasting_hours > self.every_hours:
            raise ValueError("lasting_hours: expected no more than every_hours")

    def values(self, scene: Scene) -> Numbers:
        """The factor or summand at each time."""
        key = scene.key(self.of, "incidents")
        every_us, lasting_us = (
            round(hours * _HOUR_US) for hours in (self.every_hours, self.lasting_hours)
        )
        slot = scene.times.us // every_us
        happens = chance(key, slot) < self.probability
        begin = chance(key ^ 1, slot) * (every_us - lasting_us)
        since = (scene.times.us % every_us - begin) / lasting_us
        ramp = np.minimum(np.minimum(since, 1.0 - since) * 10.0, 1.0)
        extent = np.where(happens, np.maximum(ramp, 0.0), 0.0)
        found: Numbers = self.neutral + (self.to - self.neutral) * extent
        return found


AnyTerm = Daily | Seasonal | Drift | Follows | Incidents
TERMS: Final[tuple[type[Any], ...]] = (Daily, Seasonal, Drift, Follows, Incidents)
