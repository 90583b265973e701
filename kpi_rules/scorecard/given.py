"""What is known of a city when its scores are calculated: plain records, as the store has them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact of the city or, where `zone` is not "", of one of its zones.

    Attributes:
        value: as stated, in `unit`, a token of the catalogue.
        since: from when on it holds; None for ever.
        by: who stated it; "" where nobody said.
    """

    id: int
    name: str
    zone: str
    value: float
    unit: str
    since: datetime | None
    source: str
    quality: str
    by: str
    declared_at: datetime


@dataclass(frozen=True, slots=True)
class Aim:
    """A target of the city.

    Attributes:
        point: id of a data point, such as `u4ssc.en.en.aq.1c.pm10`.
        value: in `unit`.
        start: the value that counts as 0 %; None where that goes without saying.
        since: from when on it holds; None for ever.
    """

    id: int
    point: str
    value: float
    start: float | None
    unit: str
    since: datetime | None
    source: str
    by: str
    declared_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A window of an indicator of the whole city, in its newest revision.

    Attributes:
        value: None where the rule came to nothing; `reason` says why.
    """

    rule: str
    begin: datetime
    end: datetime
    value: float | None
    unit: str
    numerator: float | None
    denominator: float | None
    coverage: float
    state: str
    reason: str
    revision: int


@dataclass(frozen=True, slots=True)
class Given:
    """All of it.

    Attributes:
        at: as of when; what holds or ends later is left out.
        time_zone: of the city, whose calendar years count.
        told: windows that ended by `at`, the newest of each rule, and those that hold it.
    """

    at: datetime
    time_zone: str
    stated: tuple[Stated, ...]
    aims: tuple[Aim, ...]
    told: tuple[Told, ...]
