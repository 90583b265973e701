"""What a rule says: frozen, checked by `kpi_rules.load`."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from cityvitals.domain.names import Domain
from kpi_rules.expression import Node
from kpi_rules.rounding import Mode
from kpi_rules.tables import Table
from kpi_rules.words import (
    BelongsTo,
    ClockName,
    Combine,
    Direction,
    Fold,
    Length,
    Order,
    Statistic,
    Verified,
)


@dataclass(frozen=True, slots=True)
class Rounding:
    """To which step a number is rounded."""

    mode: Mode
    digits: int


@dataclass(frozen=True, slots=True)
class Window:
    """Which stretch of time one value is about.

    Attributes:
        step: how far windows lie apart; None where each begins when the one before ends.
    """

    length: Length
    clock: ClockName
    fold: Fold
    step: Length | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A shorter window inside an input's: its values are what the next level folds.

    Attributes:
        length: how long its windows are.
        statistic: what it makes of the level below, or of the quarter hours if it is the lowest.
        min_coverage: share of its time (lowest level) or of the places of the level below that must
            be there for a value.
        min_count: so many values of the level below at least.
        step: how far its windows lie apart; None where each begins when the one before ends.
        belongs_to: which window of the next level holds one that lies across its edge.
        begins: first and last hour of the clock at which its windows may begin; None for any.
        rounding: of its values.
    """

    length: Length
    statistic: Statistic
    min_coverage: float = 0.0
    min_count: int = 0
    step: Length | None = None
    belongs_to: BelongsTo = BelongsTo.BEGIN
    begins: tuple[int, int] | None = None
    rounding: Rounding | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One quantity as the expression sees it.

    Attributes:
        name: what the expression calls it.
        statistic: what is made of the highest level's values, or of the quarter hours.
        min_coverage: share of the window that a station must have covered to be valid.
        unit: canonical unit of the quantity, from the catalogue.
        levels: what is folded first, from the shortest to the longest; empty for quarter hours.
        min_count: so many values of the highest level at least.
        length: of its own window, which ends with the rule's; None where it is the rule's.
        clock: that cuts its levels; None where it is the rule's.
        flags: readings flagged so are left out; empty for those that are always left out.
        in_unit: the unit that the expression sees it in; "" for the canonical one.
        scale: canonical numbers to `in_unit`; None where that takes each series' reference state.
        reference_state: that concentrations are stated at; "" for the one they came with.
        floor: in the unit that the expression sees; lower values of the shortest windows count as
            that, before anything is made of them. None for no floor.
        rounding: before the expression.
        optional: whether the expression deals with its absence itself.
        combine: what its stations become; None where the rule's `space` says it.
    """

    name: str
    quantity: str
    statistic: Statistic
    min_coverage: float
    unit: str
    levels: tuple[Level, ...] = ()
    min_count: int = 0
    length: Length | None = None
    clock: ClockName | None = None
    flags: tuple[str, ...] = ()
    in_unit: str = ""
    scale: float | None = 1.0
    reference_state: str = ""
    floor: float | None = None
    rounding: Rounding | None = None
    optional: bool = False
    combine: Combine | None = None

    @property
    def seen_in(self) -> str:
        """The unit of its numbers in the expression."""
        return self.in_unit or self.unit

    @property
    def is_series(self) -> bool:
        """Whether the expression sees all its values."""
        return self.statistic is Statistic.VALUES


@dataclass(frozen=True, slots=True)
class Space:
    """How stations become a zone and the city.

    Attributes:
        min_coverage: below this coverage of the zone or city there is no value.
        order: whether stations or the expression come first.
        min_stations: so many valid stations at least.
    """

    zone: Combine
    city: Combine
    min_coverage: float
    order: Order = Order.COMBINE_FIRST
    min_stations: int = 1


@dataclass(frozen=True, slots=True)
class FactUse:
    """A dated figure of the city that the expression uses, and the unit it must be given in.

    Attributes:
        of_city: whether zones use the city's figure, too.
        optional: whether the expression deals with its absence itself.
        values: whether the expression sees all its figures that are dated within the window, as a
            series in order of time, instead of the one in force at its end.
    """

    name: str
    unit: str
    of_city: bool = False
    optional: bool = False
    values: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with a unit that the standard fixes."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Part:
    """A named step of the calculation, which later steps may use and explanations show.

    Attributes:
        tree: `expression` parsed, constants put in.
        is_series: whether it comes to a series.
    """

    name: str
    expression: str
    tree: Node
    is_series: bool


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
class Target:
    """What is aimed at, in the rule's unit; `by` a year, or "" for now."""

    value: float
    by: str
    source: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The definition of an indicator: value = round(evaluate(tree) * scale), in `unit`.

    Attributes:
        id: one output, one id.
        revision: what the file says; a changed body under the same number is still a change.
        unit: canonical unit token of the value.
        digits: decimals that a value is shown with.
        tree: the expression, parsed, constants put in.
        scale: from the expression's natural unit to `unit`.
        rounding: of the value; None where it stays as it is.
        parts: named steps, in the order in which they are calculated.
        tables: those that the expressions look up, by name.
        standard: where the definition stands; None for our own.
        source: what was taken from where, and what differs.
        verified: how well the definition is known.
        valid_from, valid_to: windows that begin in [from, to) are judged by it; None for open.
        dimension, category: where the standard files it; "" for nowhere.
        sdg, iso: what it says something about, by their numbers.
        definition: all that defines it as read, to read it again.
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
    rounding: Rounding | None = None
    constants: tuple[Constant, ...] = ()
    parts: tuple[Part, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    valid_from: date | None = None
    valid_to: date | None = None
    dimension: str = ""
    category: str = ""
    sdg: tuple[str, ...] = ()
    iso: tuple[str, ...] = ()
    direction: Direction | None = None
    target: Target | None = None
    definition: str = field(default="", compare=False)

    def body(self) -> dict[str, Any]:
        """All that defines the value and how it is shown, ready for JSON.

        What a rule does not say is left out, so that its body stays what it was when the language
        learns another word.
        """
        return {
            "id": self.id,
            "revision": self.revision,
            "title": self.title,
            "domain": str(self.domain),
            "unit": self.unit,
            "digits": self.digits,
            "window": _said(self.window),
            "inputs": [_said(each) for each in self.inputs],
            "space": _said(self.space),
            "facts": [_said(each) for each in self.facts],
            "expression": self.expression,
            "scale": self.scale,
            "bands": [asdict(each) for each in self.bands],
            "standard": None if self.standard is None else asdict(self.standard),
            "source": self.source,
            "verified": str(self.verified),
            **self._further(),
        }

    def _further(self) -> dict[str, Any]:
        """What most rules do not say."""
        found: dict[str, Any] = {
            "rounding": _said_or_none(self.rounding),
            "constants": [asdict(each) for each in self.constants],
            "parts": [{"name": each.name, "expression": each.expression} for each in self.parts],
            "tables": [_said(each) for each in self.tables.values()],
            "valid_from": _plain(self.valid_from),
            "valid_to": _plain(self.valid_to),
            "dimension": self.dimension,
            "category": self.category,
            "sdg": list(self.sdg),
            "iso": list(self.iso),
            "direction": _plain(self.direction),
            "target": _said_or_none(self.target),
        }
        return {key: each for key, each in found.items() if each not in _UNSAID}

    @property
    def series(self) -> frozenset[str]:
        """Names of inputs and facts that the expression sees as series."""
        found = {one.name for one in self.inputs if one.is_series}
        return frozenset(found | {fact.name for fact in self.facts if fact.values})

    @property
    def digest(self) -> str:
        """SHA-256 over the body in one canonical spelling, in hexadecimal."""
        text = json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


_UNSAID: Final[tuple[Any, ...]] = (None, "", [])


def _said_or_none(one: Any) -> dict[str, Any] | None:
    return None if one is None else _said(one)


def _said(one: Any) -> dict[str, Any]:
    """The fields of a record, those left out that stand at their default."""
    found = {}
    for each in one.__dataclass_fields__.values():
        value = getattr(one, each.name)
        if value != each.default:
            found[each.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """The same value as JSON has it."""
    if isinstance(value, StrEnum | date):
        return str(value)
    if isinstance(value, float) and math.isinf(value):
        return str(value)  # JSON has no infinity
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _said(value)
    return value
