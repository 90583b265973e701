"""What a rule says: frozen, checked by `kpi_rules.load`, with the words that its keys may take.

The `COMING_…` words belong to the language but nobody evaluates them yet: a rule that uses one is
refused by name.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from cityvitals.domain.names import Domain
from kpi_rules.expression import Node


class Length(StrEnum):
    """How long a window is; the clock says where it begins."""

    HOUR = "hour"
    DAY = "day"


COMING_LENGTHS: Final = frozenset(
    {
        "quarter_hour",
        "running_3h",
        "running_8h",
        "running_12h",
        "running_24h",
        "month",
        "year",
        "running_12_months",
    }
)


class ClockName(StrEnum):
    """Whose clock cuts windows: UTC, the city's, or the city's without summer time."""

    UTC = "utc"
    LOCAL = "local"
    STANDARD = "standard"


class Fold(StrEnum):
    """What a window folds."""

    BUCKETS = "buckets"


COMING_FOLDS: Final = frozenset({"valid_hours"})


class Statistic(StrEnum):
    """What a station's partials become over a window.

    `mean` is integral ÷ covered time, `integral` the integral over seconds, `total` the sum of
    what intervals say, apportioned by time.
    """

    MEAN = "mean"
    TOTAL = "total"
    INTEGRAL = "integral"


COMING_STATISTICS: Final = frozenset(
    {"min", "max", "count", "increase", "first", "last", "median", "deviation"}
    | {f"p{percent}" for percent in range(1, 100)}
)


class Combine(StrEnum):
    """What stations' values become for a zone or the city."""

    MEAN = "mean"
    SUM = "sum"


COMING_COMBINES: Final = frozenset(
    {
        "max",
        "min",
        "median",
        "population_weighted",
        "length_weighted",
        "area_weighted",
        "worst_station",
    }
)

COMING_KEYS: Final = frozenset(
    {
        "category",
        "dimension",
        "direction",
        "iso",
        "rounding",
        "sdg",
        "target",
        "valid_from",
        "valid_to",
    }
)
COMING_WINDOW_KEYS: Final = frozenset({"step", "belongs_to"})
COMING_INPUT_KEYS: Final = frozenset({"window", "flags", "levels", "min_count", "space"})
COMING_SPACE_KEYS: Final = frozenset({"min_stations", "order", "weight"})


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


@dataclass(frozen=True, slots=True)
class Window:
    """Which stretch of time one value is about."""

    length: Length
    clock: ClockName
    fold: Fold


@dataclass(frozen=True, slots=True)
class Input:
    """One quantity as the expression sees it.

    Attributes:
        name: what the expression calls it.
        min_coverage: share of the window that a station must have covered to be valid.
        unit: canonical unit of the quantity, from the catalogue.
    """

    name: str
    quantity: str
    statistic: Statistic
    min_coverage: float
    unit: str


@dataclass(frozen=True, slots=True)
class Space:
    """How stations become a zone and the city.

    Attributes:
        min_coverage: below this coverage of the zone or city there is no value.
    """

    zone: Combine
    city: Combine
    min_coverage: float


@dataclass(frozen=True, slots=True)
class FactUse:
    """A dated figure of the city that the expression uses, and the unit it must be given in."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Band:
    """A named stretch of values, up to and including `to`, in the rule's unit; None is open."""

    name: str
    to: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class Standard:
    """Where an outside definition stands."""

    body: str
    document: str
    clause: str
    edition: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The definition of an indicator: value = evaluate(tree) * scale, in `unit`.

    Attributes:
        id: one output, one id.
        revision: what the file says; a changed body under the same number is still a change.
        unit: canonical unit token of the value.
        digits: decimals that a value is shown with; stored values are not rounded.
        tree: the expression, parsed.
        scale: from the expression's natural unit to `unit`.
        standard: where the definition stands; None for our own.
        source: what was taken from where, and what differs.
        verified: how well the definition is known.
    """

    id: str
    revision: int
    title: str
    domain: Domain
    unit: str
    digits: int
    window: Window
    inputs: tuple[Input, ...]
    space: Space
    facts: tuple[FactUse, ...]
    expression: str
    tree: Node
    scale: float
    bands: tuple[Band, ...]
    standard: Standard | None
    source: str
    verified: Verified

    def body(self) -> dict[str, Any]:
        """All that defines the value and how it is shown, ready for JSON."""
        return {
            "id": self.id,
            "revision": self.revision,
            "title": self.title,
            "domain": str(self.domain),
            "unit": self.unit,
            "digits": self.digits,
            "window": _words(asdict(self.window)),
            "inputs": [_words(asdict(each)) for each in self.inputs],
            "space": _words(asdict(self.space)),
            "facts": [asdict(each) for each in self.facts],
            "expression": self.expression,
            "scale": self.scale,
            "bands": [asdict(each) for each in self.bands],
            "standard": None if self.standard is None else asdict(self.standard),
            "source": self.source,
            "verified": str(self.verified),
        }

    @property
    def digest(self) -> str:
        """SHA-256 over the body in one canonical spelling, in hexadecimal."""
        text = json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _words(table: dict[str, Any]) -> dict[str, Any]:
    """The same table with plain text for enum members."""
    return {key: str(each) if isinstance(each, StrEnum) else each for key, each in table.items()}
