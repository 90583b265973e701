"""What a scorecard says: KPIs with their data points, bands and checks; frozen."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Level(StrEnum):
    """How much a KPI is asked for."""

    CORE = "core"
    ADVANCED = "advanced"


class Feed(StrEnum):
    """Where a KPI's values come from."""

    SENSORS = "sensors"
    """Rules of ours calculate it: from readings, or from a list of dated figures."""
    REGISTRY = "registry"
    """From counts and sums that meters and registers keep, stated as facts."""
    REPORTED = "reported"
    """From surveys, statistics and books, entered by hand."""


class Better(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEAREST = "nearest"
    """The closer to the target."""
    NEITHER = "neither"
    """Not stated: a target says by its start which way it is."""


class Evidence(StrEnum):
    """What of a definition was read in a text of the standard."""

    FORMULA = "formula"
    """Numerator and denominator."""
    DEFINITION = "definition"
    """Definition or unit; the formula is partly inferred."""
    TITLE = "title"
    """Nothing but what a third party copied; the formula is from memory."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A fact that a data point is calculated from, in the unit it is converted to.

    Attributes:
        says: in words, what is counted.
    """

    name: str
    unit: str
    says: str


@dataclass(frozen=True, slots=True)
class Live:
    """The rules that calculate a data point.

    Attributes:
        year: of calendar years.
        running: of the last twelve whole months.
        total: whether the value of an open year only grows, so that it says nothing of the year.
        estimate: whether it stands on an assumption of ours, so that what is stated comes first.
    """

    year: str
    running: str
    total: bool
    estimate: bool


@dataclass(frozen=True, slots=True)
class Point:
    """A data point: one number of a KPI.

    Attributes:
        id: dotted, lower case, such as `u4ssc.en.en.aq.1c.pm10`; also the name of the fact by
            which a city states its final value, and of its targets.
        title: what it is called beside the others of its KPI; "" where it is the only one.
        numerator: None where nothing but rules, or the city's final value, gives it.
        less: taken from the numerator before anything else.
        denominator: None for counts.
        factor: what numerator ÷ denominator is multiplied by to be in `unit`.
        truth: whether it is 1 for yes and 0 for no.
    """

    id: str
    title: str
    unit: str
    better: Better
    numerator: Figure | None
    less: Figure | None
    denominator: Figure | None
    factor: Fraction
    truth: bool
    live: Live | None

    @property
    def own_denominator(self) -> str:
        """The name of the fact that is its denominator instead of the common one."""
        return f"{self.id}.denominator"

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The facts it is calculated from."""
        found = (self.numerator, self.less, self.denominator)
        return tuple(each for each in found if each is not None)


@dataclass(frozen=True, slots=True)
class Kpi:
    """An indicator of the standard.

    Attributes:
        code: as the standard prints it.
        kind: smart, structural or sustainable; "" where that was not read.
        formula: in words.
        sdg_unverified: goals and targets from memory.
        iso: numbers of ISO 37120:2014 of equal title and shape; no official concordance.
        source: documents of the scorecard by their short names, with pages.
        note: what to know of it.
    """

    code: str
    title: str
    dimension: str
    sub_dimension: str
    category: str
    level: Level
    kind: str
    feed: Feed
    formula: str
    sdg: tuple[str, ...]
    sdg_unverified: tuple[str, ...]
    iso: tuple[str, ...]
    source: str
    evidence: Evidence
    note: str
    points: tuple[Point, ...]

    @property
    def is_provisional(self) -> bool:
        """Whether its formula was not read in a text of the standard."""
        return self.evidence is not Evidence.FORMULA

    @property
    def is_live(self) -> bool:
        """Whether sensors, meters or a registry feed it."""
        return self.feed is not Feed.REPORTED


@dataclass(frozen=True, slots=True)
class Band:
    """So many points from a percentage of the target on, up to the next band."""

    name: str
    begin: Fraction
    points: int


class CheckKind(StrEnum):
    """What a check looks at; `checks.py` has one function for each."""

    SUM = "sum"
    DESCENDING = "descending"
    RANGE = "range"
    AGREE = "agree"
    REPORTED = "reported"
    TRUTH = "truth"
    OVERRIDDEN = "overridden"
    SUPERSEDED = "superseded"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked for in a city's answers.

    Attributes:
        points: ids of data points; for `descending` in order.
        figure: the fact that `agree` is about.
        unit: only of data points in it; "" for all.
        low, high, to: numbers that the kind compares with; None where it does not.
        within: how far off is still well, in the unit of what is compared (years, percent).
    """

    id: str
    kind: CheckKind
    points: tuple[str, ...]
    figure: str
    unit: str
    low: Fraction | None
    high: Fraction | None
    to: Fraction | None
    within: Fraction
    says: str
    source: str


@dataclass(frozen=True, slots=True)
class Document:
    """What sources are cited by."""

    short: str
    title: str
    edition: str
    address: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A standard's KPIs in its order, how points are given, and what is checked.

    Attributes:
        id: what begins the ids of its data points.
        bands: ascending.
    """

    id: str
    title: str
    body: str
    edition: str
    documents: tuple[Document, ...]
    bands: tuple[Band, ...]
    kpis: tuple[Kpi, ...]
    checks: tuple[Check, ...]

    @property
    def points(self) -> Iterator[Point]:
        """All data points in order."""
        return (point for kpi in self.kpis for point in kpi.points)

    @property
    def wanted(self) -> dict[str, dict[str, str]]:
        """By a fact's name: in which units it is used, each with a data point that does."""
        found: dict[str, dict[str, str]] = {}
        for point in self.points:
            for figure in point.figures:
                found.setdefault(figure.name, {}).setdefault(figure.unit, point.id)
            found[point.id] = {point.unit: point.id}
            if point.denominator is not None:
                found[point.own_denominator] = {point.denominator.unit: point.id}
        return found


def exact(number: float) -> Fraction:
    """The decimal that a number is written as, so that 0.95 is 95 percent and not a hair less."""
    return Fraction(repr(number))
