"""The closed sets of words that a rule's keys may take."""

from enum import StrEnum
from typing import Final


class Length(StrEnum):
    """How long a window is; the clock says where it begins, its step where the next one does."""

    QUARTER_HOUR = "quarter_hour"
    HOUR = "hour"
    RUNNING_3H = "running_3h"
    RUNNING_8H = "running_8h"
    RUNNING_12H = "running_12h"
    RUNNING_24H = "running_24h"
    DAY = "day"
    RUNNING_7_DAYS = "running_7_days"
    MONTH = "month"
    YEAR = "year"
    RUNNING_12_MONTHS = "running_12_months"
    RUNNING_3_YEARS = "running_3_years"
    RUNNING_5_YEARS = "running_5_years"


STEP: Final[dict[Length, Length]] = {
    Length.RUNNING_3H: Length.HOUR,
    Length.RUNNING_8H: Length.HOUR,
    Length.RUNNING_12H: Length.HOUR,
    Length.RUNNING_24H: Length.HOUR,
    Length.RUNNING_7_DAYS: Length.DAY,
    Length.RUNNING_12_MONTHS: Length.MONTH,
    Length.RUNNING_3_YEARS: Length.YEAR,
}
"""How far the windows of a running length lie apart, unless a rule says otherwise."""

SIZE_H: Final[dict[Length, float]] = {
    Length.QUARTER_HOUR: 0.25,
    Length.HOUR: 1.0,
    Length.RUNNING_3H: 3.0,
    Length.RUNNING_8H: 8.0,
    Length.RUNNING_12H: 12.0,
    Length.RUNNING_24H: 24.0,
    Length.DAY: 24.0,
    Length.RUNNING_7_DAYS: 168.0,
    Length.MONTH: 730.5,
    Length.YEAR: 8766.0,
    Length.RUNNING_12_MONTHS: 8766.0,
    Length.RUNNING_3_YEARS: 26298.0,
}
"""About how many hours, to tell longer from shorter."""


class ClockName(StrEnum):
    """Whose clock cuts windows: UTC, the city's, or the city's without summer time."""

    UTC = "utc"
    LOCAL = "local"
    STANDARD = "standard"


class Fold(StrEnum):
    """What a window folds where an input says nothing else."""

    BUCKETS = "buckets"
    """Quarter hours."""
    VALID_HOURS = "valid_hours"
    """Means of hours that are covered by three quarters."""


class BelongsTo(StrEnum):
    """Which longer window holds one that lies across its edge."""

    BEGIN = "begin"
    """The one that holds its begin."""
    END = "end"
    """The one that holds its last instant."""


class Statistic(StrEnum):
    """What is made of a station's partials, or of values of the level below, over a window.

    Of partials: `mean` is integral ÷ covered time, `integral` the integral over seconds, `total`
    the sum of what intervals and events say and of what counters rise, apportioned by time,
    `increase` that of counters alone, `count` how many events there are, `energy_mean` the level of
    the time mean of sound power. Of values: their arithmetic mean or sum, and so on.
    """

    MEAN = "mean"
    TOTAL = "total"
    INTEGRAL = "integral"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    FIRST = "first"
    LAST = "last"
    INCREASE = "increase"
    ENERGY_MEAN = "energy_mean"
    """10 lg of the mean of 10^(level/10)."""
    VALUES = "values"
    """All of them in order of time: the expression sees a series."""


class Combine(StrEnum):
    """What stations' values become for a zone or the city."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"
    """The worst station where more is worse."""
    MIN = "min"
    MEDIAN = "median"
    POPULATION_WEIGHTED = "population_weighted"
    """The city folds its zones, each by its `population` in force."""
    LENGTH_WEIGHTED = "length_weighted"
    """By the `length` that a station's stretch of road or main is declared with."""
    AREA_WEIGHTED = "area_weighted"


class Order(StrEnum):
    """Whether the expression or the stations come first."""

    COMBINE_FIRST = "combine_first"
    """An index of means: stations are combined input by input, then the expression."""
    EVALUATE_FIRST = "evaluate_first"
    """A mean (or highest) of indices: the expression for each station, then they are combined."""


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Verified(StrEnum):
    """How well a definition is known."""

    TEXT = "text"
    """The text of the definition was read."""
    SECOND_HAND = "second_hand"
    """A public transcription of it was read."""
    PARTIAL = "partial"
    """Its title or unit was read, the rest inferred."""
    MEMORY = "memory"
    """From memory, not checked."""
    OWN = "own"
    """Ours: no outside text defines it."""
